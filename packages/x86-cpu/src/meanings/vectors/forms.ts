import type { Value } from "@xenolith/wasm-emitter";
import type { Machine } from "../../machine/machine.ts";
import { beginMmx, enterMmx } from "../../machine/mmx.ts";
import { type Definition, exactly, type Meaning } from "../definition.ts";

/** A result from two vectors, both pinned. */
export type Combine = (m: Machine, a: Value, b: Value) => Value;

/** Sizes of operands by their letters: vector 16, MMX 8, general 4 bytes, immediate a byte; memory as given. */
export const operandBytesWith =
  (memoryBytes: number) =>
  (sizeBytes: number, _position: number, letter: string): number => {
    if (letter === "x") return 16;
    if (letter === "n") return 8;
    if (letter === "i") return 1;
    return letter === "m" ? memoryBytes : sizeBytes;
  };

/** An instruction on vectors whose forms have one size. */
export const vectorForms = (
  mnemonic: string,
  forms: readonly string[],
  memoryBytes: number,
  meaning: Meaning,
): Definition => ({
  mnemonic,
  sizes: exactly(4),
  forms,
  operandBytes: operandBytesWith(memoryBytes),
  meaning,
});

/** Destination and first source, second source: vector registers, the second perhaps memory. */
export const binary = (mnemonic: string, combine: Combine, memoryBytes = 16): Definition =>
  vectorForms(mnemonic, ["xx", "xm"], memoryBytes, (m) => {
    const b = m.pin(m.vector(1));
    m.setVector(0, combine(m, m.pin(m.vector(0)), b));
  });

/** Does what MMX instructions do around the computation of a result for operand 0. */
export const withMmx = (m: Machine, compute: () => Value): void => {
  beginMmx(m);
  const result = m.pin(compute());
  enterMmx(m);
  m.setVector(0, result);
};

/** As {@link binary}, on MMX registers. Operands have zeros in their upper halves, of the result the lower half counts. */
export const binaryMmx = (mnemonic: string, combine: Combine, memoryBytes = 8): Definition =>
  vectorForms(mnemonic, ["nn", "nm"], memoryBytes, (m) =>
    withMmx(m, () => {
      const b = m.pin(m.vector(1));
      return combine(m, m.pin(m.vector(0)), b);
    }),
  );

/** An instruction in both its forms. */
export const binaryBoth = (
  mnemonic: string,
  combine: Combine,
  mmx: Combine = combine,
): readonly Definition[] => [binary(mnemonic, combine), binaryMmx(mnemonic, mmx)];

/** Destination, source: a result from one vector. */
export const unary = (
  mnemonic: string,
  compute: (m: Machine, a: Value) => Value,
  memoryBytes = 16,
): Definition =>
  vectorForms(mnemonic, ["xx", "xm"], memoryBytes, (m) => m.setVector(0, compute(m, m.pin(m.vector(1)))));
