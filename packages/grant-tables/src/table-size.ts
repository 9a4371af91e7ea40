import { type DomId, EINVAL, ENOSYS, EPERM, ESRCH } from "@xenolith/xen-abi";
import {
  GNTST_bad_domain,
  GNTST_general_error,
  GNTST_okay,
  GNTST_permission_denied,
} from "@xenolith/xen-abi/grant-table";
import type { GrantContext } from "./grant-context.ts";
import type { GrantTable } from "./grant-table.ts";
import type { QuerySizeResult, SetupResult } from "./types.ts";

/** Gives a table frames until it has `count`. Those it has stay when memory runs out on the way. @returns success. */
export const growTable = (context: GrantContext, table: GrantTable, count: number): boolean => {
  if (count > table.maximumFrames) return false;
  while (table.frames.length < count) {
    const frame = context.host.frames.allocateShared(table.id);
    if (frame === null) return false;
    table.frames.push(frame);
  }
  return true;
};

/** The table that an operation on `domain` works on, or the status. */
const target = (context: GrantContext, caller: GrantTable, domain: DomId): GrantTable | number => {
  const table = context.find(caller, domain);
  if (table === null) return GNTST_bad_domain;
  return table !== caller && !caller.privileged ? GNTST_permission_denied : table;
};

/** GNTTABOP_setup_table. */
export const setupTable = (
  context: GrantContext,
  caller: GrantTable,
  domain: DomId,
  nrFrames: number,
): SetupResult => {
  const table = target(context, caller, domain);
  if (typeof table === "number") return { status: table, frames: [] };
  if (!growTable(context, table, nrFrames)) return { status: GNTST_general_error, frames: [] };
  return { status: GNTST_okay, frames: table.frames.slice(0, nrFrames) };
};

/** GNTTABOP_query_size. */
export const querySize = (context: GrantContext, caller: GrantTable, domain: DomId): QuerySizeResult => {
  const table = target(context, caller, domain);
  if (typeof table === "number") return { status: table, nrFrames: 0, maxNrFrames: 0 };
  return { status: GNTST_okay, nrFrames: table.frames.length, maxNrFrames: table.maximumFrames };
};

/** GNTTABOP_set_version: as a hypervisor answers that was started with version 1 only. */
export const setVersion = (version: number): number => {
  if (version === 1) return 0;
  return version === 2 ? -ENOSYS : -EINVAL;
};

/** GNTTABOP_get_version. */
export const getVersion = (context: GrantContext, caller: GrantTable, domain: DomId): number => {
  const table = context.find(caller, domain);
  if (table === null) return -ESRCH;
  return table !== caller && !caller.privileged ? -EPERM : 1;
};

/** GNTTABOP_get_status_frames: a table of version 1 has none to give. */
export const getStatusFrames = (
  context: GrantContext,
  caller: GrantTable,
  domain: DomId,
  nrFrames: number,
): number => {
  const table = target(context, caller, domain);
  if (typeof table === "number") return table;
  return nrFrames === 0 ? GNTST_okay : GNTST_general_error;
};
