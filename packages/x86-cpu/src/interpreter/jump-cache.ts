/**
 * The jump cache: where records for an offset in CS are, for lookups that have no link. A hash of the offset selects a set of
 * {@link JUMP_WAYS} entries; any of them may be the one.
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
const ENTRY_SHIFT = 5;
/** Binary logarithm of the entries of a set. */
const WAYS_SHIFT = 2;
const INDEX_BITS = 16;
/** Bytes of an entry. */
export const JUMP_ENTRY_BYTES: number = 1 << ENTRY_SHIFT;
/** Entries of a set. */
export const JUMP_WAYS: number = 1 << WAYS_SHIFT;
/** Bytes of the whole table. */
export const JUMP_CACHE_BYTES: number = 1 << (INDEX_BITS + ENTRY_SHIFT);

/** Multiplying by it spreads addresses: pages that are called at the same offsets must not fall onto one another. */
export const JUMP_HASH_FACTOR = 0x9e37_79b1;
/** The product shifted right by this is the offset of a set, but for bits that {@link JUMP_OFFSET_MASK} clears. */
export const JUMP_HASH_SHIFT: number = 32 - INDEX_BITS - ENTRY_SHIFT;
/** Bits of the offset of a set in the table. */
export const JUMP_OFFSET_MASK: number = JUMP_CACHE_BYTES - (1 << (ENTRY_SHIFT + WAYS_SHIFT));

/** Offset of the first entry of the set for an offset in CS, given its low 32 bits. */
export const jumpSetOffset = (instructionPointer: number): number =>
  (Math.imul(instructionPointer, JUMP_HASH_FACTOR) >>> JUMP_HASH_SHIFT) & JUMP_OFFSET_MASK;
