import type { DomId } from "@xenolith/xen-abi";
import {
  GNTST_bad_gntref,
  GNTST_general_error,
  GNTST_okay,
  GTF_permit_access,
  GTF_reading,
  GTF_readonly,
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

/** Begins a use: what came of it. */
export interface PinResult {
  /** GNTST_okay, GNTST_bad_gntref or GNTST_general_error. */
  readonly status: number;
  /** Set when the status is GNTST_okay. */
  readonly entry: ActiveEntry | null;
}

const failed = (status: number): PinResult => ({ status, entry: null });

/**
 * Begins a use of a grant by a domain, once for each of `kinds` (all of them reads, or all writes), and shows it to the
 * granter by GTF_reading and GTF_writing. The page itself is not held yet. On failure nothing has changed.
 */
export const pinEntry = (
  entries: SharedEntries,
  table: GrantTable,
  ref: number,
  user: DomId,
  writable: boolean,
  kinds: readonly PinKind[],
): PinResult => {
  if (!isReference(table, ref)) return failed(GNTST_bad_gntref);
  const known = table.active.get(ref);
  if (known !== undefined && (known.user !== user || isCrowded(known))) return failed(GNTST_general_error);
  if (known === undefined || (writable && !isWritten(known))) {
    const flags = entries.flags(table, ref);
    if (
      known === undefined &&
      ((flags & GTF_type_mask) !== GTF_permit_access || entries.domid(table, ref) !== user)
    ) {
      return failed(GNTST_general_error);
    }
    if (writable && (flags & GTF_readonly) !== 0) return failed(GNTST_general_error);
    entries.setFlags(table, ref, flags | GTF_reading | (writable ? GTF_writing : 0));
  }
  const entry = known ?? {
    user,
    frame: entries.frame(table, ref),
    hostReads: 0,
    hostWrites: 0,
    deviceReads: 0,
    deviceWrites: 0,
  };
  for (const kind of kinds) entry[kind]++;
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
  const cleared = (over ? GTF_reading : 0) | (isWritten(entry) ? 0 : GTF_writing);
  const flags = entries.flags(table, ref);
  if ((flags & cleared) !== 0) entries.setFlags(table, ref, flags & ~cleared);
};

/** The kinds of use behind a mapping. */
export const pinKinds = (host: boolean, device: boolean, writable: boolean): readonly PinKind[] => {
  const kinds: PinKind[] = [];
  if (host) kinds.push(writable ? "hostWrites" : "hostReads");
  if (device) kinds.push(writable ? "deviceWrites" : "deviceReads");
  return kinds;
};
