/**
 * A trace: a header, records, an end. Numbers are little-endian; `varint` is seven bits per byte, lowest first, the top bit
 * says that more follow; `signed` is a varint whose lowest bit is the sign (0 0, 1 -1, 2 1, 3 -2 …).
 *
 * Header, 8 bytes: the magic number "XTRC", the version, three zeros.
 *
 * Record: one byte of {@link RECORD_FLAG}, then what its bits announce, in this order:
 * - `context`: a byte with the size of the code (2, 4 or 8), and signed: linear address minus instruction pointer.
 * - `jump`: signed: linear address minus where the last instruction ended.
 * - `code`: a byte with the number of code bytes, at most 15, and the bytes. Without it they are those that were last seen in
 *   the same slot of the code cache.
 * - `accesses`: varint: how many; each a byte (bit 7: write; bits 6:0: size in bytes), signed: address minus that of the last
 *   access of its kind, varint: value.
 * - `changes`: varint: how many; each a byte with the number of the register in `TRACED_REGISTERS`, signed: value minus the
 *   last one known, which is 0 at first.
 *
 * End: one byte, {@link END}, and varint: the number of records.
 */
export const RECORD_FLAG = {
  context: 1,
  jump: 2,
  code: 4,
  accesses: 8,
  changes: 16,
  faulted: 32,
} as const;

/** The byte in place of a record's flags that ends a trace. */
export const END = 0x80;

/** The bytes that a trace begins with. */
export const MAGIC: readonly number[] = [0x58, 0x54, 0x52, 0x43];
/** Version of the format. */
export const VERSION = 1;
/** Bytes of the header: the magic, the version, and zeros. */
export const HEADER_BYTES = 8;

/** Most accesses of one record: what goes beyond is left out. No instruction makes so many. */
export const MAX_ACCESSES = 4096;
/** Largest access in bytes. */
export const MAX_ACCESS_BYTES = 64;
/** More bytes than any record takes. */
export const MAX_RECORD_BYTES: number = 4096 + MAX_ACCESSES * (1 + 8 + 75);

/** Slots of the code cache that writer and reader keep alike. */
export const CODE_SLOTS = 4096;

/** Slot of the code at a linear address. */
export const codeSlot = (address: number): number => {
  const low = address >>> 0;
  return (low ^ (low >>> 12)) & (CODE_SLOTS - 1);
};
