import { REGISTER } from "@xenolith/x86-architecture";
import type { PlacedInstruction } from "./region-block.ts";

/** Most instructions of a row: all general registers but the stack pointer. */
const MOST = 15;

/** The register that an instruction pushes or pops whole, the stack pointer excepted; else -1. */
const movedRegister = ({ instruction, handler }: PlacedInstruction, wordBytes: number): number => {
  const { mnemonic, operands } = instruction;
  if ((mnemonic !== "push" && mnemonic !== "pop") || handler.form.sizeBytes !== wordBytes) return -1;
  const [operand] = operands;
  return operand?.kind === "register" && operand.register !== REGISTER.rsp ? operand.register : -1;
};

/** Registers that are pushed, or popped, by consecutive instructions from a position on. Fewer than two are no row. */
export const stackRow = (
  instructions: readonly PlacedInstruction[],
  position: number,
  wordBytes: number,
): readonly number[] => {
  const row: number[] = [];
  const kind = instructions[position]?.instruction.mnemonic;
  for (let at = position; row.length < MOST; at++) {
    const placed = instructions[at];
    const register =
      placed?.instruction.mnemonic === kind && placed !== undefined ? movedRegister(placed, wordBytes) : -1;
    if (register < 0) break;
    row.push(register);
  }
  return row;
};
