import {
  add,
  and,
  eq,
  type FunctionBody,
  i32,
  load,
  ltS,
  or,
  shl,
  shrU,
  TYPE,
  type Value,
  wrap,
  xor,
} from "@xenolith/wasm-emitter";
import { codeOf } from "./jump-cache.ts";
import { RECORD_BYTES } from "./record.ts";

/**
 * The entry cache: which translation begins at an offset in CS, or which records where there is none. It says nothing that the jump cache
 * does not say, but is small enough to stay in the processor's own caches: the jump cache costs a miss for most jumps. The offset
 * folded upon itself selects the entry.
 *
 * | offset | type | field |
 * |---|---|---|
 * | 0 | i64 | offset in CS |
 * | 8 | u32 | frame in bits 19:0, mode in 30:20; 0xffffffff: empty |
 * | 12 | u32 | number of the entry in bits 9:0, slot of the translation in 30:10; with bit 31, the record divided by 32 in 26:0 |
 *
 * As in the jump cache an entry counts only while the execute TLB maps the address to that frame.
 */
export const ENTRY_CACHE = { instructionPointer: 0, code: 8, target: 12 } as const;

const ENTRY_SHIFT = 4;
const INDEX_BITS = 13;
/** Bytes of the whole table. */
export const ENTRY_CACHE_BYTES: number = 1 << (INDEX_BITS + ENTRY_SHIFT);

const OFFSET_MASK = ENTRY_CACHE_BYTES - (1 << ENTRY_SHIFT);
/** An offset in CS is shifted left by the first and right by the second, and the two folded: hardly any two blocks differ in bit 0 alone. */
const FOLD = { left: ENTRY_SHIFT - 1, right: 8 - ENTRY_SHIFT } as const;
const SLOT_SHIFT = 10;

/** Marks what is said of a record. */
const RECORD_MARK = 0x8000_0000;
const RECORD_SHIFT = Math.log2(RECORD_BYTES);

/** Most slots that can be told apart. */
export const MOST_SLOTS: number = 2 ** (31 - SLOT_SHIFT);
/** Most entries of a translation that can be told apart. */
export const MOST_ENTRIES: number = 2 ** SLOT_SHIFT;

/** Offset in the table of the entry for an offset in CS, given its low 32 bits. */
export const cachedEntryOffset = (instructionPointer: number): number =>
  ((instructionPointer << FOLD.left) ^ (instructionPointer >>> FOLD.right)) & OFFSET_MASK;

/** The same as generated code finds it, in memory. */
export const cachedEntryAt = (pointer: Value, entryCache: number): Value => {
  const low = wrap(pointer);
  return add(and(xor(shl(low, FOLD.left), shrU(low, FOLD.right)), OFFSET_MASK), entryCache);
};

/** Whether an entry is that of an offset in CS, in whatever frame and mode. */
export const isCachedAt = (entry: Value, pointer: Value): Value =>
  eq(load(pointer.type, pointer.type === TYPE.i64 ? 8 : 4, false, entry), pointer);

/** Whether an entry is that of an offset in CS in a frame and a mode. */
export const isCached = (entry: Value, pointer: Value, frame: Value, mode: Value): Value =>
  and(isCachedAt(entry, pointer), eq(load(TYPE.i32, 4, false, entry, ENTRY_CACHE.code), codeOf(frame, mode)));

/** What an entry says: {@link slotOf} and {@link entryOf} take it apart, or {@link recordOfTarget} where {@link isRecord}. */
export const cachedTarget = (entry: Value): Value => load(TYPE.i32, 4, false, entry, ENTRY_CACHE.target);

/** The slot of the translation. */
export const slotOf = (target: Value): Value => shrU(target, SLOT_SHIFT);
/** Which of the translation's entries it is. */
export const entryOf = (target: Value): Value => and(target, MOST_ENTRIES - 1);

/** Whether what an entry says is about records: no translation begins there. */
export const isRecord = (target: Value): Value => ltS(target, 0);
/** The first record. */
export const recordOfTarget = (target: Value): Value => shl(target, RECORD_SHIFT);

/** What an entry says of records. */
export const recordTarget = (record: Value): Value => or(shrU(record, RECORD_SHIFT), i32(RECORD_MARK | 0));

/** What an entry says of a translation's entry: never 0, as no translation has slot 0. */
export const targetOf = (slot: number, entry: number): number => ((slot << SLOT_SHIFT) | entry) >>> 0;

/** Emits the stores that make an entry say where an offset in CS leads. */
export const storeCached = (
  body: FunctionBody,
  entry: Value,
  pointer: Value,
  code: { readonly frame: Value; readonly mode: Value },
  target: Value,
): void => {
  body.store(pointer.type === TYPE.i64 ? 8 : 4, entry, pointer, ENTRY_CACHE.instructionPointer);
  body.store(4, entry, codeOf(code.frame, code.mode), ENTRY_CACHE.code);
  body.store(4, entry, target, ENTRY_CACHE.target);
};
