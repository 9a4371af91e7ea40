import { add, and, load, mul, or, shl, shrU, TYPE, type Value, wrap, xor } from "@xenolith/wasm-emitter";

/**
 * The jump cache: where records for an offset in CS are, for lookups that have no link. The offset selects a set of
 * {@link JUMP_WAYS} entries, which are one cache line; any of them may be the one.
 *
 * | offset | type | field |
 * |---|---|---|
 * | 0 | i64 | offset in CS |
 * | 8 | u32 | code: frame that it was read from in bits 19:0, mode in 30:20; 0xffffffff: empty |
 * | 12 | u32 | record |
 *
 * An entry counts only while the execute TLB maps the address to that frame, so it needs no flush when mappings change. Whether a
 * translation begins there, the record says.
 */
export const JUMP_ENTRY = { instructionPointer: 0, code: 8, record: 12 } as const;

/** In place of frame and mode where there is nothing. */
export const NO_CODE = 0xffff_ffff;

/** Binary logarithm of the bytes of an entry. */
const ENTRY_SHIFT = 4;
/** Binary logarithm of the entries of a set. */
const WAYS_SHIFT = 2;
/** Binary logarithm of the sets. */
const SET_BITS = 14;
/** Binary logarithm of the bytes of code that share a set. */
const CHUNK_SHIFT = 4;
const PAGE_SHIFT = 12;
const SET_SHIFT = ENTRY_SHIFT + WAYS_SHIFT;
const MODE_SHIFT = 20;
const FRAME_MASK = (1 << MODE_SHIFT) - 1;

/** Bytes of an entry. */
export const JUMP_ENTRY_BYTES: number = 1 << ENTRY_SHIFT;
/** Entries of a set. */
export const JUMP_WAYS: number = 1 << WAYS_SHIFT;
/** Bytes of the whole table. */
export const JUMP_CACHE_BYTES: number = 1 << (SET_BITS + SET_SHIFT);

/** Multiplying by it spreads the numbers of pages: those that are called at the same offsets must not fall onto one another. */
const HASH_FACTOR = 0x9e37_79b1;
const SET_MASK = (1 << SET_BITS) - 1;

/**
 * Offset of the first entry of the set for an offset in CS, given its low 32 bits. What lies near in a page of code lies near in the
 * table, so that one page of the table serves much of a page of code; where that lies is a hash of the page's number.
 */
export const jumpSetOffset = (instructionPointer: number): number => {
  const page = Math.imul(instructionPointer >>> PAGE_SHIFT, HASH_FACTOR) >>> (32 - SET_BITS);
  return (((instructionPointer >>> CHUNK_SHIFT) ^ page) & SET_MASK) << SET_SHIFT;
};

/** The same as generated code finds it, in memory. */
export const jumpSetAt = (pointer: Value, jumpCache: number): Value => {
  const low = wrap(pointer);
  const page = shrU(mul(shrU(low, PAGE_SHIFT), HASH_FACTOR), 32 - SET_BITS);
  return add(shl(and(xor(shrU(low, CHUNK_SHIFT), page), SET_MASK), SET_SHIFT), jumpCache);
};

/** Frame and mode as an entry has them. */
export const jumpCodeOf = (frame: number, mode: number): number => (frame | (mode << MODE_SHIFT)) >>> 0;

/** The frame in the code of an entry of a mode; null: it is of another mode, or empty. */
export const frameOfCode = (code: number, mode: number): number | null =>
  code >>> MODE_SHIFT === mode ? code & FRAME_MASK : null;

/** Frame and mode as an entry has them, of values. */
export const codeOf = (frame: Value, mode: Value): Value => or(frame, shl(mode, MODE_SHIFT));

/** The record that an entry leads to. */
export const recordOf = (entry: Value): Value => load(TYPE.i32, 4, false, entry, JUMP_ENTRY.record);
