import type { Form, OperandForm } from "../machine/form.ts";
import { formKey } from "../machine/form.ts";
import type { Machine } from "../machine/machine.ts";
import type { Part } from "./part.ts";

/**
 * Which system instructions generated code does in their usual case: those of a processor whose ring 0 is machine code, those
 * that direct gates and moves among the guest's rings allow under a monitor, or none, all being left to TypeScript.
 */
export type SystemCode = "bare" | "monitored" | "none";

/** Says what an instruction does, by calling the machine. Called once for each form. */
export type Meaning = (machine: Machine) => void;

/** Sizes of operation that exist in 32-bit (false) and in 64-bit code (true). */
export type Sizes = (wide: boolean) => readonly number[];

/** Bytes, words and all that is larger. */
export const ALL_SIZES: Sizes = (wide) => (wide ? [1, 2, 4, 8] : [1, 2, 4]);
/** Words and all that is larger. */
export const WORD_SIZES: Sizes = (wide) => (wide ? [2, 4, 8] : [2, 4]);
/** Doublewords, and quadwords in 64-bit code. */
export const DOUBLE_SIZES: Sizes = (wide) => (wide ? [4, 8] : [4]);
/** Sizes of a push. */
export const STACK_SIZES: Sizes = (wide) => (wide ? [2, 8] : [2, 4]);
/** Sizes of a near branch. */
export const BRANCH_SIZES: Sizes = (wide) => (wide ? [8] : [2, 4]);
/** Sizes of an address. */
export const ADDRESS_SIZES: Sizes = (wide) => (wide ? [4, 8] : [2, 4]);
/** The same sizes in all code. */
export const exactly =
  (...sizes: readonly number[]): Sizes =>
  () =>
    sizes;

/**
 * An instruction's meaning and the forms it comes in. `forms` are operand kinds by letter: r register, m memory, i
 * immediate, x xmm, n mmx, f x87, s segment, c control register; "" no operand. Operands have the size of the operation unless `operandBytes` says otherwise.
 */
export interface Definition {
  readonly mnemonic: string;
  readonly sizes: Sizes;
  readonly forms: readonly string[];
  readonly operandBytes?: (sizeBytes: number, position: number, letter: string) => number;
  /** The part of an interpreter that its handlers belong to; without one, it is the form that decides: see `partOf`. */
  readonly part?: Part;
  readonly meaning: Meaning;
  /** What it means under a monitor, where that ends a block and does not otherwise: a call of a system function. */
  readonly underMonitor?: Meaning;
  /** Set for a system instruction: the engines that do not leave it to TypeScript. */
  readonly system?: "bare" | "monitored" | "both";
}

const KIND: Readonly<Record<string, OperandForm["kind"]>> = {
  r: "register",
  m: "memory",
  i: "immediate",
  x: "xmm",
  n: "mmx",
  f: "x87",
  s: "segment",
  c: "control",
};

/** All forms of a definition for one width of code. */
export const formsOf = (definition: Definition, wide: boolean): readonly Form[] => {
  const { mnemonic, forms, operandBytes } = definition;
  return definition.sizes(wide).flatMap((sizeBytes) =>
    forms.map((letters) => {
      const operands = [...letters].map((letter, position) => ({
        kind: KIND[letter] ?? "register",
        sizeBytes: operandBytes?.(sizeBytes, position, letter) ?? sizeBytes,
      }));
      return { key: formKey(mnemonic, sizeBytes, operands), mnemonic, sizeBytes, operands };
    }),
  );
};
