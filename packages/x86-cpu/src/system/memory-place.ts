import type { PackedFault, SegmentIndex } from "@xenolith/x86-architecture";
import type { Instruction, MemoryOperand } from "../decoder/instruction.ts";
import { accessFault, isAccessFault, type ProcessorCore } from "../engine/system-operations.ts";

/** A checked linear address, told from a fault by its type. */
export interface MemoryPlace {
  readonly linear: number;
}

/** An address some bytes behind another: it wraps at 2^32 outside 64-bit code. */
export const behind = (core: ProcessorCore, linear: number, bytes: number): number =>
  core.state.isWideCode ? linear + bytes : (linear + bytes) >>> 0;

/** Linear address of `lengthBytes` at an offset in a segment, or the fault. */
export const segmentPlace = (
  core: ProcessorCore,
  segment: SegmentIndex,
  offset: number,
  lengthBytes: number,
  isWrite: boolean,
): MemoryPlace | PackedFault => {
  const linear = core.operands.linear(segment, offset, lengthBytes, isWrite);
  return isAccessFault(linear) ? accessFault(linear) : { linear };
};

/** Linear address of a memory operand, or the fault. */
export const operandPlace = (
  core: ProcessorCore,
  instruction: Instruction,
  operand: MemoryOperand,
  lengthBytes: number,
  isWrite: boolean,
): MemoryPlace | PackedFault =>
  segmentPlace(core, operand.segment, core.operands.offsetOf(instruction, operand), lengthBytes, isWrite);
