import { PAGE_SIZE } from "@xenolith/machine-interface";
import { GNTST_bad_handle, GNTST_general_error, GNTST_okay } from "@xenolith/xen-abi/grant-table";
import type { GrantContext } from "./grant-context.ts";
import type { GrantTable } from "./grant-table.ts";
import { dropFrame } from "./hold.ts";
import { mappingPlace } from "./map.ts";
import type { Mapping } from "./map-track.ts";
import { pinKinds, unpinEntry } from "./pin.ts";
import type { UnmapRequest } from "./types.ts";

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

const unmap = (
  context: GrantContext,
  caller: GrantTable,
  mapping: Mapping,
  request: UnmapRequest,
): number => {
  const { frames, pageTables } = context.host;
  const host = request.hostAddr !== 0 && mapping.host;
  const device = request.devBusAddr !== 0 && mapping.device;
  if (device && request.devBusAddr !== mapping.frame * PAGE_SIZE) return GNTST_general_error;
  if (host) {
    const place = mappingPlace(request.hostAddr, mapping.containsPte);
    if (!pageTables.remove(caller.id, place, mapping.frame, mapping.writable)) return GNTST_general_error;
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

/** GNTTABOP_unmap_grant_ref. */
export const unmapGrantRef = (context: GrantContext, caller: GrantTable, request: UnmapRequest): number => {
  const mapping = caller.mapTrack.find(request.handle);
  if (mapping === undefined || mapping.onLost !== null) return GNTST_bad_handle;
  const status = unmap(context, caller, mapping, request);
  context.traceUnmap(caller.id, mapping.granter.id, mapping.ref, status);
  return status;
};

/** Lets go of everything a dying domain has mapped. Entries in its page tables keep their holds until the tables go. */
export const releaseAllMappings = (context: GrantContext, dying: GrantTable): void => {
  const { frames } = context.host;
  for (const mapping of [...dying.mapTrack.all]) {
    if (mapping.onLost !== null) {
      mapping.onLost();
      dropFrame(frames, mapping.frame, mapping.writable);
    }
    if (mapping.device) dropFrame(frames, mapping.frame, mapping.writable);
    endMapping(context, dying, mapping, mapping.host, mapping.device);
  }
};
