import {
  ATTRIBUTE,
  type PackedFault,
  REGISTER,
  SEGMENT,
  type SegmentState,
} from "@xenolith/x86-architecture";
import type { AccessPrivilege, ProcessorCore } from "../engine/system-operations.ts";
import { STATE } from "../state/layout.ts";
import { segmentBounds } from "../state/segment-bounds.ts";
import { stackFault } from "./faults.ts";

/** A stack to push a frame on: SS as it is or will be, and the stack pointer. */
export interface StackTarget {
  readonly segment: SegmentState;
  readonly pointer: number;
  /** Privilege under which the stack is written. */
  readonly privilege: number;
  /** Error code of #SS where the frame does not fit: the new SS for another stack, EXT for the present one. */
  readonly errorCode: number;
}

/** The stack in use. */
export const presentStack = (core: ProcessorCore, external = 0): StackTarget => ({
  segment: core.state.segment(SEGMENT.ss),
  pointer: core.state.register(REGISTER.rsp),
  privilege: core.state.privilege,
  errorCode: external,
});

/** Mask of the stack pointer in a stack segment. */
const stackMask = ({ attributes }: SegmentState): number =>
  attributes & ATTRIBUTE.big ? 0xffff_ffff : 0xffff;

/** Checks that every value of a frame can be stored, one by one. Returns 0 or the fault. */
const checkEach = (
  core: ProcessorCore,
  { segment, pointer, errorCode }: StackTarget,
  count: number,
  sizeBytes: 2 | 4,
  access: AccessPrivilege,
): PackedFault | 0 => {
  const mask = stackMask(segment);
  const { writeFirst, writeLast } = segmentBounds(segment.limit, segment.attributes);
  for (let position = 1; position <= count; position++) {
    const offset = ((pointer - sizeBytes * position) & mask) >>> 0;
    if (offset < writeFirst || offset + sizeBytes - 1 > writeLast) return stackFault(errorCode);
    const fault = core.memory.checkWrite((segment.base + offset) >>> 0, sizeBytes, access);
    if (fault !== 0) return fault;
  }
  return 0;
};

/** Checks the whole of a frame at once where it does not wrap around the stack's end. Returns 0 or the fault. */
const checkFrame = (
  core: ProcessorCore,
  stack: StackTarget,
  count: number,
  sizeBytes: 2 | 4,
  access: AccessPrivilege,
): PackedFault | 0 => {
  const { segment, pointer } = stack;
  const top = (pointer & stackMask(segment)) >>> 0;
  const bottom = top - sizeBytes * count;
  const { writeFirst, writeLast } = segmentBounds(segment.limit, segment.attributes);
  if (bottom >= writeFirst && top - 1 <= writeLast) {
    if (core.memory.checkWrite((segment.base + bottom) >>> 0, sizeBytes * count, access) === 0) return 0;
  }
  // What does not fit is looked at in the order in which it would be pushed, so that the fault is the first one's.
  return checkEach(core, stack, count, sizeBytes, access);
};

/**
 * Pushes values, first to last, whole or not at all.
 * @returns the new stack pointer, or a negated fault. Registers do not change.
 */
export const pushFrame = (
  core: ProcessorCore,
  stack: StackTarget,
  values: readonly number[],
  sizeBytes: 2 | 4,
): number => {
  const { segment, pointer } = stack;
  const { memory } = core;
  const mask = stackMask(segment);
  const access: AccessPrivilege = stack.privilege < 3 ? "supervisor" : "current";
  const fault = checkFrame(core, stack, values.length, sizeBytes, access);
  if (fault !== 0) return -fault;
  let offset = pointer;
  for (const value of values) {
    offset = ((offset - sizeBytes) & mask) >>> 0;
    const at = (segment.base + offset) >>> 0;
    if (sizeBytes === 4) memory.write32(at, value, access);
    else memory.write16(at, value & 0xffff, access);
  }
  return mergePointer(pointer, offset, mask);
};

/** A stack pointer after a push: a 16-bit stack keeps the upper half. */
const mergePointer = (before: number, after: number, mask: number): number =>
  ((before & ~mask) | (after & mask)) >>> 0;

/** Loads the stack pointer that belongs to SS as it is now: SP alone on a 16-bit stack. */
export const setStackPointer = ({ state }: ProcessorCore, value: number): void => {
  const mask = state.u32(STATE.stackMask);
  state.setRegister(REGISTER.rsp, mergePointer(state.register(REGISTER.rsp), value, mask));
};
