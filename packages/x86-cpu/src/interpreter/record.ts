import { PART_COUNT } from "../meanings/part.ts";

/**
 * Layout of a record, the interpreter's form of one instruction: 32 bytes, two to a cache line. Blocks of instructions are
 * consecutive records behind a header. Register fields are byte offsets in the state block, so that AH is a register like any
 * other and an absent base or index is the block's zero. What only direct branches have shares its place with what they do not.
 *
 * | offset | type | field |
 * |---|---|---|
 * | 0 | u16 | handler |
 * | 2 | u8 | scale of the index; of a string instruction: how many bits are cut off its addresses |
 * | 3 | u8 | bytes of the instruction |
 * | 4 | u16 | register operand 0 |
 * | 6 | u16 | register operand 1 |
 * | 8 | u16 | base register of the address |
 * | 10 | u16 | index register of the address |
 * | 12 | u16 | instructions of the block from here on, this one included: what is refunded when it leaves early |
 * | 14 | u16 | register operand 2; bytes back to the first record of a repeated instruction; destination of an address record |
 * | 16 | i64 | displacement; 64-bit immediate where there is no memory operand |
 * | 16 | u32 | of a direct branch: record of the target, or 0 |
 * | 20 | u32 | of what may go on in another block behind itself: record of that block, or 0 |
 * | 24 | i32 | any other immediate; number of a rare instruction; of a direct branch: bytes from its end to its target |
 * | 28 | u16 | bytes back to the block's header |
 * | 30 | u16 | bytes from the block's first instruction to this one |
 */
export const RECORD = {
  handler: 0,
  scale: 2,
  addressCut: 2,
  length: 3,
  register0: 4,
  register1: 6,
  base: 8,
  index: 10,
  remaining: 12,
  extra: 14,
  displacement: 16,
  wideImmediate: 16,
  linkTarget: 16,
  linkNext: 20,
  immediate: 24,
  distance: 24,
  header: 28,
  place: 30,
} as const;

/** Bytes of a record. */
export const RECORD_BYTES = 32;

/**
 * Fields of a block's header, which takes the place of a record in front of the first one.
 *
 * | offset | type | field |
 * |---|---|---|
 * | 16 | i64 | offset in CS of the first instruction |
 * | 24 | i32 | how often the block may still be entered before it counts as hot |
 * | 28 | u32 | where the translation that begins there is entered, as the entry cache says it; 0: none |
 */
export const HEADER = { instructionPointer: 16, counter: 24, translation: 28 } as const;

/** Where the header of a block is, given its first record. */
export const headerOf = (record: number): number => record - RECORD_BYTES;

/**
 * Fields of an address record, where they differ: it works out a checked linear address for the record behind it.
 * `cut` is how many bits are cut off the address, `bounds` the offset of the first of two words that bound the legal offsets,
 * `segmentBase` the offset of the segment's base, `destination` the field of the state block that receives the address, `fault` the
 * packed fault (of narrow code, where a displacement has no upper half), `lastByte` the size of the access less one. A bit-address
 * record adds the distance of the element that holds a bit: `bitRegister` is the number of the register with the signed bit number,
 * `bitLog` log2 of the bits of an element.
 */
export const ADDRESS_RECORD = {
  cut: 3,
  bounds: 4,
  segmentBase: 6,
  destination: 14,
  fault: 20,
  lastByte: 24,
  bitRegister: 26,
  bitLog: 27,
} as const;

/** Fields of a second-page record: the linear address of the page and the frame that it must lead to. */
export const SECOND_PAGE_RECORD = { page: 16, frame: 24 } as const;

/** In place of the record at which control left: a translation left through an indirect jump. */
export const INDIRECT_EXIT = 1;

/** Number of the first translation in their table; those below are functions of interpreters. */
export const FIRST_TRANSLATION: number = 1 + 4 * (PART_COUNT - 1);

/** Why generated code came back to TypeScript. */
export const LEAVE = {
  /** The budget does not cover the block at `exitRecord`, or is used up. */
  budget: 0,
  /** No record is known for the instruction pointer. */
  resolve: 1,
  /** The instruction at `exitRecord` is TypeScript's. It is already charged. */
  rare: 2,
  /** The instruction needs an access that the fast interpreter cannot make. Not charged. */
  careful: 3,
  /** A fault, packed in the state block. Not charged. */
  fault: 4,
  /** The careful interpreter has done what it was asked to. */
  proceed: 5,
  /** Between generated functions: a translation ends at the instruction pointer, or a block there has counted down. */
  next: 6,
  /** A translation needs the interpreter for the instruction at the instruction pointer. */
  help: 7,
  /** A translation needs more budget than there is to be sure that it does not go beyond. */
  short: 8,
  /** The block at the instruction pointer has counted down and is not translated. */
  hot: 9,
  /** An instruction is done, and the loop is to look around. */
  attend: 10,
} as const;
