import type { Instruction } from "../decoder/instruction.ts";
import type { ProcessorCore } from "../engine/system-operations.ts";

/** A general register that a move to or from a system register names: all of it in 64-bit code, else its lower half. */
export const generalRegister = (core: ProcessorCore, instruction: Instruction, which: number): bigint => {
  const operand = instruction.operands[which];
  if (operand?.kind !== "register") return 0n;
  const value = core.state.wideRegister(operand.register);
  return core.state.isWideCode ? value : value & 0xffff_ffffn;
};

/** Writes such a register; outside 64-bit code the upper half becomes 0. */
export const setGeneralRegister = (
  core: ProcessorCore,
  instruction: Instruction,
  which: number,
  value: bigint,
): void => {
  const operand = instruction.operands[which];
  if (operand?.kind !== "register") return;
  core.state.setWideRegister(operand.register, core.state.isWideCode ? value : value & 0xffff_ffffn);
};
