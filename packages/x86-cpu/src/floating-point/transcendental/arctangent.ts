import {
  add,
  and,
  compare,
  conversion,
  convert,
  type FunctionBody,
  float,
  float1,
  i32,
  i64,
  isZero,
  load,
  ltU,
  mul,
  ne,
  or,
  select,
  shl,
  shrU,
  sub,
  TYPE,
  type Value,
} from "@xenolith/wasm-emitter";
import type { SupportContext, SupportFunction } from "../../support/support-function.ts";
import {
  isInfinite,
  isNothing,
  normaliseOperand,
  returnIfDenormalStops,
  returnZero,
  roundInto,
  takeTwoOperands,
} from "../arithmetic.ts";
import { FRACTION_BITS, PI } from "../constants.ts";
import { divide128 } from "../divide.ts";
import { integerBit, named, product128, shiftLeft, shiftRightSticky, when } from "../emit.ts";
import { CONTROL, EXPONENT_BIAS } from "../format.ts";
import {
  addWide,
  alternating,
  negateWide,
  normaliseWide,
  once,
  productHigh,
  reciprocals,
  subtractWide,
  type Wide,
  wideLocals,
} from "./fixed-point.ts";

const { i32: I32, i64: I64 } = TYPE;

const bits = BigInt(FRACTION_BITS);
/** Slopes in the table are multiples of 1/32. */
const STEPS = 32;
const STEP_BITS = 5;
/** Angles are kept in units of 2^-125: there is room for pi. */
const ANGLE_BITS = 125n;
const ANGLE_EXPONENT = EXPONENT_BIAS + 127 - Number(ANGLE_BITS);

/** Arctangent of a / b for small slopes. */
const arctangentOf = (a: bigint, b: bigint): bigint => {
  let power = (a << bits) / b;
  let sum = power;
  for (let k = 3n, sign = -1n; power !== 0n; k += 2n, sign = -sign) {
    power = (power * a * a) / (b * b);
    sum += (sign * power) / k;
  }
  return sum;
};

const angleWords = (value: bigint): readonly [bigint, bigint] => {
  const scaled = value >> (bits - ANGLE_BITS);
  return [scaled >> 64n, scaled];
};

/** Arctangents of i/32 for i from 0 to 32, two words each. */
const slopeTable = once((): readonly bigint[] => {
  let angle = 0n;
  const words: bigint[] = [0n, 0n];
  for (let i = 1n; i <= BigInt(STEPS); i++) {
    angle += arctangentOf(BigInt(STEPS), BigInt(STEPS * STEPS) + i * (i - 1n));
    words.push(...angleWords(angle));
  }
  return words;
});

const SERIES = reciprocals([3n, 5n, 7n, 9n, 11n, 13n, 15n], 65);

/** a *= factor, for a small one. */
const multiplyWide = (body: FunctionBody, a: Wide, factor: Value): void => {
  const low = product128(body, a.low, factor);
  body.set(a.high, add(mul(a.high, factor), low.high));
  body.set(a.low, low.low);
};

interface Fraction {
  readonly top: Value;
  readonly topExponent: Value;
  readonly bottom: Value;
  readonly bottomExponent: Value;
}

/** Arctangent of a small quotient of two normalised numbers as (value, exponent): q - q (q^2/3 - q^4/5 + …). */
const smallArctangent = (
  body: FunctionBody,
  { top, topExponent, bottom, bottomExponent }: Fraction,
): { readonly value: Wide; readonly exponent: Value } => {
  const isLess = named(body, ltU(top, bottom));
  const high = named(body, select(top, shrU(top, 1), isLess));
  const quotient = divide128(body, high, select(i64(0), shl(top, 63), isLess), bottom);
  const exponent = named(body, add(sub(sub(topExponent, bottomExponent), isLess), EXPONENT_BIAS));
  const isAbove = compare("gtU", high, sub(bottom, high));
  const value = wideLocals(body, quotient, select(integerBit, i64(0), isAbove));
  const fraction = wideLocals(body, quotient, i64(0));
  shiftRightSticky(body, fraction.high, fraction.low, sub(i32(EXPONENT_BIAS - 1), exponent));
  const square = product128(body, fraction.high, fraction.high).high;
  const series = alternating(body, square, SERIES);
  const change = product128(body, quotient, productHigh(body, square, series));
  subtractWide(body, value, shrU(change.high, 1), or(or(shl(change.high, 63), shrU(change.low, 1)), 1));
  normaliseWide(body, value, exponent);
  return { value, exponent };
};

/** (x, y, control) -> extended: the angle of the point (x, y), operands as mantissa and head. [SDM2A-3.3 "FPATAN"] */
export const ARCTANGENT: SupportFunction = {
  name: "extended-arctangent",
  parameters: [I64, I32, I64, I32, I32],
  results: [I64, I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const { first: x, second: y, control: given } = takeTwoOperands(body, context);
    const control = named(body, or(given, CONTROL.mantissa64));
    const table = context.constants(slopeTable());
    const raised = named(body, i32(0));
    normaliseOperand(body, x, raised);
    normaliseOperand(body, y, raised);
    returnIfDenormalStops(body, control, raised);
    const angle = wideLocals(body, i64(0), i64(0));
    const finish = (exponent: Value): void => {
      normaliseWide(body, angle, exponent);
      roundInto(body, context, y.sign, exponent, angle.high, or(angle.low, 1), control, raised);
      body.return();
    };
    /** Returns a multiple of a quarter of pi, with the sign of y. */
    const returnQuarters = (quarters: bigint): void => {
      const [high, low] = angleWords((PI * quarters) / 4n);
      body.set(angle.high, i64(high));
      body.set(angle.low, i64(low));
      finish(named(body, i32(ANGLE_EXPONENT)));
    };
    const alongAxis = (): void => {
      when(body, x.sign, () => returnQuarters(4n));
      returnZero(body, y.sign, raised);
    };
    when(body, isInfinite(y), () => {
      when(body, isInfinite(x), () => {
        when(body, x.sign, () => returnQuarters(3n));
        returnQuarters(1n);
      });
      returnQuarters(2n);
    });
    when(body, or(isNothing(y), isInfinite(x)), alongAxis);
    when(body, isNothing(x), () => returnQuarters(2n));
    // The slope is taken from the nearer axis: at most 1.
    const isSteep = or(
      compare("gtS", y.exponent, x.exponent),
      and(compare("eq", y.exponent, x.exponent), ltU(x.mantissa, y.mantissa)),
    );
    const steep = named(body, isSteep);
    const top = named(body, select(x.mantissa, y.mantissa, steep));
    const topExponent = named(body, select(x.exponent, y.exponent, steep));
    const bottom = named(body, select(y.mantissa, x.mantissa, steep));
    const bottomExponent = named(body, select(y.exponent, x.exponent, steep));
    const distance = named(body, sub(bottomExponent, topExponent));
    const step = named(body, i64(0));
    when(body, compare("ltS", distance, STEP_BITS + 2), () => {
      const slope = float("div", conversion("f64.convertI64U", top), conversion("f64.convertI64U", bottom));
      const scale = shl(convert(sub(i32(1023 + STEP_BITS), distance), I64), 52);
      const scaled = float("mul", slope, conversion("f64.reinterpretI64", scale));
      body.set(step, conversion("i64.truncSatF64S", float1("nearest", scaled)));
    });
    const restSign = named(body, i32(0));
    when(body, ne(step, 0), () => {
      // tan(a - b) = (32 top - step bottom) / (32 bottom + step top), with room for the factors.
      const room = STEP_BITS + 2;
      const numerator = wideLocals(body, top, i64(0));
      shiftRightSticky(body, numerator.high, numerator.low, add(distance, room));
      const denominator = wideLocals(body, shrU(bottom, room), shl(bottom, 64 - room));
      const topTimes = wideLocals(body, numerator.high, numerator.low);
      multiplyWide(body, topTimes, step);
      const bottomTimes = wideLocals(body, denominator.high, denominator.low);
      multiplyWide(body, bottomTimes, step);
      shiftLeft(body, numerator.high, numerator.low, i64(STEP_BITS));
      shiftLeft(body, denominator.high, denominator.low, i64(STEP_BITS));
      subtractWide(body, numerator, bottomTimes.high, bottomTimes.low);
      addWide(body, denominator, topTimes.high, topTimes.low);
      when(body, compare("ltS", numerator.high, 0), () => {
        negateWide(body, numerator);
        body.set(restSign, i32(1));
      });
      body.set(topExponent, i32(EXPONENT_BIAS));
      body.set(bottomExponent, i32(EXPONENT_BIAS));
      when(body, isZero(isZero(or(numerator.high, numerator.low))), () =>
        normaliseWide(body, numerator, topExponent),
      );
      normaliseWide(body, denominator, bottomExponent);
      body.set(top, numerator.high);
      body.set(bottom, denominator.high);
    });
    const rest = wideLocals(body, i64(0), i64(0));
    const restExponent = named(body, i32(EXPONENT_BIAS - 64));
    when(body, isZero(isZero(top)), () => {
      const { value, exponent } = smallArctangent(body, { top, topExponent, bottom, bottomExponent });
      body.set(rest.high, value.high);
      body.set(rest.low, value.low);
      body.set(restExponent, exponent);
    });
    const isPlain = named(body, isZero(or(or(steep, x.sign), convert(ne(step, 0), I32))));
    when(body, isPlain, () => {
      body.set(angle.high, rest.high);
      body.set(angle.low, rest.low);
      finish(restExponent);
    });
    shiftRightSticky(body, rest.high, rest.low, sub(i32(ANGLE_EXPONENT), restExponent));
    const entry = named(body, shl(convert(step, I32), 4));
    body.set(angle.high, load(I64, 8, false, entry, table));
    body.set(angle.low, load(I64, 8, false, entry, table + 8));
    when(
      body,
      restSign,
      () => subtractWide(body, angle, rest.high, rest.low),
      () => addWide(body, angle, rest.high, rest.low),
    );
    // Steep: half pi less the angle, or half pi and the angle left of the axis. Else left of the axis: pi less the angle.
    when(body, isZero(isZero(or(steep, x.sign))), () => {
      const negates = compare("eq", isZero(steep), isZero(isZero(x.sign)));
      when(body, negates, () => negateWide(body, angle));
      const [halfHigh, halfLow] = angleWords(PI / 2n);
      const [high, low] = angleWords(PI);
      addWide(body, angle, select(i64(halfHigh), i64(high), steep), select(i64(halfLow), i64(low), steep));
    });
    const exponent = named(body, i32(ANGLE_EXPONENT));
    normaliseWide(body, angle, exponent);
    roundInto(body, context, y.sign, exponent, angle.high, or(angle.low, 1), control, raised);
  },
};
