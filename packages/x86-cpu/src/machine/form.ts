/**
 * Where an operand of a form is: a general register, memory, the instruction itself, or a vector, MMX, x87 or segment
 * register. Which segment register it is, the mnemonic says.
 */
export type OperandKind = "register" | "memory" | "immediate" | "xmm" | "mmx" | "x87" | "segment" | "control";

/** An operand whose place and size are static, its identity is not. */
export interface OperandForm {
  readonly kind: OperandKind;
  readonly sizeBytes: number;
}

/**
 * A class of instructions that one handler serves: mnemonic, size of the operation and kinds of operands. Which registers,
 * addresses and constants is the business of the engine.
 */
export interface Form {
  readonly key: string;
  readonly mnemonic: string;
  readonly sizeBytes: number;
  readonly operands: readonly OperandForm[];
}

const LETTER: Readonly<Record<OperandKind, string>> = {
  register: "r",
  memory: "m",
  immediate: "i",
  xmm: "x",
  mmx: "n",
  x87: "f",
  segment: "s",
  control: "c",
};

/** Name of a form: equal keys, equal forms. */
export const formKey = (mnemonic: string, sizeBytes: number, operands: readonly OperandForm[]): string => {
  let key = `${mnemonic}.${sizeBytes}`;
  for (const { kind, sizeBytes: size } of operands) key += LETTER[kind] + size;
  return key;
};
