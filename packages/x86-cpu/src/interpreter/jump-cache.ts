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

export const JUMP_ENTRY_SHIFT = 5;
export const JUMP_ENTRIES = 4096;
export const JUMP_CACHE_BYTES: number = JUMP_ENTRIES << JUMP_ENTRY_SHIFT;

/** Offset of the entry for an offset in CS, given its low 32 bits. */
export const jumpEntryOffset = (instructionPointer: number): number =>
  ((instructionPointer ^ (instructionPointer >>> 12)) & (JUMP_ENTRIES - 1)) << JUMP_ENTRY_SHIFT;
