import { REGISTER } from "@xenolith/x86-architecture";
import type { PlacedInstruction } from "./region-block.ts";

/** Most instructions of a row: all general registers but the stack pointer. */
const MOST = 15;

/** The register that an instruction pushes or pops whole, the stack pointer excepted; else -1. */
const movedRegister = ({ instruction, handler }: PlacedInstruction, wordBytes: number): number => {
  const { mnemonic, operands } = instruction;
  if ((mnemonic !== "push" && mnemonic !== "pop") || handler.form.sizeBytes !== wordBytes) return -1;
  const operand = operands[0];
  return operand?.kind === "register" && operand.register !== REGISTER.rsp ? operand.register : -1;
};

/** Two or more pushes, or pops, that follow one another. */
export interface StackRow {
  /** The registers that they move, in their order. */
  readonly registers: readonly number[];
  /** Position of the one whose word is lowest. */
  readonly lowest: number;
}

/** The row of pushes or pops that begins at a position, if one does. */
export const stackRow = (
  instructions: readonly PlacedInstruction[],
  position: number,
  wordBytes: number,
): StackRow | null => {
  const kind = instructions[position]?.instruction.mnemonic;
  if (kind !== "push" && kind !== "pop") return null;
  const row: number[] = [];
  for (let at = position; row.length < MOST; at++) {
    const placed = instructions[at];
    const register =
      placed?.instruction.mnemonic === kind && placed !== undefined ? movedRegister(placed, wordBytes) : -1;
    if (register < 0) break;
    row.push(register);
  }
  if (row.length < 2) return null;
  return { registers: row, lowest: kind === "push" ? position + row.length - 1 : position };
};
