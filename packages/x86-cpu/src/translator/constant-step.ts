import type { Instruction } from "../decoder/instruction.ts";

/** How an instruction makes a register from another: what it adds. Null: it does anything else. */
export const constantStep = (
  { mnemonic, operands, addressBytes }: Instruction,
  wordBytes: number,
): { readonly from: number; readonly by: number } | null => {
  const target = operands[0];
  const source = operands[1];
  if (target?.kind !== "register" || target.high) return null;
  const from = target.register;
  if (mnemonic === "inc") return { from, by: 1 };
  if (mnemonic === "dec") return { from, by: -1 };
  if (mnemonic === "lea" && source?.kind === "memory") {
    const isPlain = source.base >= 0 && source.index < 0 && !source.isRipRelative;
    return isPlain && addressBytes === wordBytes ? { from: source.base, by: source.displacement } : null;
  }
  if (source?.kind === "register" && (mnemonic === "mov" || mnemonic === "movsxd"))
    return source.high ? null : { from: source.register, by: 0 };
  if (source?.kind !== "immediate" || source.high !== source.value >> 31) return null;
  if (mnemonic === "add") return { from, by: source.value | 0 };
  return mnemonic === "sub" ? { from, by: -(source.value | 0) } : null;
};
