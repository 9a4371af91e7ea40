import type { Instruction, MemoryOperand } from "../decoder/instruction.ts";
import { isBitString, memoryOperand } from "../engine/instruction-form.ts";

/** Their addresses are not those of their operands. */
const OTHERS: ReadonlySet<string> = new Set([
  "movs",
  "stos",
  "lods",
  "scas",
  "cmps",
  "ins",
  "outs",
  "xlat",
  "maskmovq",
  "maskmovdqu",
]);

/** The memory operand of an instruction, if that says all of where it is: a sum of whole registers and its displacement. */
export const plainOperand = (instruction: Instruction, wordBytes: number): MemoryOperand | null => {
  const operand = memoryOperand(instruction)?.operand;
  if (operand === undefined || instruction.addressBytes !== wordBytes) return null;
  return OTHERS.has(instruction.mnemonic) || isBitString(instruction) ? null : operand;
};
