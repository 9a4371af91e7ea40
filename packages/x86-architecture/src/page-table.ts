/** Bits of a page-table entry that lie in its low word, alike in every format. [SDM3A-4.3] [SDM3A-4.4] [SDM3A-4.5] */
export const PTE = {
  present: 1,
  writable: 2,
  user: 4,
  writeThrough: 8,
  cacheDisable: 0x10,
  accessed: 0x20,
  dirty: 0x40,
  /** Bit 7: page size above level 1, PAT at level 1. */
  large: 0x80,
  pat: 0x80,
  global: 0x100,
  available: 0xe00,
} as const;

/** Bits that mean caching above level 1 and at it, and page size above level 1. */
export const PTE_CACHING_AND_SIZE: number = PTE.writeThrough | PTE.cacheDisable | PTE.large;

/** No-execute, bit 63 of 8-byte entries, as a bit of the high word. [SDM3A-4.6] */
export const PTE_NX_HIGH = 0x8000_0000;

/** Shape of a page-table format. */
export interface PageTableShape {
  /** Levels from the root (highest) down to 1. */
  readonly levels: number;
  readonly entryBytes: 4 | 8;
  /** log2 of the entries of a full table: 10 or 9. */
  readonly indexBits: 9 | 10;
}

/** Shapes by format: two-level has 1024 entries of 4 bytes, the others 512 of 8 (the PAE root: 4). */
export const PAGE_TABLE_SHAPE: Readonly<Record<"two-level" | "pae" | "long", PageTableShape>> = {
  "two-level": { levels: 2, entryBytes: 4, indexBits: 10 },
  pae: { levels: 3, entryBytes: 8, indexBits: 9 },
  long: { levels: 4, entryBytes: 8, indexBits: 9 },
};

/** Bytes that an entry of each level stands for, by the bits of an index. */
const ENTRY_SPAN: Readonly<Record<9 | 10, readonly number[]>> = {
  9: [0, 2 ** 12, 2 ** 21, 2 ** 30, 2 ** 39],
  10: [0, 2 ** 12, 2 ** 22],
};

/** Index into the table of `level` (1 = lowest) for a linear address, for any exact canonical number. */
export const tableIndex = (shape: PageTableShape, level: number, address: number): number => {
  const mask = shape.levels === 3 && level === 3 ? 3 : (1 << shape.indexBits) - 1;
  // What is cut off is a multiple of 2^32, whatever the sign: the low bits stay as they are.
  return Math.floor(address / (ENTRY_SPAN[shape.indexBits][level] ?? 1)) & mask;
};

/** Frame number in an 8-byte entry, given as two words: bits 51:12. Exact up to 2^40 frames. */
export const entryFrame = (low: number, high: number): number => (low >>> 12) + (high & 0xf_ffff) * 0x10_0000;

/** Low word of an entry that leads to `frame` with flag bits `flags` (0 to 0xfff). */
export const entryLow = (frame: number, flags: number): number =>
  ((frame % 0x10_0000) * 0x1000 + flags) >>> 0;

/** High word of an 8-byte entry that leads to `frame`, without NX. */
export const entryHigh = (frame: number): number => Math.floor(frame / 0x10_0000);
