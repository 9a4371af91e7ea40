import { PAGE_SIZE } from "@xenolith/machine-interface";
import {
  GNTMAP_application_map,
  GNTMAP_contains_pte,
  GNTMAP_device_map,
  GNTMAP_host_map,
  GNTMAP_readonly,
  GNTST_bad_domain,
  GNTST_bad_gntref,
  GNTST_bad_page,
  GNTST_general_error,
  GNTST_no_space,
  GNTST_okay,
} from "@xenolith/xen-abi/grant-table";
import type { GrantContext } from "./grant-context.ts";
import type { ActiveEntry, GrantTable } from "./grant-table.ts";
import { dropFrame, holdFrame } from "./hold.ts";
import { pinEntry, pinKinds, unpinEntry } from "./pin.ts";
import type { MappingPlace, MappingRights, MapRequest, MapResult } from "./types.ts";

/** Bit of GTF_PWT, the lowest of the three cache attributes of an entry. */
const CACHE_SHIFT = 5;
/** Lowest of the available bits in the flags of a mapping. */
const AVAILABLE_SHIFT = 16;

/** Place of a mapping in the mapper's page tables. */
export const mappingPlace = (hostAddr: number, containsPte: boolean): MappingPlace => ({
  kind: containsPte ? "entry" : "linear",
  address: hostAddr,
});

const rightsOf = (flags: number, writable: boolean, entryFlags: number): MappingRights => ({
  writable,
  user: (flags & GNTMAP_application_map) !== 0,
  available: (flags >>> AVAILABLE_SHIFT) & 7,
  cache: (entryFlags >>> CACHE_SHIFT) & 7,
});

/** Holds the page for each part of a mapping and installs the page-table entry. All or nothing. */
const establish = (
  context: GrantContext,
  caller: GrantTable,
  granter: GrantTable,
  request: MapRequest,
  entry: ActiveEntry,
  fresh: boolean,
): number => {
  const { frames, pageTables } = context.host;
  const { frame } = entry;
  const writable = (request.flags & GNTMAP_readonly) === 0;
  const host = (request.flags & GNTMAP_host_map) !== 0;
  const device = (request.flags & GNTMAP_device_map) !== 0;

  const first = holdFrame(frames, frame, granter.id, writable);
  // What the granter said is looked at once: later the frame can only have changed its owner or use.
  if (first !== GNTST_okay) return fresh || first !== GNTST_bad_page ? first : GNTST_general_error;
  if (host && device && holdFrame(frames, frame, granter.id, writable) !== GNTST_okay) {
    dropFrame(frames, frame, writable);
    return GNTST_general_error;
  }
  if (!host) return GNTST_okay;
  const place = mappingPlace(request.hostAddr, (request.flags & GNTMAP_contains_pte) !== 0);
  const rights = rightsOf(request.flags, writable, context.entries.flags(granter, request.ref));
  if (pageTables.install(caller.id, place, frame, rights)) return GNTST_okay;
  dropFrame(frames, frame, writable);
  if (device) dropFrame(frames, frame, writable);
  return GNTST_general_error;
};

const mapInto = (
  context: GrantContext,
  caller: GrantTable,
  granter: GrantTable,
  request: MapRequest,
): MapResult | number => {
  const writable = (request.flags & GNTMAP_readonly) === 0;
  const host = (request.flags & GNTMAP_host_map) !== 0;
  const device = (request.flags & GNTMAP_device_map) !== 0;
  const kinds = pinKinds(host, device, writable);
  if (caller.mapTrack.room() < 1) return GNTST_no_space;
  const fresh = !granter.active.has(request.ref);
  const { status, entry } = pinEntry(context.entries, granter, request.ref, {
    user: caller.id,
    writable,
    isMapping: true,
    kinds,
  });
  if (entry === null) return status;

  const established = establish(context, caller, granter, request, entry, fresh);
  if (established !== GNTST_okay) {
    unpinEntry(context.entries, granter, request.ref, kinds);
    return established;
  }
  const { handle } = caller.mapTrack.add({
    granter,
    ref: request.ref,
    frame: entry.frame,
    writable,
    containsPte: (request.flags & GNTMAP_contains_pte) !== 0,
    host,
    device,
    pages: null,
  });
  return { status: GNTST_okay, handle, devBusAddr: entry.frame * PAGE_SIZE };
};

/** GNTTABOP_map_grant_ref. */
export const mapGrantRef = (context: GrantContext, caller: GrantTable, request: MapRequest): MapResult => {
  const asked = request.flags & (GNTMAP_device_map | GNTMAP_host_map);
  const granter = asked === 0 ? null : context.named(request.dom);
  const result =
    granter !== null
      ? mapInto(context, caller, granter, request)
      : asked === 0
        ? GNTST_bad_gntref
        : GNTST_bad_domain;
  const mapped = typeof result === "number" ? { status: result, handle: 0, devBusAddr: 0 } : result;
  context.traceMap(caller.id, request.dom, request.ref, mapped.status);
  return mapped;
};
