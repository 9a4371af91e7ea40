import { type Mfn, PAGE_SIZE } from "@xenolith/machine-interface";
import type { DomId } from "@xenolith/xen-abi";
import {
  GRANT_ENTRIES_V1_PER_FRAME,
  GRANT_ENTRIES_V2_PER_FRAME,
  GRANT_ENTRY_V1,
  GRANT_ENTRY_V1_BYTES,
  GRANT_ENTRY_V2,
  GRANT_ENTRY_V2_BYTES,
  GRANT_ENTRY_V2_TRANSITIVE,
  GRANT_STATUSES_PER_FRAME,
  GTF_sub_page,
} from "@xenolith/xen-abi/grant-table";
import type { GrantTable } from "./grant-table.ts";
import type { GrantHost } from "./types.ts";

/** Entries have one layout in all widths; any will do. */
const WIDTH = "x86_32p";
const V1 = GRANT_ENTRY_V1.layout[WIDTH];
const V2 = GRANT_ENTRY_V2.layout[WIDTH];
const STATUS_BYTES = 2;

/** What an entry offers: a page, or some bytes of it. */
export interface OfferedBytes {
  /** As the granter wrote it: any number. */
  readonly frame: Mfn;
  readonly start: number;
  readonly length: number;
  /** Only a part: it may be copied, but not mapped. */
  readonly isSubPage: boolean;
}

/**
 * The entries of grant tables, which lie in memory that their domains may change at any time: read once, and written with
 * a single store. References have been checked against the table's size.
 */
export interface SharedEntries {
  /** Type and flags. In version 1 uses are among them. */
  flags(table: GrantTable, ref: number): number;
  domid(table: GrantTable, ref: number): DomId;
  /** What an entry that permits access, or accepts a transfer, is about. `flags` are those looked at before. */
  offered(table: GrantTable, ref: number, flags: number): OfferedBytes;
  /** Whose grant a transitive entry passes on. */
  passedOn(table: GrantTable, ref: number): { readonly domain: DomId; readonly ref: number };
  /** Shows the granter that an entry is used: GTF_reading, GTF_writing. */
  addUse(table: GrantTable, ref: number, bits: number): void;
  removeUse(table: GrantTable, ref: number, bits: number): void;
  /** GTF_reading and GTF_writing as they are now. */
  uses(table: GrantTable, ref: number): number;
  setFlags(table: GrantTable, ref: number, flags: number): void;
  setFrame(table: GrantTable, ref: number, frame: Mfn): void;
  /** Writes an entry about a whole page; version 2 keeps its status. */
  write(table: GrantTable, ref: number, flags: number, domid: DomId, frame: Mfn): void;
  /** Exchanges two entries and their status. */
  swap(table: GrantTable, refA: number, refB: number): void;
  /** Fills all entries with zero. */
  clear(table: GrantTable): void;
}

/** Makes access to entries in machine memory. */
export const createSharedEntries = (memory: GrantHost["memory"]): SharedEntries => {
  const { view, bytes } = memory;

  // BOUNDS: every caller has compared the reference with entryCount(table), and a table of version 2 has a status for each.
  const place = (frames: readonly Mfn[], ref: number, perFrame: number, entryBytes: number): number =>
    (frames[Math.floor(ref / perFrame)] as Mfn) * PAGE_SIZE + (ref % perFrame) * entryBytes;

  const entryBytes = (table: GrantTable): number =>
    table.version === 1 ? GRANT_ENTRY_V1_BYTES : GRANT_ENTRY_V2_BYTES;

  const addressOf = (table: GrantTable, ref: number): number =>
    table.version === 1
      ? place(table.frames, ref, GRANT_ENTRIES_V1_PER_FRAME, GRANT_ENTRY_V1_BYTES)
      : place(table.frames, ref, GRANT_ENTRIES_V2_PER_FRAME, GRANT_ENTRY_V2_BYTES);

  /** Where uses are shown: among the flags, or in a table of their own. */
  const useAddress = (table: GrantTable, ref: number): number =>
    table.version === 1
      ? addressOf(table, ref) + V1.flags
      : place(table.statusFrames, ref, GRANT_STATUSES_PER_FRAME, STATUS_BYTES);

  const announce = (address: number, length: number): void =>
    memory.written(Math.floor(address / PAGE_SIZE) as Mfn, address % PAGE_SIZE, length);

  const store16 = (address: number, value: number): void => {
    view.setUint16(address, value, true);
    announce(address, 2);
  };

  const swapBytes = (a: number, b: number, length: number): void => {
    const kept = bytes.slice(a, a + length);
    bytes.copyWithin(a, b, b + length);
    bytes.set(kept, b);
    announce(a, length);
    announce(b, length);
  };

  return {
    // Both versions begin with flags and domain.
    flags: (table, ref) => view.getUint16(addressOf(table, ref) + V1.flags, true),
    domid: (table, ref) => view.getUint16(addressOf(table, ref) + V1.domid, true) as DomId,
    offered(table, ref, flags) {
      const at = addressOf(table, ref);
      const whole = { start: 0, length: PAGE_SIZE, isSubPage: false };
      if (table.version === 1) return { ...whole, frame: view.getUint32(at + V1.frame, true) as Mfn };
      const { frame, pageOffset, length } = GRANT_ENTRY_V2.read(view, at, WIDTH);
      const isSubPage = (flags & GTF_sub_page) !== 0;
      return { ...(isSubPage ? { start: pageOffset, length, isSubPage } : whole), frame: frame as Mfn };
    },
    passedOn(table, ref) {
      const entry = GRANT_ENTRY_V2_TRANSITIVE.read(view, addressOf(table, ref), WIDTH);
      return { domain: entry.transDomid, ref: entry.ref };
    },
    addUse(table, ref, bits) {
      const at = useAddress(table, ref);
      store16(at, view.getUint16(at, true) | bits);
    },
    removeUse(table, ref, bits) {
      const at = useAddress(table, ref);
      const before = view.getUint16(at, true);
      if ((before & bits) !== 0) store16(at, before & ~bits);
    },
    uses: (table, ref) => view.getUint16(useAddress(table, ref), true),
    setFlags: (table, ref, flags) => store16(addressOf(table, ref) + V1.flags, flags),
    setFrame(table, ref, frame) {
      const at = addressOf(table, ref) + (table.version === 1 ? V1.frame : V2.frame);
      view.setUint32(at, frame, true);
      if (table.version === 2) view.setUint32(at + 4, 0, true);
      announce(at, table.version === 1 ? 4 : 8);
    },
    write(table, ref, flags, domid, frame) {
      const at = addressOf(table, ref);
      if (table.version === 1) GRANT_ENTRY_V1.write(view, at, WIDTH, { flags, domid, frame });
      else GRANT_ENTRY_V2.write(view, at, WIDTH, { flags, domid, pageOffset: 0, length: 0, frame });
      announce(at, entryBytes(table));
    },
    swap(table, refA, refB) {
      swapBytes(addressOf(table, refA), addressOf(table, refB), entryBytes(table));
      if (table.version === 2) swapBytes(useAddress(table, refA), useAddress(table, refB), STATUS_BYTES);
    },
    clear(table) {
      for (const frame of table.frames) {
        bytes.fill(0, frame * PAGE_SIZE, (frame + 1) * PAGE_SIZE);
        announce(frame * PAGE_SIZE, PAGE_SIZE);
      }
    },
  };
};
