import type { Feature } from "../decoder/features.ts";
import type { Instruction, Operand } from "../decoder/instruction.ts";
import { noOperands } from "../decoder/no-operands.ts";

/** Instructions that an older processor takes for another one, because it ignores their prefix. */
const WITHOUT: Readonly<Record<string, string>> = { lzcnt: "bsr", tzcnt: "bsf" };

/** An instruction as a processor with certain features understands it: itself, an older one, or none ("ud"). */
export const availableInstruction = (
  instruction: Instruction,
  features: ReadonlySet<Feature>,
): Instruction => {
  if (instruction.feature === "base" || features.has(instruction.feature)) return instruction;
  const mnemonic = WITHOUT[instruction.mnemonic];
  return mnemonic !== undefined
    ? renamed(instruction, mnemonic, instruction.operands)
    : renamed(instruction, "ud", noOperands());
};

const renamed = (
  { lengthBytes, operandBytes, addressBytes, feature, lock, repeat, segment }: Instruction,
  mnemonic: string,
  operands: readonly Operand[],
): Instruction => ({
  mnemonic,
  lengthBytes,
  operandBytes,
  addressBytes,
  operands,
  feature,
  lock,
  repeat,
  segment,
});
