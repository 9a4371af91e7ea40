import { FLAG, REGISTER } from "@xenolith/x86-architecture";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createEngineBench } from "../support/engine-bench.ts";

const { rax, rcx, rdx } = REGISTER;
const NAMES = ["rol", "ror", "rcl", "rcr", "shl", "shr", "sal", "sar"] as const;
type ShiftName = (typeof NAMES)[number];

/** One step of a shift or rotation on a value of `bits` bits with the carry beside it. */
const step = (name: ShiftName, value: bigint, carry: number, bits: number): readonly [bigint, number] => {
  const top = Number((value >> BigInt(bits - 1)) & 1n);
  const bottom = Number(value & 1n);
  const mask = (1n << BigInt(bits)) - 1n;
  const up = (low: number): bigint => ((value << 1n) & mask) | BigInt(low);
  const down = (high: number): bigint => (value >> 1n) | (BigInt(high) << BigInt(bits - 1));
  switch (name) {
    case "rol":
      return [up(top), top];
    case "ror":
      return [down(bottom), bottom];
    case "rcl":
      return [up(carry), top];
    case "rcr":
      return [down(carry), bottom];
    case "shr":
      return [down(0), bottom];
    case "sar":
      return [down(top), bottom];
    default:
      return [up(0), top];
  }
};

const hexByte = (byte: number): string => byte.toString(16).padStart(2, "0");
const word = fc.oneof(
  fc.nat({ max: 0xffff_ffff }),
  fc.constantFrom(0, 1, 0x8000_0000, 0xffff_ffff, 0x7fff_ffff),
);

describe("shifts and rotations", () => {
  const bench = createEngineBench();
  const { context } = bench;

  it("do as many single steps as CL or the immediate says, modulo 32", () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 7 }),
        fc.constantFrom(1, 2, 4),
        word,
        fc.nat({ max: 255 }),
        fc.boolean(),
        fc.boolean(),
        (operation, sizeBytes, value, count, byImmediate, carry) => {
          const name = NAMES[operation] ?? "shl";
          const bits = 8 * sizeBytes;
          const opcode = (byImmediate ? 0xc0 : 0xd2) + (sizeBytes === 1 ? 0 : 1);
          const modRm = hexByte(0xc0 | (operation << 3));
          const prefix = sizeBytes === 2 ? "66" : "";
          bench.load(`${prefix} ${hexByte(opcode)} ${modRm} ${byImmediate ? hexByte(count) : ""} f4`);
          context.setRegister(rax, value);
          context.setRegister(rcx, count);
          const before = FLAG.fixed | FLAG.zf | (carry ? FLAG.cf : 0);
          context.flags = before;
          bench.run(1);
          const mask = (1n << BigInt(bits)) - 1n;
          let result: readonly [bigint, number] = [BigInt(value) & mask, carry ? 1 : 0];
          for (let i = 0; i < (count & 31); i++) result = step(name, result[0], result[1], bits);
          expect(BigInt(context.register(rax))).toBe((BigInt(value) & ~mask) | result[0]);
          const isDefined = name.startsWith("r") || (count & 31) <= bits;
          if (isDefined) expect(context.flags & FLAG.cf).toBe(result[1]);
          const isRotation = name.startsWith("r");
          if (isRotation || (count & 31) === 0) expect(context.flags & FLAG.zf).toBe(FLAG.zf);
          else expect(context.flags & FLAG.zf).toBe(result[0] === 0n ? FLAG.zf : 0);
        },
      ),
      { numRuns: 3000 },
    );
  });

  it("move bits from one operand into another", () => {
    fc.assert(
      fc.property(fc.boolean(), word, word, fc.integer({ min: 1, max: 31 }), (left, a, b, count) => {
        // shld / shrd eax, edx, imm8
        bench.load(`0f ${left ? "a4" : "ac"} d0 ${hexByte(count)} f4`);
        context.setRegister(rax, a);
        context.setRegister(rdx, b);
        bench.run(1);
        const pair = left ? (BigInt(a) << 32n) | BigInt(b) : (BigInt(b) << 32n) | BigInt(a);
        const shifted = left ? (pair << BigInt(count)) >> 32n : pair >> BigInt(count);
        expect(BigInt(context.register(rax))).toBe(shifted & 0xffff_ffffn);
        const out = left ? pair >> BigInt(64 - count) : pair >> BigInt(count - 1);
        expect(context.flags & FLAG.cf).toBe(Number(out & 1n));
      }),
      { numRuns: 800 },
    );
  });
});
