import { PAGE_SIZE } from "@xenolith/machine-interface";
import {
  GNTST_bad_dev_addr,
  GNTST_bad_handle,
  GNTST_general_error,
  GNTST_okay,
} from "@xenolith/xen-abi/grant-table";
import type { GrantContext } from "./grant-context.ts";
import type { GrantTable } from "./grant-table.ts";
import { dropFrame } from "./hold.ts";
import { mappingPlace } from "./map.ts";
import type { Mapping } from "./map-track.ts";
import { pinKinds, unpinEntry } from "./pin.ts";
import type { UnmapAndReplaceRequest, UnmapRequest } from "./types.ts";

/** Ends parts of a mapping whose page-table entry and holds are dealt with, and the mapping with its last part. */
export const endMapping = (
  context: GrantContext,
  caller: GrantTable,
  mapping: Mapping,
  host: boolean,
  device: boolean,
): void => {
  if (host) mapping.host = false;
  if (device) mapping.device = false;
  unpinEntry(context.entries, mapping.granter, mapping.ref, pinKinds(host, device, mapping.writable));
  if (!mapping.host && !mapping.device) caller.mapTrack.remove(mapping);
};

/** What is to be ended of a mapping, as both ways of unmapping say it. */
interface UnmapParts {
  readonly hostAddr: number;
  readonly devBusAddr: number;
  /** Linear address whose mapping moves to the place of the grant's; 0: none. */
  readonly newAddr: number;
}

const unmap = (context: GrantContext, caller: GrantTable, mapping: Mapping, parts: UnmapParts): number => {
  const { frames, pageTables } = context.host;
  const host = parts.hostAddr !== 0 && mapping.host;
  const device = parts.devBusAddr !== 0 && mapping.device;
  if (device && parts.devBusAddr !== mapping.frame * PAGE_SIZE) return GNTST_bad_dev_addr;
  if (host) {
    const { frame, writable, containsPte } = mapping;
    // The entry that is to take the place is named by a linear address, and so must the place be.
    if (containsPte && parts.newAddr !== 0) return GNTST_general_error;
    const place = mappingPlace(parts.hostAddr, containsPte);
    if (!pageTables.remove(caller.id, place, frame, writable, parts.newAddr)) return GNTST_general_error;
  }
  if (!host && !device) return GNTST_okay;
  // No TLB may lead to the page once its holds are gone and the granter may do with it as it likes.
  if (host) {
    context.host.flushFrame(mapping.frame);
    dropFrame(frames, mapping.frame, mapping.writable);
  }
  if (device) dropFrame(frames, mapping.frame, mapping.writable);
  endMapping(context, caller, mapping, host, device);
  return GNTST_okay;
};

const unmapHandle = (
  context: GrantContext,
  caller: GrantTable,
  handle: number,
  parts: UnmapParts,
): number => {
  const mapping = caller.mapTrack.find(handle);
  if (mapping === undefined || mapping.pages !== null) return GNTST_bad_handle;
  const status = unmap(context, caller, mapping, parts);
  context.traceUnmap(caller.id, mapping.granter.id, mapping.ref, status);
  return status;
};

/** GNTTABOP_unmap_grant_ref. */
export const unmapGrantRef = (context: GrantContext, caller: GrantTable, request: UnmapRequest): number =>
  unmapHandle(context, caller, request.handle, { ...request, newAddr: 0 });

/** GNTTABOP_unmap_and_replace. */
export const unmapAndReplace = (
  context: GrantContext,
  caller: GrantTable,
  request: UnmapAndReplaceRequest,
): number => unmapHandle(context, caller, request.handle, { ...request, devBusAddr: 0 });

/** Lets go of everything a dying domain has mapped. Entries in its page tables keep their holds until the tables go. */
export const releaseAllMappings = (context: GrantContext, dying: GrantTable): void => {
  const { frames } = context.host;
  for (const mapping of [...dying.mapTrack.all]) {
    if (mapping.pages !== null) {
      mapping.pages.revoke();
      dropFrame(frames, mapping.frame, mapping.writable);
    }
    if (mapping.device) dropFrame(frames, mapping.frame, mapping.writable);
    endMapping(context, dying, mapping, mapping.host, mapping.device);
  }
};
