import { ATTRIBUTE, type PackedFault, SEGMENT, type SegmentState } from "@xenolith/x86-architecture";
import type { AccessPrivilege, ProcessorCore } from "../engine/system-operations.ts";
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
  pointer: core.state.register(4),
  privilege: core.state.privilege,
  errorCode: external,
});

/** Mask of the stack pointer in a stack segment. */
const stackMask = ({ attributes }: SegmentState): number =>
  attributes & ATTRIBUTE.big ? 0xffff_ffff : 0xffff;

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
  const mask = stackMask(segment);
  const bounds = segmentBounds(segment.limit, segment.attributes);
  const access: AccessPrivilege = stack.privilege < 3 ? "supervisor" : "current";
  const linearOf = (position: number): number => {
    const offset = (pointer - sizeBytes * (position + 1)) & mask;
    return (segment.base + (offset >>> 0)) >>> 0;
  };
  for (let position = 0; position < values.length; position++) {
    const offset = ((pointer - sizeBytes * (position + 1)) & mask) >>> 0;
    if (offset < bounds.writeFirst || offset + sizeBytes - 1 > bounds.writeLast)
      return -stackFault(stack.errorCode);
    const fault = core.memory.checkWrite(linearOf(position), sizeBytes, access);
    if (fault !== 0) return -fault;
  }
  for (const [position, value] of values.entries()) {
    store(core, linearOf(position), value, sizeBytes, access);
  }
  return mergePointer(pointer, pointer - sizeBytes * values.length, mask);
};

const store = (
  core: ProcessorCore,
  at: number,
  value: number,
  sizeBytes: 2 | 4,
  access: AccessPrivilege,
): PackedFault | 0 =>
  sizeBytes === 4 ? core.memory.write32(at, value, access) : core.memory.write16(at, value & 0xffff, access);

/** A stack pointer after a push: a 16-bit stack keeps the upper half. */
const mergePointer = (before: number, after: number, mask: number): number =>
  ((before & ~mask) | (after & mask)) >>> 0;

/**
 * Loads the stack pointer that belongs to SS as it is now: SP alone on a 16-bit stack.
 */
export const setStackPointer = (core: ProcessorCore, value: number): void => {
  const mask = stackMask(core.state.segment(SEGMENT.ss));
  core.state.setRegister(4, mergePointer(core.state.register(4), value, mask));
};
