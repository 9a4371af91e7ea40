import { ATTRIBUTE, type PackedFault, SEGMENT } from "@xenolith/x86-architecture";
import type { Instruction, MemoryOperand, Operand } from "../decoder/instruction.ts";
import {
  accessFault,
  isAccessFault,
  OUTCOME,
  type Outcome,
  type ProcessorCore,
} from "../engine/system-operations.ts";
import { SEGMENT_FIELD } from "../state/layout.ts";
import { addressOfWords } from "./canonical.ts";
import { generalProtection } from "./faults.ts";
import { behind, operandPlace } from "./memory-place.ts";
import type { StackBytes } from "./wide-stack.ts";

/** Offset of the instruction behind this one, in the code segment as it is. */
export const nextInstruction = (core: ProcessorCore, instruction: Instruction): number => {
  const next = core.state.instructionPointer + instruction.lengthBytes;
  if (core.state.isWideCode) return next;
  const big = core.state.segmentField(SEGMENT.cs, SEGMENT_FIELD.attributes) & ATTRIBUTE.big;
  return big ? next >>> 0 : next & 0xffff;
};

/** What becomes of an instruction that only privilege 0 may use: null at privilege 0, else #GP(0) or the monitor's. */
export const refuseOutsideRing0 = (core: ProcessorCore): Outcome | null => {
  if (core.environment.isMonitored) return OUTCOME.privileged;
  return core.state.privilege === 0 ? null : generalProtection(0);
};

/** An operand size without its 64-bit form. */
export const wordOrDoubleword = (sizeBytes: number): 2 | 4 => (sizeBytes === 2 ? 2 : 4);

/** Operand size of stack and far transfer instructions. */
export const stackBytes = ({ operandBytes }: Instruction): StackBytes =>
  operandBytes === 2 || operandBytes === 8 ? operandBytes : 4;

/** A selector and an offset. */
export interface FarPointer {
  readonly selector: number;
  /** As an address. */
  readonly offset: number;
  /** All bits of the offset. */
  readonly wide: bigint;
}

/** Reads a far pointer from memory: the offset, then the selector. */
const readFarPointer = (
  core: ProcessorCore,
  instruction: Instruction,
  operand: MemoryOperand,
): FarPointer | PackedFault => {
  const size = stackBytes(instruction);
  const place = operandPlace(core, instruction, operand, size + 2, false);
  if (typeof place === "number") return place;
  const { linear } = place;
  const selector = core.memory.read16(behind(core, linear, size));
  if (size === 8) {
    const fault = core.memory.read64(linear);
    if (fault !== 0) return fault;
    const { low, high } = core.memory;
    if (isAccessFault(selector)) return accessFault(selector);
    return { selector, offset: addressOfWords(low, high), wide: (BigInt(high) << 32n) | BigInt(low) };
  }
  const offset = size === 4 ? core.memory.read32(linear) : core.memory.read16(linear);
  if (isAccessFault(offset)) return accessFault(offset);
  return isAccessFault(selector) ? accessFault(selector) : { selector, offset, wide: BigInt(offset) };
};

/** The far pointer that an operand is or points to, or the fault. */
export const farPointer = (
  core: ProcessorCore,
  instruction: Instruction,
  operand: Operand | undefined,
): FarPointer | PackedFault => {
  if (operand?.kind === "far") {
    return { selector: operand.selector, offset: operand.offset, wide: BigInt(operand.offset) };
  }
  if (operand?.kind === "memory") return readFarPointer(core, instruction, operand);
  // The decoder gives far transfers no other operand.
  return generalProtection(0);
};
