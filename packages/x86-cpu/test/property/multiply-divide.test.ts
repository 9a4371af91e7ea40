import { EXIT } from "@xenolith/machine-interface";
import { FLAG, REGISTER } from "@xenolith/x86-architecture";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createEngineBench } from "../support/engine-bench.ts";

const { rax, rcx, rdx } = REGISTER;

const word = fc.oneof(
  fc.nat({ max: 0xffff_ffff }),
  fc.nat({ max: 300 }),
  fc.constantFrom(0, 1, 0x80, 0xff, 0x8000, 0xffff, 0x8000_0000, 0xffff_ffff, 0x7fff_ffff),
);
const sizes = fc.constantFrom(1, 2, 4);
const hexByte = (byte: number): string => byte.toString(16).padStart(2, "0");

/** F6 / F7 with ECX, CX or CL: 4 mul, 5 imul, 6 div, 7 idiv. */
const encode = (operation: number, sizeBytes: number): string =>
  `${sizeBytes === 2 ? "66" : ""} ${sizeBytes === 1 ? "f6" : "f7"} ${hexByte(0xc1 | (operation << 3))} f4`;

const as = (isSigned: boolean, bits: number, value: bigint): bigint =>
  isSigned ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);

describe("multiplication and division", () => {
  const bench = createEngineBench();
  const { context } = bench;

  /** The double-width accumulator: AX, DX:AX or EDX:EAX. */
  const accumulator = (bits: number): bigint =>
    bits === 8
      ? BigInt(context.register(rax) & 0xffff)
      : (BigInt.asUintN(bits, BigInt(context.register(rdx))) << BigInt(bits)) |
        BigInt.asUintN(bits, BigInt(context.register(rax)));

  it("gives products of twice the width, and says whether the upper half matters", () => {
    fc.assert(
      fc.property(fc.boolean(), sizes, word, word, (isSigned, sizeBytes, a, c) => {
        const bits = 8 * sizeBytes;
        bench.load(encode(isSigned ? 5 : 4, sizeBytes));
        context.setRegister(rax, a);
        context.setRegister(rcx, c);
        bench.run(1);
        const product = as(isSigned, bits, BigInt(a)) * as(isSigned, bits, BigInt(c));
        expect(accumulator(bits)).toBe(BigInt.asUintN(2 * bits, product));
        const fits = as(isSigned, bits, product) === product;
        expect(context.flags & (FLAG.cf | FLAG.of)).toBe(fits ? 0 : FLAG.cf | FLAG.of);
      }),
      { numRuns: 1500 },
    );
  });

  it("divides, or faults with nothing changed when the quotient does not fit", () => {
    fc.assert(
      fc.property(fc.boolean(), sizes, word, word, word, (isSigned, sizeBytes, low, high, c) => {
        const bits = 8 * sizeBytes;
        bench.load(encode(isSigned ? 7 : 6, sizeBytes));
        context.setRegister(rax, low);
        context.setRegister(rdx, high);
        context.setRegister(rcx, c);
        const dividend = as(isSigned, 2 * bits, accumulator(bits));
        const divisor = as(isSigned, bits, BigInt(c));
        const exit = bench.run(1);
        const quotient = divisor === 0n ? null : dividend / divisor;
        if (quotient === null || as(isSigned, bits, quotient) !== quotient) {
          // There is no IDT: the fault shuts the processor down.
          expect(exit).toMatchObject({ kind: EXIT.shutdown, retired: 0 });
          expect(context.register(rax)).toBe(low);
          expect(context.register(rdx)).toBe(high);
          return;
        }
        expect(exit).toMatchObject({ kind: EXIT.budget, retired: 1 });
        const remainder = BigInt.asUintN(bits, dividend % divisor);
        const mask = (1n << BigInt(bits)) - 1n;
        expect(BigInt(context.register(rax)) & mask).toBe(BigInt.asUintN(bits, quotient));
        const kept = bits === 8 ? BigInt(context.register(rax) >>> 8) : BigInt(context.register(rdx));
        expect(kept & mask).toBe(remainder);
      }),
      { numRuns: 2000 },
    );
  });
});
