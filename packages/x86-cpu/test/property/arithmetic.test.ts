import { FLAG, REGISTER } from "@xenolith/x86-architecture";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { evaluate, holds } from "../support/arithmetic-oracle.ts";
import { CODE, createEngineBench } from "../support/engine-bench.ts";

const { rax, rcx } = REGISTER;
const MNEMONICS = ["add", "or", "adc", "sbb", "and", "sub", "xor", "cmp"];
const ARITHMETIC = FLAG.cf | FLAG.pf | FLAG.af | FLAG.zf | FLAG.sf | FLAG.of;

const value = fc.oneof(
  fc.bigInt({ min: 0n, max: 0xffff_ffffn }),
  fc.constantFrom(
    0n,
    1n,
    0x7fn,
    0x80n,
    0xffn,
    0x7fffn,
    0x8000n,
    0xffffn,
    0x7fff_ffffn,
    0x8000_0000n,
    0xffff_ffffn,
  ),
);
const flagsBefore = fc.integer({ min: 0, max: 0xfff }).map((bits) => (bits & ARITHMETIC) | FLAG.fixed);

const hexByte = (byte: number): string => byte.toString(16).padStart(2, "0");

/** `op a, c` of a size: AL/AX/EAX with CL/CX/ECX. */
const encode = (operation: number, sizeBytes: number): string => {
  const opcode = 8 * operation + (sizeBytes === 1 ? 0 : 1);
  return `${sizeBytes === 2 ? "66" : ""}${hexByte(opcode)} c8`;
};

describe("arithmetic", () => {
  const bench = createEngineBench();

  it("gives the results and flags of the manual at every size, and leaves the rest of the register", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 7 }),
        fc.constantFrom(1, 2, 4),
        value,
        value,
        flagsBefore,
        (operation, sizeBytes, a, c, flags) => {
          const bits = 8 * sizeBytes;
          const mask = 2n ** BigInt(bits) - 1n;
          bench.load(`${encode(operation, sizeBytes)} f4`);
          bench.context.setRegister(rax, Number(a));
          bench.context.setRegister(rcx, Number(c));
          bench.context.flags = flags;
          bench.run(1);
          const expected = evaluate(MNEMONICS[operation] ?? "", a & mask, c & mask, bits, flags);
          const isLogic = operation === 1 || operation === 4 || operation === 6;
          const compared = ARITHMETIC & ~(isLogic ? FLAG.af : 0);
          expect(BigInt(bench.context.register(rax))).toBe((a & ~mask) | expected.result);
          expect(bench.context.flags & compared).toBe(expected.flags & compared);
        },
      ),
      { numRuns: 3000 },
    );
  });

  it("feeds conditions, whatever operation left the flags", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 7 }),
        fc.constantFrom(1, 2, 4),
        value,
        value,
        flagsBefore,
        fc.integer({ min: 0, max: 15 }),
        (operation, sizeBytes, a, c, flags, condition) => {
          // op a, c ; setcc cl ; jcc +1 ; hlt ; nop
          bench.load(
            `${encode(operation, sizeBytes)} 0f ${hexByte(0x90 + condition)} c1 ${hexByte(0x70 + condition)} 01 f4 90`,
          );
          bench.context.setRegister(rax, Number(a));
          bench.context.setRegister(rcx, Number(c));
          bench.context.flags = flags;
          bench.run(1);
          const isTrue = holds(condition, bench.context.flags);
          bench.run(2);
          expect(bench.context.register(rcx) & 0xff).toBe(isTrue ? 1 : 0);
          const afterJump = CODE + (sizeBytes === 2 ? 3 : 2) + 3 + 2;
          expect(bench.context.instructionPointer).toBe(afterJump + (isTrue ? 1 : 0));
        },
      ),
      { numRuns: 1500 },
    );
  });
});
