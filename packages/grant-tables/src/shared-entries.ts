import { type Mfn, PAGE_SIZE } from "@xenolith/machine-interface";
import type { DomId } from "@xenolith/xen-abi";
import {
  GRANT_ENTRIES_V1_PER_FRAME,
  GRANT_ENTRY_V1,
  GRANT_ENTRY_V1_BYTES,
} from "@xenolith/xen-abi/grant-table";
import type { GrantTable } from "./grant-table.ts";
import type { GrantHost } from "./types.ts";

const LAYOUT = GRANT_ENTRY_V1.layout.x86_32p;

/**
 * The entries of grant tables, which lie in memory that their domains may change at any time: read once, and written with
 * a single store. References have been checked against the table's size.
 */
export interface SharedEntries {
  flags(table: GrantTable, ref: number): number;
  domid(table: GrantTable, ref: number): DomId;
  frame(table: GrantTable, ref: number): Mfn;
  setFlags(table: GrantTable, ref: number, flags: number): void;
  write(table: GrantTable, ref: number, flags: number, domid: DomId, frame: Mfn): void;
}

/** Makes access to entries in machine memory. */
export const createSharedEntries = (memory: GrantHost["memory"]): SharedEntries => {
  const { view } = memory;
  const frameOf = (table: GrantTable, ref: number): Mfn => {
    const frame = table.frames[Math.floor(ref / GRANT_ENTRIES_V1_PER_FRAME)];
    // BOUNDS: every caller has compared the reference with entryCount(table).
    return frame as Mfn;
  };
  const offsetOf = (ref: number): number => (ref % GRANT_ENTRIES_V1_PER_FRAME) * GRANT_ENTRY_V1_BYTES;
  const addressOf = (table: GrantTable, ref: number): number =>
    frameOf(table, ref) * PAGE_SIZE + offsetOf(ref);

  return {
    flags: (table, ref) => view.getUint16(addressOf(table, ref) + LAYOUT.flags, true),
    domid: (table, ref) => view.getUint16(addressOf(table, ref) + LAYOUT.domid, true) as DomId,
    frame: (table, ref) => view.getUint32(addressOf(table, ref) + LAYOUT.frame, true) as Mfn,
    setFlags: (table, ref, flags) => {
      view.setUint16(addressOf(table, ref) + LAYOUT.flags, flags, true);
      memory.written(frameOf(table, ref), offsetOf(ref) + LAYOUT.flags, 2);
    },
    write: (table, ref, flags, domid, frame) => {
      GRANT_ENTRY_V1.write(view, addressOf(table, ref), "x86_32p", { flags, domid, frame });
      memory.written(frameOf(table, ref), offsetOf(ref), GRANT_ENTRY_V1_BYTES);
    },
  };
};
