/**
 * The jump cache: where records for an offset in CS are, direct-mapped, for lookups that have no link.
 *
 * | offset | type | field |
 * |---|---|---|
 * | 0 | i64 | offset in CS |
 * | 8 | u32 | mode; 0xffffffff: empty |
 * | 12 | u32 | frame that the code was read from |
 * | 16 | u32 | record |
 * | 20 | u32 | number of the function that begins there, in the table of translations; 0: none |
 * | 24 | u32 | number of the entry of that function |
 *
 * An entry counts only while the execute TLB maps the address to that frame, so it needs no flush when mappings change.
 */
export const JUMP_ENTRY = {
  instructionPointer: 0,
  mode: 8,
  frame: 12,
  record: 16,
  slot: 20,
  entry: 24,
} as const;

/** Binary logarithm of the bytes of an entry. */
export const JUMP_ENTRY_SHIFT = 5;
const INDEX_BITS = 16;
/** Bytes of the whole table. */
export const JUMP_CACHE_BYTES: number = 1 << (INDEX_BITS + JUMP_ENTRY_SHIFT);

/** Multiplying by it spreads addresses: pages that are called at the same offsets must not fall onto one another. */
export const JUMP_HASH_FACTOR = 0x9e37_79b1;
/** The product shifted right by this is the offset of an entry, but for bits that {@link JUMP_OFFSET_MASK} clears. */
export const JUMP_HASH_SHIFT: number = 32 - INDEX_BITS - JUMP_ENTRY_SHIFT;
/** Bits of the offset of an entry in the table. */
export const JUMP_OFFSET_MASK: number = JUMP_CACHE_BYTES - (1 << JUMP_ENTRY_SHIFT);

/** Offset of the entry for an offset in CS, given its low 32 bits. */
export const jumpEntryOffset = (instructionPointer: number): number =>
  (Math.imul(instructionPointer, JUMP_HASH_FACTOR) >>> JUMP_HASH_SHIFT) & JUMP_OFFSET_MASK;
