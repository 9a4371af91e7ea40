import type { DomId } from "@xenolith/xen-abi";
import {
  GNTST_bad_gntref,
  GNTST_general_error,
  GNTST_okay,
  GTF_permit_access,
  GTF_reading,
  GTF_readonly,
  GTF_sub_page,
  GTF_transitive,
  GTF_type_mask,
  GTF_writing,
} from "@xenolith/xen-abi/grant-table";
import { type ActiveEntry, type GrantTable, isReference, type PinKind } from "./grant-table.ts";
import type { SharedEntries } from "./shared-entries.ts";

/** Uses of one kind that an entry may have at once and still be used again. */
const PIN_LIMIT = 128;

const isWritten = (entry: ActiveEntry): boolean => entry.hostWrites > 0 || entry.deviceWrites > 0;

const isUsed = (entry: ActiveEntry): boolean =>
  isWritten(entry) || entry.hostReads > 0 || entry.deviceReads > 0;

const isCrowded = (entry: ActiveEntry): boolean =>
  Math.max(entry.hostReads, entry.hostWrites, entry.deviceReads, entry.deviceWrites) >= PIN_LIMIT;

/** How a grant is to be used. */
export interface PinRequest {
  readonly user: DomId;
  readonly writable: boolean;
  /** To be mapped, not copied: only whole pages of the granter's own can be. */
  readonly isMapping: boolean;
  /** Ways of use, each to be counted once: all of them reads, or all writes. */
  readonly kinds: readonly PinKind[];
}

/** What a use of a grant is about. */
export type PinnedPage = Pick<ActiveEntry, "frame" | "start" | "length" | "isSubPage" | "passedOn">;

/** Begins a use: what came of it. */
export interface PinResult {
  /** GNTST_okay, GNTST_bad_gntref or GNTST_general_error. */
  readonly status: number;
  /** Set when the status is GNTST_okay. */
  readonly entry: ActiveEntry | null;
}

const failed = (status: number): PinResult => ({ status, entry: null });

/** Whether what the entry says now allows a use that nobody has begun yet. */
const isOffered = (
  entries: SharedEntries,
  table: GrantTable,
  ref: number,
  flags: number,
  { user, isMapping }: PinRequest,
): boolean => {
  const type = flags & GTF_type_mask;
  if (entries.domid(table, ref) !== user) return false;
  if (table.version === 1) return type === GTF_permit_access;
  if (isMapping) return type === GTF_permit_access && (flags & GTF_sub_page) === 0;
  return type === GTF_permit_access || type === GTF_transitive;
};

/**
 * Whether a use may begin. What was said when an entry's first use began counts until its last has ended; the granter is
 * asked again only whether it may be written, by the first who writes.
 * @returns GNTST_okay, GNTST_bad_gntref or GNTST_general_error
 */
export const checkPin = (
  entries: SharedEntries,
  table: GrantTable,
  ref: number,
  request: PinRequest,
): number => {
  if (!isReference(table, ref)) return GNTST_bad_gntref;
  const known = table.active.get(ref);
  if (known !== undefined) {
    const fits = known.user === request.user && !(request.isMapping && known.isSubPage);
    if (!fits || isCrowded(known)) return GNTST_general_error;
    if (!request.writable || isWritten(known)) return GNTST_okay;
  }
  const flags = entries.flags(table, ref);
  if (known === undefined && !isOffered(entries, table, ref, flags, request)) return GNTST_general_error;
  return request.writable && (flags & GTF_readonly) !== 0 ? GNTST_general_error : GNTST_okay;
};

/** The page that a grant is about; what is passed on from another domain is found by the caller. */
const offeredPage = (entries: SharedEntries, table: GrantTable, ref: number): PinnedPage => ({
  ...entries.offered(table, ref, entries.flags(table, ref)),
  passedOn: null,
});

/** Field by field: objects that are made by spreading another have a layout of their own each. */
const newEntry = (user: DomId, { frame, start, length, isSubPage, passedOn }: PinnedPage): ActiveEntry => ({
  user,
  frame,
  start,
  length,
  isSubPage,
  passedOn,
  hostReads: 0,
  hostWrites: 0,
  deviceReads: 0,
  deviceWrites: 0,
});

/**
 * Begins a use of a grant by a domain, and shows it to the granter by GTF_reading and GTF_writing. The page itself is not
 * held yet. On failure nothing has changed. `passedOn`: the page behind a transitive grant.
 */
export const pinEntry = (
  entries: SharedEntries,
  table: GrantTable,
  ref: number,
  request: PinRequest,
  passedOn?: PinnedPage,
): PinResult => {
  const status = checkPin(entries, table, ref, request);
  if (status !== GNTST_okay) return failed(status);
  const known = table.active.get(ref);
  const entry = known ?? newEntry(request.user, passedOn ?? offeredPage(entries, table, ref));
  if (known === undefined || (request.writable && !isWritten(known)))
    entries.addUse(table, ref, GTF_reading | (request.writable ? GTF_writing : 0));
  for (const kind of request.kinds) entry[kind]++;
  table.active.set(ref, entry);
  return { status: GNTST_okay, entry };
};

/** Ends uses that {@link pinEntry} began, and takes the flags back with the last of them. */
export const unpinEntry = (
  entries: SharedEntries,
  table: GrantTable,
  ref: number,
  kinds: readonly PinKind[],
): void => {
  const entry = table.active.get(ref);
  if (entry === undefined) return;
  for (const kind of kinds) entry[kind]--;
  const over = !isUsed(entry);
  if (over) table.active.delete(ref);
  if (table.gone) return;
  entries.removeUse(table, ref, (over ? GTF_reading : 0) | (isWritten(entry) ? 0 : GTF_writing));
};

/** The kinds of use behind a mapping. */
export const pinKinds = (host: boolean, device: boolean, writable: boolean): readonly PinKind[] => {
  const kinds: PinKind[] = [];
  if (host) kinds.push(writable ? "hostWrites" : "hostReads");
  if (device) kinds.push(writable ? "deviceWrites" : "deviceReads");
  return kinds;
};
