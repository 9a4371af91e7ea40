import {
  add,
  and,
  compare,
  convert,
  eq,
  type FunctionBody,
  i32,
  i64,
  isZero,
  load,
  mul,
  or,
  select,
  shl,
  shrU,
  sub,
  TYPE,
  type Value,
  xor,
} from "@xenolith/wasm-emitter";
import type { SupportContext, SupportFunction } from "../../support/support-function.ts";
import { normaliseOperand, returnIfDenormalStops, roundInto, unpacked } from "../arithmetic.ts";
import { FRACTION_BITS, LN2 } from "../constants.ts";
import { named, product128, shiftRightSticky, taken, when } from "../emit.ts";
import { CONTROL, EXPONENT_BIAS, RAISED, RAISED_SHIFT } from "../format.ts";
import { returnSpecialOperand } from "../integral.ts";
import {
  addWide,
  alternating,
  factorial,
  negateWide,
  normaliseWide,
  once,
  productHigh,
  reciprocals,
  subtractWide,
  wideLocals,
} from "./fixed-point.ts";

const { i32: I32, i64: I64 } = TYPE;

/** Steps between the powers of two in the table. */
const STEPS = 32;
const ENTRY_WORDS = 4;

const bits = BigInt(FRACTION_BITS);

const squareRoot = (value: bigint): bigint => {
  let root = 1n << BigInt((value.toString(2).length + 1) >> 1);
  for (;;) {
    const next = (root + value / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
};

/**
 * For i from -32 to 32: the mantissa of 2^(i/32), the magnitude of 2^(i/32) - 1 in units of 2^-127 (two words), and how much
 * less than 2^-63 a unit of the mantissa is, as a binary exponent.
 */
const powerTable = once((): readonly bigint[] => {
  let step = 2n << bits;
  for (let halving = STEPS; halving > 1; halving /= 2) step = squareRoot(step << bits);
  const words: bigint[] = [];
  let power = 1n << (bits - 1n);
  for (let i = -STEPS; i <= STEPS; i++) {
    const isLow = power < 1n << bits;
    const mantissa = power >> (bits - (isLow ? 64n : 63n));
    const distance = isLow ? (1n << bits) - power : power - (1n << bits);
    const scaled = distance >> (bits - 127n);
    words.push(
      i === STEPS ? 1n << 63n : mantissa,
      scaled >> 64n,
      scaled,
      i === STEPS ? -1n : isLow ? 1n : 0n,
    );
    power = (power * step) >> bits;
  }
  // The powers that are exact, which the product has come close to.
  const exact = (i: number, mantissa: bigint, high: bigint, exponent: bigint): void => {
    words.splice(ENTRY_WORDS * (i + STEPS), ENTRY_WORDS, mantissa, high, 0n, exponent);
  };
  exact(-STEPS, 1n << 63n, 1n << 62n, 1n);
  exact(0, 1n << 63n, 0n, 0n);
  exact(STEPS, 1n << 63n, 1n << 63n, -1n);
  return words;
});

const SERIES = reciprocals([2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map(factorial), 64);
const LN2_MANTISSA = ((LN2 >> (bits - 65n)) + 1n) >> 1n;
/** The argument of the series is below 2^-6. */
const SMALL_BITS = 6;

/**
 * (mantissa, exponent, sign) -> (high, low, exponent): the magnitude of 2^x - 1 for a normalised x below 2^-6, as
 * g + g (g/2 + g^2/6 + …) with g = x ln 2.
 */
const EXPONENTIAL_KERNEL: SupportFunction = {
  name: "exponential-kernel",
  parameters: [I64, I32, I32],
  results: [I64, I64, I32],
  emit(body: FunctionBody): void {
    const [mantissa, exponent, sign] = [0, 1, 2].map((n) => body.parameter(n)) as [Value, Value, Value];
    const value = product128(body, mantissa, i64(LN2_MANTISSA));
    normaliseWide(body, value, exponent);
    const small = wideLocals(body, value.high, i64(0));
    shiftRightSticky(body, small.high, small.low, sub(i32(EXPONENT_BIAS - 1), exponent));
    const outer = wideLocals(body, value.high, i64(0));
    shiftRightSticky(body, outer.high, outer.low, sub(i32(EXPONENT_BIAS - 1 - SMALL_BITS), exponent));
    // The terms have one sign for positive arguments.
    const mask = named(body, select(i64(0), i64(-1), sign));
    const series = alternating(body, small.high, SERIES, mask);
    const correction = productHigh(body, outer.high, series);
    const scaled = product128(body, value.high, correction);
    const high = shrU(scaled.high, SMALL_BITS);
    const low = or(shl(scaled.high, 64 - SMALL_BITS), shrU(scaled.low, SMALL_BITS));
    when(
      body,
      sign,
      () => {
        subtractWide(body, value, high, or(low, 1));
        normaliseWide(body, value, exponent);
      },
      () => {
        addWide(body, value, high, or(low, 1));
        // The sum may carry out of bit 127.
        when(body, compare("geS", value.high, 0), () => {
          body.set(value.low, or(or(shrU(value.low, 1), shl(value.high, 63)), 1));
          body.set(value.high, or(shrU(value.high, 1), i64(1n << 63n)));
          body.set(exponent, add(exponent, 1));
        });
      },
    );
    body.push(value.high, value.low, exponent);
  },
};

/** (mantissa, head, control) -> extended: 2^x - 1 for x from -1 to 1; beyond, x itself. [SDM2A-3.3 "F2XM1"] */
export const EXPONENTIAL: SupportFunction = {
  name: "extended-exponential",
  parameters: [I64, I32, I32],
  results: [I64, I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const [mantissa, head, given] = [0, 1, 2].map((n) => body.parameter(n)) as [Value, Value, Value];
    const control = named(body, or(given, CONTROL.mantissa64));
    const table = context.constants(powerTable());
    returnSpecialOperand(body, context, mantissa, head);
    const operand = unpacked(body, mantissa, head);
    const { exponent, sign } = operand;
    const isOne = and(eq(head, EXPONENT_BIAS), eq(mantissa, i64(1n << 63n)));
    when(body, isOne, () => {
      // Silicon takes the result for inexact, and rounds it.
      const [exponentBelow, ones] = [i32(EXPONENT_BIAS - 1), i64(-1)];
      roundInto(body, context, sign, exponentBelow, ones, ones, control, i32(0));
      body.return();
    });
    when(body, compare("geS", exponent, EXPONENT_BIAS), () => returnBeyond(body, mantissa, head));
    when(body, isZero(mantissa), () => body.return(mantissa, head));
    const raised = named(body, i32(0));
    normaliseOperand(body, operand, raised);
    returnIfDenormalStops(body, control, raised);
    when(body, compare("ltS", exponent, EXPONENT_BIAS - SMALL_BITS), () => {
      body.call(context.indexOf(EXPONENTIAL_KERNEL), mantissa, exponent, sign);
      const [high, low, power] = taken(body, I64, I64, I32);
      roundInto(body, context, sign, power, high, low, control, raised);
      body.return();
    });
    // x is a multiple of 1/32 and a rest f: 2^x - 1 = t + (1 + t) (2^f - 1).
    const value = wideLocals(body, mantissa, i64(0));
    shiftRightSticky(body, value.high, value.low, sub(i32(EXPONENT_BIAS - 1), exponent));
    const steps = named(body, shrU(add(shrU(value.high, 58), 1), 1));
    body.set(value.high, sub(value.high, shl(steps, 59)));
    const restSign = named(body, sign);
    when(body, compare("ltS", value.high, 0), () => {
      negateWide(body, value);
      body.set(restSign, xor(sign, 0x8000));
    });
    const index = convert(select(sub(i64(STEPS), steps), add(steps, STEPS), sign), I32);
    const entry = named(body, mul(index, 8 * ENTRY_WORDS));
    const word = (which: number): Value => load(I64, 8, false, entry, table + 8 * which);
    const result = wideLocals(body, word(1), word(2));
    when(body, isZero(eq(or(value.high, value.low), 0)), () => {
      const restExponent = named(body, i32(EXPONENT_BIAS - 1));
      normaliseWide(body, value, restExponent);
      body.call(context.indexOf(EXPONENTIAL_KERNEL), value.high, restExponent, restSign);
      const [high, , power] = taken(body, I64, I64, I32);
      const scaled = product128(body, word(0), high);
      const shift = add(sub(i32(EXPONENT_BIAS - 1), power), convert(word(3), I32));
      shiftRightSticky(body, scaled.high, scaled.low, named(body, shift));
      when(
        body,
        eq(sign, restSign),
        () => addWide(body, result, scaled.high, scaled.low),
        () => subtractWide(body, result, scaled.high, scaled.low),
      );
    });
    body.set(exponent, i32(EXPONENT_BIAS));
    normaliseWide(body, result, exponent);
    roundInto(body, context, sign, exponent, result.high, result.low, control, raised);
  },
};

/**
 * Beyond 1 the function is not defined: the operand stays. Silicon takes it, and the half that comes of -1, for inexact all the
 * same. Infinities are exact.
 */
const returnBeyond = (body: FunctionBody, mantissa: Value, head: Value): void => {
  const isMinusOne = and(eq(head, 0x8000 | EXPONENT_BIAS), eq(mantissa, i64(1n << 63n)));
  const isMinusInfinity = and(eq(head, 0xffff), eq(mantissa, i64(1n << 63n)));
  const inexact = RAISED.precision << RAISED_SHIFT;
  when(body, isMinusOne, () => body.return(mantissa, i32(0x8000 | (EXPONENT_BIAS - 1) | inexact)));
  when(body, isMinusInfinity, () => body.return(mantissa, i32(0x8000 | EXPONENT_BIAS)));
  body.return(mantissa, or(head, select(i32(0), i32(inexact), eq(and(head, 0x7fff), 0x7fff))));
};

/** Functions around powers of two. */
export const EXPONENTIAL_FUNCTIONS: readonly SupportFunction[] = [EXPONENTIAL_KERNEL, EXPONENTIAL];
