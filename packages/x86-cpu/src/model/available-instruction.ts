import type { Feature } from "../decoder/features.ts";
import type { Instruction } from "../decoder/instruction.ts";

/** Instructions that an older processor takes for another one, because it ignores their prefix. */
const WITHOUT: Readonly<Record<string, string>> = { lzcnt: "bsr", tzcnt: "bsf" };

/** An instruction as a processor with certain features understands it: itself, an older one, or none ("ud"). */
export const availableInstruction = (
  instruction: Instruction,
  features: ReadonlySet<Feature>,
): Instruction => {
  if (instruction.feature === "base" || features.has(instruction.feature)) return instruction;
  const mnemonic = WITHOUT[instruction.mnemonic];
  if (mnemonic !== undefined) return { ...instruction, mnemonic };
  return { ...instruction, mnemonic: "ud", operands: [] };
};
