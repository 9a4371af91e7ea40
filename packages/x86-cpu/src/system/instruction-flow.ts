import { ATTRIBUTE, type PackedFault, SEGMENT } from "@xenolith/x86-architecture";
import type { Instruction, MemoryOperand, Operand } from "../decoder/instruction.ts";
import {
  accessFault,
  isAccessFault,
  OUTCOME,
  type Outcome,
  type ProcessorCore,
} from "../engine/system-operations.ts";
import { generalProtection } from "./faults.ts";

/** Offset of the instruction behind this one, in the code segment as it is. */
export const nextInstruction = (core: ProcessorCore, instruction: Instruction): number => {
  const big = core.state.segment(SEGMENT.cs).attributes & ATTRIBUTE.big;
  const next = core.state.instructionPointer + instruction.lengthBytes;
  return big ? next >>> 0 : next & 0xffff;
};

/** What becomes of an instruction that only privilege 0 may use: null at privilege 0, else #GP(0) or the monitor's. */
export const refuseOutsideRing0 = (core: ProcessorCore): Outcome | null => {
  if (core.environment.isMonitored) return OUTCOME.privileged;
  return core.state.privilege === 0 ? null : generalProtection(0);
};

/** Far pointers have an operand size of 2 or 4 outside 64-bit code. */
export const wordOrDoubleword = (sizeBytes: number): 2 | 4 => (sizeBytes === 2 ? 2 : 4);

/** A selector and an offset. */
export interface FarPointer {
  readonly selector: number;
  readonly offset: number;
}

/** Reads a far pointer from memory: the offset, then the selector. */
const readFarPointer = (
  core: ProcessorCore,
  instruction: Instruction,
  operand: MemoryOperand,
): FarPointer | PackedFault => {
  const size = wordOrDoubleword(instruction.operandBytes);
  const start = core.operands.offsetOf(instruction, operand);
  const at = core.operands.linear(operand.segment, start, size + 2, false);
  if (isAccessFault(at)) return accessFault(at);
  const offset = size === 4 ? core.memory.read32(at) : core.memory.read16(at);
  if (isAccessFault(offset)) return accessFault(offset);
  const selector = core.memory.read16((at + size) >>> 0);
  return isAccessFault(selector) ? accessFault(selector) : { selector, offset };
};

/** The far pointer that an operand is or points to, or the fault. */
export const farPointer = (
  core: ProcessorCore,
  instruction: Instruction,
  operand: Operand | undefined,
): FarPointer | PackedFault => {
  if (operand?.kind === "far") return { selector: operand.selector, offset: operand.offset };
  if (operand?.kind === "memory") return readFarPointer(core, instruction, operand);
  // The decoder gives far transfers no other operand.
  return generalProtection(0);
};
