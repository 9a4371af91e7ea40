import { PART_COUNT } from "../meanings/part.ts";

/**
 * Layout of a record, the interpreter's form of one instruction: 64 bytes, one cache line. Blocks of instructions are
 * consecutive records. Register fields are byte offsets in the state block, so that AH is a register like any other and an
 * absent base or index is the block's zero.
 *
 * | offset | type | field |
 * |---|---|---|
 * | 0 | u16 | handler |
 * | 2 | u8 | scale of the index |
 * | 3 | u8 | bytes of the instruction |
 * | 4 | u16 | register operand 0 |
 * | 6 | u16 | register operand 1 |
 * | 8 | u16 | base register of the address |
 * | 10 | u16 | index register of the address |
 * | 12 | u16 | instructions of the block from here on, this one included: what is refunded when it leaves early |
 * | 14 | u16 | register operand 2; bytes back to the first record of a repeated instruction; destination of an address record |
 * | 16 | i64 | displacement |
 * | 24 | i64 | immediate; number of a rare instruction; mask of index registers of a string instruction |
 * | 32 | i32 | of the first record of a block: how often the block may still be entered before it counts as hot |
 * | 36 | u32 | of the first record of a block: where the translation that begins there is entered, as the entry cache says it; 0: none |
 * | 40 | i64 | offset in CS of the direct target |
 * | 48 | u32 | record of the target, or 0 |
 * | 52 | u32 | record of the next instruction's block, or 0 |
 * | 56 | i64 | offset in CS of this instruction |
 */
export const RECORD = {
  handler: 0,
  scale: 2,
  length: 3,
  register0: 4,
  register1: 6,
  base: 8,
  index: 10,
  remaining: 12,
  extra: 14,
  displacement: 16,
  immediate: 24,
  counter: 32,
  translation: 36,
  target: 40,
  linkTarget: 48,
  linkNext: 52,
  instructionPointer: 56,
} as const;

/** Bytes of a record. */
export const RECORD_BYTES = 64;

/**
 * Fields of an address record, where they differ: it works out a checked linear address for the record behind it.
 * `register0` is the offset of the first of two words that bound the legal offsets, `register1` the offset of the segment's
 * base, `immediate` the size of the access less one, `target` the mask of the address size, `linkTarget` the packed fault, `extra`
 * the field of the state block that receives the address. A bit-address record adds the distance of the element that holds a
 * bit: in `linkNext` are the register with the signed bit number (u16), the bits of an address less those of the element, and
 * log2 of these (u8).
 */
export const ADDRESS_RECORD = {
  bounds: 4,
  segmentBase: 6,
  destination: 14,
  lastByte: 24,
  mask: 40,
  fault: 48,
  bitRegister: 52,
  bitExtension: 54,
  bitLog: 55,
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
