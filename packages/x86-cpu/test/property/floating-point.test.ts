import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ADD, DIVIDE, MULTIPLY, SUBTRACT } from "../../src/floating-point/arithmetic.ts";
import { EXTEND_DOUBLE, EXTEND_INTEGER, EXTEND_SINGLE } from "../../src/floating-point/extend.ts";
import { COMPARE, ORDER } from "../../src/floating-point/integral.ts";
import { NARROW_DOUBLE, NARROW_INTEGER, NARROW_SINGLE } from "../../src/floating-point/narrow.ts";
import { REMAINDER } from "../../src/floating-point/remainder.ts";
import { SQUARE_ROOT } from "../../src/floating-point/square-root.ts";
import type { SupportFunction } from "../../src/support/support-function.ts";
import { X87_ARITHMETIC } from "../../src/x87/arithmetic-functions.ts";
import {
  type Extended,
  product,
  quotient,
  type Rational,
  rationalOf,
  rounded,
  sum,
} from "../support/extended-oracle.ts";
import { createFloatingPointBench } from "../support/floating-point-bench.ts";

const bench = createFloatingPointBench();
const RUNS = { numRuns: 3000 };

const mantissaBits = fc.oneof(
  fc.bigInt({ min: 0n, max: (1n << 63n) - 1n }),
  fc.integer({ min: 0, max: 63 }).map((n) => 1n << BigInt(n)),
  fc.constantFrom(0n, 1n, (1n << 63n) - 1n, (1n << 63n) - (1n << 11n)),
);
const exponents = fc.oneof(
  fc.integer({ min: 16383 - 70, max: 16383 + 70 }),
  fc.integer({ min: 1, max: 0x7ffe }),
  fc.constantFrom(1, 2, 0x7ffd, 0x7ffe),
);
/** A finite number other than zero; now and then a denormal one. */
const finite: fc.Arbitrary<Extended> = fc
  .tuple(mantissaBits, exponents, fc.boolean(), fc.integer({ min: 0, max: 19 }))
  .map(([bits, exponent, negative, kind]) => {
    const isDenormal = kind === 0 && bits !== 0n;
    const mantissa = isDenormal ? bits : bits | (1n << 63n);
    return { mantissa, head: (isDenormal ? 0 : exponent) | (negative ? 0x8000 : 0) };
  });
/** Control words with all exceptions masked. */
const control = fc
  .tuple(fc.constantFrom(0, 2, 3), fc.integer({ min: 0, max: 3 }))
  .map(([precision, rounding]) => 0x7f | (precision << 8) | (rounding << 10));

const isDenormal = ({ head }: Extended): boolean => (head & 0x7fff) === 0;
const DENORMAL = 2 << 16;

const withDenormals = (result: Extended, ...operands: readonly Extended[]): Extended =>
  operands.some(isDenormal) ? { ...result, head: result.head | DENORMAL } : result;

const operate = (support: SupportFunction, a: Extended, b: Extended, word: number): Extended =>
  bench.extended(support, a.mantissa, a.head, b.mantissa, b.head, word);

describe("extended arithmetic", () => {
  const operations: readonly (readonly [string, SupportFunction, (a: Rational, b: Rational) => Rational])[] =
    [
      ["sums", ADD, sum],
      ["products", MULTIPLY, product],
      ["quotients", DIVIDE, quotient],
    ];
  for (const [name, support, exact] of operations) {
    it(`rounds ${name} as exact ones are rounded, with the same exceptions`, () => {
      fc.assert(
        fc.property(finite, finite, control, (a, b, word) => {
          const value = exact(rationalOf(a), rationalOf(b));
          fc.pre(value.numerator !== 0n);
          expect(operate(support, a, b, word)).toEqual(withDenormals(rounded(value, word), a, b));
        }),
        RUNS,
      );
    });
  }

  it("adds and multiplies alike in either order", () => {
    fc.assert(
      fc.property(finite, finite, control, fc.constantFrom(ADD, MULTIPLY), (a, b, word, support) => {
        expect(operate(support, a, b, word)).toEqual(operate(support, b, a, word));
      }),
      RUNS,
    );
  });

  it("subtracts by adding the opposite", () => {
    fc.assert(
      fc.property(finite, finite, control, (a, b, word) => {
        const opposite = { ...b, head: b.head ^ 0x8000 };
        expect(operate(SUBTRACT, a, b, word)).toEqual(operate(ADD, a, opposite, word));
      }),
      RUNS,
    );
  });

  it("has a square root whose square brackets the operand", () => {
    fc.assert(
      fc.property(finite, (positive) => {
        const a = { ...positive, head: positive.head & 0x7fff };
        const down = bench.extended(SQUARE_ROOT, a.mantissa, a.head, 0xf7f);
        const up = bench.extended(SQUARE_ROOT, a.mantissa, a.head, 0xb7f);
        const difference = (root: Extended): bigint => {
          const square = product(rationalOf(root), rationalOf(root));
          const value = rationalOf(a);
          return square.numerator * value.denominator - value.numerator * square.denominator;
        };
        expect(difference(down) <= 0n && difference(up) >= 0n).toBe(true);
        const isExact = (down.head & (0x20 << 16)) === 0;
        expect(isExact).toBe(difference(down) === 0n);
        if (!isExact) expect(up.mantissa === down.mantissa + 1n || up.mantissa === 1n << 63n).toBe(true);
      }),
      RUNS,
    );
  });

  it("leaves a remainder that is the dividend less a multiple of the divisor", () => {
    fc.assert(
      fc.property(finite, finite, (a, b) => {
        const rest = operate(REMAINDER, a, b, 0x37f);
        const [x, y, r] = [a, b, rest].map(rationalOf) as [Rational, Rational, Rational];
        const multiple = quotient(sum(x, { ...r, negative: !r.negative }), y);
        expect(multiple.numerator % multiple.denominator).toBe(0n);
        const isPartial = (rest.head & (0x400 << 16)) !== 0;
        if (!isPartial) expect(r.numerator * y.denominator < y.numerator * r.denominator).toBe(true);
      }),
      RUNS,
    );
  });

  it("orders as exact values are ordered", () => {
    fc.assert(
      fc.property(finite, finite, (a, b) => {
        const difference = sum(rationalOf(a), { ...rationalOf(b), negative: (b.head & 0x8000) === 0 });
        const order = bench.call(COMPARE, a.mantissa, a.head, b.mantissa, b.head, 0) as number;
        const want = difference.numerator === 0n ? ORDER.equal : difference.negative ? ORDER.less : 0;
        expect(order & 0xffff).toBe(want);
      }),
      RUNS,
    );
  });
});

describe("fast x87 arithmetic", () => {
  it("gives what the operation in full gives", () => {
    const full: Readonly<Record<string, readonly [SupportFunction, boolean]>> = {
      fadd: [ADD, false],
      fmul: [MULTIPLY, false],
      fsub: [SUBTRACT, false],
      fsubr: [SUBTRACT, true],
      fdiv: [DIVIDE, false],
      fdivr: [DIVIDE, true],
    };
    const { state } = bench;
    fc.assert(
      fc.property(finite, finite, fc.constantFrom(...X87_ARITHMETIC), (a, b, { mnemonic, registers }) => {
        const [support, isReversed] = full[mnemonic] ?? [ADD, false];
        state.control = 0x37f;
        state.status = 0;
        state.tags = 3;
        state.setRegister(0, (BigInt(a.head) << 64n) | a.mantissa);
        state.setRegister(1, (BigInt(b.head) << 64n) | b.mantissa);
        bench.call(registers, 0, 0x10);
        const [first, second] = isReversed ? [b, a] : [a, b];
        const want = operate(support, first, second, 0x37f);
        expect(state.register(0)).toBe((BigInt(want.head & 0xffff) << 64n) | want.mantissa);
        expect(state.status).toBe(want.head >>> 16);
      }),
      RUNS,
    );
  });
});

describe("conversions", () => {
  const bitsOf64 = fc
    .double({ noNaN: true })
    .map((value) => new BigInt64Array(new Float64Array([value]).buffer)[0] ?? 0n);

  it("takes every double there and back", () => {
    fc.assert(
      fc.property(bitsOf64, (bits) => {
        const { mantissa, head } = bench.extended(EXTEND_DOUBLE, bits);
        const [back, raised] = bench.call(NARROW_DOUBLE, mantissa, head & 0xffff, 0x37f) as [bigint, number];
        expect(back).toBe(bits);
        expect(raised).toBe(0);
      }),
      RUNS,
    );
  });

  it("rounds doubles to singles as the host does", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true }), (value) => {
        const bits = new BigInt64Array(new Float64Array([value]).buffer)[0] ?? 0n;
        const { mantissa, head } = bench.extended(EXTEND_DOUBLE, bits);
        const [single] = bench.call(NARROW_SINGLE, mantissa, head & 0xffff, 0x37f) as [bigint, number];
        const want = new Uint32Array(new Float32Array([value]).buffer)[0];
        expect(Number(single)).toBe(want);
        const wide = bench.extended(EXTEND_SINGLE, single);
        const [back] = bench.call(NARROW_DOUBLE, wide.mantissa, wide.head & 0xffff, 0x37f) as [
          bigint,
          number,
        ];
        expect(new Float64Array(new BigInt64Array([back]).buffer)[0]).toBe(Math.fround(value));
      }),
      RUNS,
    );
  });

  it("takes every integer there and back", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }), (value) => {
        const { mantissa, head } = bench.extended(EXTEND_INTEGER, value);
        expect(bench.call(NARROW_INTEGER, mantissa, head, 64, 0x37f)).toEqual([value, 0]);
      }),
      RUNS,
    );
  });
});
