import type { Mfn } from "@xenolith/machine-interface";
import type { DomId } from "@xenolith/xen-abi";
import {
  GNTST_bad_domain,
  GNTST_general_error,
  GNTST_okay,
  GNTST_permission_denied,
} from "@xenolith/xen-abi/grant-table";
import type { GrantContext } from "./grant-context.ts";
import { type GrantTable, statusFrameCount } from "./grant-table.ts";
import type { QuerySizeResult, SetupResult } from "./types.ts";

/** Takes frames that a table shares with its domain, all or none. */
export const allocateFrames = ({ host }: GrantContext, table: GrantTable, count: number): Mfn[] | null => {
  const frames: Mfn[] = [];
  while (frames.length < count) {
    const frame = host.frames.allocateShared(table.id);
    if (frame === null) {
      for (const taken of frames) host.frames.releaseShared(taken);
      return null;
    }
    frames.push(frame);
  }
  return frames;
};

/** Gives a table frames until it has `count`, and in version 2 the status frames that go with them. @returns success. */
export const growTable = (context: GrantContext, table: GrantTable, count: number): boolean => {
  if (count > table.maximumFrames) return false;
  const missing = Math.max(0, count - table.frames.length);
  const status = table.version === 2 ? statusFrameCount(table.frames.length + missing) : 0;
  const missingStatus = Math.max(0, status - table.statusFrames.length);
  const added = allocateFrames(context, table, missing + missingStatus);
  if (added === null) return false;
  table.frames = [...table.frames, ...added.slice(0, missing)];
  table.statusFrames = [...table.statusFrames, ...added.slice(missing)];
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

/** GNTTABOP_get_status_frames: in version 1 there are none to give. */
export const getStatusFrames = (
  context: GrantContext,
  caller: GrantTable,
  domain: DomId,
  nrFrames: number,
): SetupResult => {
  const table = target(context, caller, domain);
  if (typeof table === "number") return { status: table, frames: [] };
  if (nrFrames > table.statusFrames.length) return { status: GNTST_general_error, frames: [] };
  return { status: GNTST_okay, frames: table.statusFrames.slice(0, nrFrames) };
};
