import {
  add,
  and,
  compare,
  constant,
  conversion,
  convert,
  eq,
  type FunctionBody,
  float,
  float1,
  i32,
  i64,
  isZero,
  ltU,
  mul,
  or,
  select,
  shl,
  shrS,
  shrU,
  sub,
  TYPE,
  type Value,
  xor,
} from "@xenolith/wasm-emitter";
import type { SupportContext, SupportFunction } from "../../support/support-function.ts";
import { normaliseOperand, returnIfDenormalStops, roundInto, unpacked } from "../arithmetic.ts";
import { FRACTION_BITS, PI } from "../constants.ts";
import { divide128 } from "../divide.ts";
import {
  integerBit,
  named,
  product128,
  raisedHead,
  returnIndefinite,
  shiftRightSticky,
  taken,
  when,
} from "../emit.ts";
import { CONTROL, EXPONENT_BIAS, EXPONENT_MAX, RAISED } from "../format.ts";
import { returnSpecialOperand } from "../integral.ts";
import {
  addWide,
  alternatingFrom,
  factorial,
  normaliseWide,
  productHigh,
  reciprocals,
  subtractWide,
  type Wide,
  wideLocals,
} from "./fixed-point.ts";

const { i32: I32, i64: I64, f64: F64 } = TYPE;

/**
 * Pi as processors reduce by it: 66 bits, so that remainders are exact. What is left of large arguments differs from the true
 * remainder, as it does on silicon. [SDM1-8.3.8]
 */
const REDUCTION_BITS = 64;
const SHORT_PI = PI >> BigInt(FRACTION_BITS - REDUCTION_BITS);
/** Half of that in units of 2^-65 is the same integer. Its upper two bits, and the rest. */
const UNIT_EXPONENT = -REDUCTION_BITS - 1;
const HALF_PI_HIGH = SHORT_PI >> 64n;
const HALF_PI_LOW = SHORT_PI & 0xffff_ffff_ffff_ffffn;
/** Its upper 64 bits: a divisor that gives quotients at most a little too large. */
const HALF_PI_TOP = SHORT_PI >> 2n;

/** Arguments below this exponent are reduced by a product in double precision. */
const SMALL_EXPONENT = EXPONENT_BIAS + 30;
/** A quarter of pi is between 2^-1 and 1. */
const QUARTER_PI = HALF_PI_TOP;

/** Multiples of half pi in a positive value, to nearest; any neighbour will do where two are as good. */
const quotientOf = (body: FunctionBody, mantissa: Value, exponent: Value, value: Wide): Value => {
  const quotient = body.local(I64);
  when(
    body,
    compare("ltS", exponent, SMALL_EXPONENT),
    () => {
      const bits = shl(convert(add(exponent, 1023 - EXPONENT_BIAS - 63), I64), 52);
      const scale = conversion("f64.reinterpretI64", bits);
      const turns = float(
        "mul",
        float("mul", conversion("f64.convertI64U", mantissa), scale),
        constant(F64, 2 / Math.PI),
      );
      body.set(quotient, conversion("i64.truncSatF64S", float1("nearest", turns)));
    },
    () => {
      const high = named(body, shrU(value.high, 2));
      const low = named(body, or(shl(value.high, 62), shrU(value.low, 2)));
      body.set(quotient, divide128(body, high, low, i64(HALF_PI_TOP)));
    },
  );
  return quotient;
};

/** A positive value, less a multiple of half pi, in magnitude. It is at most a little above a quarter of pi. */
interface Reduced {
  readonly high: Value;
  readonly low: Value;
  readonly exponent: Value;
  /** The multiple modulo 4 in bits 1:0, the sign of the rest in bit 15. */
  readonly turns: Value;
}

/** Reduces a normalised value of at least a quarter of pi; `exponent` is changed. */
const reduceLarge = (body: FunctionBody, mantissa: Value, exponent: Value): Omit<Reduced, "exponent"> => {
  // In units of 2^-65: the mantissa moved left by 1 to 64 bits.
  const count = named(body, convert(sub(exponent, EXPONENT_BIAS + 63 + UNIT_EXPONENT), I64));
  const isWhole = named(body, eq(count, 64));
  const value = wideLocals(
    body,
    select(mantissa, shrU(mantissa, sub(i64(64), count)), isWhole),
    select(i64(0), shl(mantissa, count), isWhole),
  );
  const quotient = quotientOf(body, mantissa, exponent, value);
  const multiple = product128(body, quotient, i64(HALF_PI_LOW));
  subtractWide(body, value, add(multiple.high, mul(quotient, i64(HALF_PI_HIGH))), multiple.low);
  // A quotient that was cut, or one too large, leaves more than half of the divisor.
  const sign = named(body, i32(0));
  const half = i64(SHORT_PI >> 1n);
  const takeMagnitude = (): void => {
    const isNegative = named(body, shrS(value.high, 63));
    body.set(value.high, xor(value.high, isNegative));
    body.set(value.low, xor(value.low, isNegative));
    addWide(body, value, i64(0), sub(i64(0), isNegative));
    body.set(sign, xor(sign, and(convert(isNegative, I32), 0x8000)));
  };
  const correct = (then: () => void): void => {
    const isAbove = or(
      compare("gtU", value.high, 1),
      and(eq(value.high, 1), compare("gtU", value.low, half)),
    );
    when(body, isAbove, () => {
      subtractWide(body, value, i64(HALF_PI_HIGH), i64(HALF_PI_LOW));
      body.set(quotient, add(quotient, select(i64(-1), i64(1), sign)));
      takeMagnitude();
      then();
    });
  };
  takeMagnitude();
  correct(() => correct(() => {}));
  body.set(exponent, i32(EXPONENT_BIAS + 127 + UNIT_EXPONENT));
  normaliseWide(body, value, exponent);
  return { high: value.high, low: value.low, turns: or(sign, and(convert(quotient, I32), 3)) };
};

/** Reduces a positive normalised value. `exponent` becomes that of the rest. */
const reduceAngle = (body: FunctionBody, mantissa: Value, exponent: Value): Reduced => {
  const high = named(body, mantissa);
  const low = named(body, i64(0));
  const turns = named(body, i32(0));
  const isLarge = or(
    compare("gtS", exponent, EXPONENT_BIAS - 1),
    and(eq(exponent, EXPONENT_BIAS - 1), compare("geU", mantissa, i64(QUARTER_PI))),
  );
  when(body, isLarge, () => {
    const rest = reduceLarge(body, mantissa, exponent);
    body.set(high, rest.high);
    body.set(low, rest.low);
    body.set(turns, rest.turns);
  });
  return { high, low, exponent, turns };
};

/** A value below 1 (high, exponent) as a fraction of 64 bits, to nearest. */
const fractionOf = (body: FunctionBody, high: Value, low: Value, exponent: Value): Value => {
  const fraction = wideLocals(body, high, low);
  shiftRightSticky(body, fraction.high, fraction.low, sub(i32(EXPONENT_BIAS - 1), exponent));
  return named(body, add(fraction.high, shrU(fraction.low, 63)));
};

/** A positive value with a mantissa of 128 bits, normalised. */
type Scaled = Omit<Reduced, "turns">;

const SINE_BITS = 66;
const SINE_SERIES = reciprocals([3, 5].map(factorial), SINE_BITS);
const SINE_TAIL = [7, 9, 11, 13, 15, 17, 19].map(factorial);
const COSINE_BITS = 68;
const COSINE_SERIES = reciprocals([4, 6].map(factorial), COSINE_BITS);
const COSINE_TAIL = [8, 10, 12, 14, 16, 18, 20].map(factorial);

/** t0 - x t1 + x^2 t2 - … in double precision, by pairs and pairs of pairs, which do not wait for one another. */
const alternatingByPairs = (body: FunctionBody, x: Value, terms: readonly Value[]): Value => {
  let sums = terms.map((_, index) => {
    const next = terms[index + 1];
    const term = terms[index] ?? constant(F64, 0);
    return next === undefined ? term : float("sub", term, float("mul", x, next));
  });
  sums = sums.filter((_, index) => index % 2 === 0);
  for (let power = x; sums.length > 1; ) {
    power = named(body, float("mul", power, power));
    const pairs = sums.map((sum, index) => {
      const next = sums[index + 1];
      return index % 2 !== 0 || next === undefined
        ? sum
        : named(body, float("add", sum, float("mul", power, next)));
    });
    sums = pairs.filter((_, index) => index % 2 === 0);
  }
  return sums[0] ?? constant(F64, 0);
};

/**
 * An alternating series of the square of an angle, both fractions of 64 bits. What the terms of `tail` (reciprocals) add is
 * so small that double precision is enough for their sum.
 */
const seriesOf = (
  body: FunctionBody,
  fraction: Value,
  square: Value,
  terms: { readonly bits: number; readonly exact: readonly bigint[]; readonly tail: readonly bigint[] },
): Value => {
  const halved = conversion("f64.convertI64S", shrU(fraction, 1));
  const angle = named(body, float("mul", halved, constant(F64, 2 ** -63)));
  const x = named(body, float("mul", angle, angle));
  const inUnits = terms.tail.map((denominator) => constant(F64, 2 ** terms.bits / Number(denominator)));
  const sum = alternatingByPairs(body, x, inUnits);
  const tail = named(body, conversion("i64.truncSatF64S", sum));
  return alternatingFrom(body, square, terms.exact, tail);
};

/** The sine of a reduced angle, x - x * z for z = x^2/6 - x^4/120 + … */
const sineOf = (body: FunctionBody, { high, low, exponent }: Scaled): Scaled => {
  const fraction = fractionOf(body, high, low, exponent);
  const square = product128(body, fraction, fraction).high;
  const series = seriesOf(body, fraction, square, { bits: SINE_BITS, exact: SINE_SERIES, tail: SINE_TAIL });
  const correction = product128(body, square, series).high;
  const scaled = product128(body, high, correction);
  const value = wideLocals(body, high, low);
  const shift = SINE_BITS - 64;
  subtractWide(
    body,
    value,
    shrU(scaled.high, shift),
    or(or(shl(scaled.high, 64 - shift), shrU(scaled.low, shift)), 1),
  );
  const resultExponent = named(body, exponent);
  normaliseWide(body, value, resultExponent);
  return { ...value, exponent: resultExponent };
};

/** The cosine of a reduced angle, 1 - x^2/2 + x^4/24 - … */
const cosineOf = (body: FunctionBody, { high, low, exponent }: Scaled): Scaled => {
  const fraction = fractionOf(body, high, low, exponent);
  const square = product128(body, fraction, fraction);
  const series = seriesOf(body, fraction, square.high, {
    bits: COSINE_BITS,
    exact: COSINE_SERIES,
    tail: COSINE_TAIL,
  });
  const fourth = productHigh(body, square.high, series);
  const rest = product128(body, square.high, fourth).high;
  const value = wideLocals(body, i64(0), i64(0));
  // The distance from 1 is not zero, however small the angle.
  const halfLow = or(or(shl(square.high, 63), shrU(square.low, 1)), 1);
  subtractWide(body, value, shrU(square.high, 1), halfLow);
  const shift = COSINE_BITS - 64;
  const carried = wideLocals(body, shrU(rest, shift), shl(rest, 64 - shift));
  body.set(value.low, add(value.low, carried.low));
  body.set(value.high, add(add(value.high, carried.high), convert(ltU(value.low, carried.low), I64)));
  const resultExponent = named(body, i32(EXPONENT_BIAS - 1));
  normaliseWide(body, value, resultExponent);
  return { ...value, exponent: resultExponent };
};

/** Below this sine and tangent are an angle less something that only rounding shows: processors take the tangent for less, too. */
const TINY_EXPONENT = EXPONENT_BIAS - 40;

const anyPrecision = (control: Value): Value => or(control, CONTROL.mantissa64);

/** An operand that has been found to be a finite number other than zero, normalised. */
interface Angle extends Reduced {
  readonly sign: Value;
  readonly raised: Value;
}

/** Returns for operands that are not numbers, infinite, or out of range (C2); reduces all others but zeros. */
const takeAngle = (body: FunctionBody, context: SupportContext, zero: () => void): Angle => {
  const [mantissa, head, control] = [0, 1, 2].map((n) => body.parameter(n)) as [Value, Value, Value];
  returnSpecialOperand(body, context, mantissa, head);
  const operand = unpacked(body, mantissa, head);
  when(body, eq(operand.exponent, EXPONENT_MAX), () => returnIndefinite(body));
  when(body, compare("geS", operand.exponent, EXPONENT_BIAS + 63), () =>
    body.return(mantissa, or(head, raisedHead(RAISED.partial))),
  );
  when(body, isZero(mantissa), zero);
  const raised = named(body, i32(0));
  normaliseOperand(body, operand, raised);
  returnIfDenormalStops(body, control, raised);
  return { sign: operand.sign, raised, ...reduceAngle(body, mantissa, operand.exponent) };
};

/**
 * (mantissa, head, control) -> extended: the sine, or with one quarter turn ahead the cosine. C2 is raised for magnitudes of
 * 2^63 and more, and the operand returned. [SDM2A-3.3 "FSIN" "FCOS"]
 */
const sineAhead = (name: string, ahead: 0 | 1): SupportFunction => ({
  name,
  parameters: [I64, I32, I32],
  results: [I64, I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const control = anyPrecision(body.parameter(2));
    const angle = takeAngle(body, context, () => {
      if (ahead === 0) body.return(i64(0), and(body.parameter(1), 0xffff));
      else body.return(integerBit, i32(EXPONENT_BIAS));
    });
    const quarter = named(body, add(angle.turns, ahead));
    // A cosine takes no notice of the operand's sign.
    const sign = named(body, ahead === 0 ? angle.sign : i32(0));
    body.set(sign, xor(sign, shl(and(quarter, 2), 14)));
    const target = body.local(I64);
    const targetLow = body.local(I64);
    const targetExponent = body.local(I32);
    const keep = (result: Scaled): void => {
      body.set(target, result.high);
      body.set(targetLow, result.low);
      body.set(targetExponent, result.exponent);
    };
    when(
      body,
      and(quarter, 1),
      () => keep(cosineOf(body, angle)),
      () => {
        keep(sineOf(body, angle));
        body.set(sign, xor(sign, and(angle.turns, 0x8000)));
      },
    );
    roundInto(body, context, sign, targetExponent, target, targetLow, control, angle.raised);
  },
});

/** The sine of an angle. */
export const SINE: SupportFunction = sineAhead("extended-sine", 0);
/** The cosine of an angle. */
export const COSINE: SupportFunction = sineAhead("extended-cosine", 1);

/** (mantissa, head, control) -> (sine with all exceptions, cosine): both extended. [SDM2A-3.3 "FSINCOS"] */
export const SINE_AND_COSINE: SupportFunction = {
  name: "extended-sine-and-cosine",
  parameters: [I64, I32, I32],
  results: [I64, I32, I64, I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const [mantissa, head, control] = [0, 1, 2].map((n) => body.parameter(n)) as [Value, Value, Value];
    body.call(context.indexOf(COSINE), mantissa, head, control);
    const [cosine, cosineHead] = taken(body, I64, I32);
    body.call(context.indexOf(SINE), mantissa, head, control);
    const [sine, sineHead] = taken(body, I64, I32);
    const both = or(sineHead, and(cosineHead, raisedHead(RAISED.precision)));
    body.push(sine, both, cosine, and(cosineHead, 0xffff));
  },
};

const TANGENT_VALUE: SupportFunction = {
  name: "extended-tangent",
  parameters: [I64, I32, I32],
  results: [I64, I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const control = anyPrecision(body.parameter(2));
    const angle = takeAngle(body, context, () => body.return(body.parameter(0), body.parameter(1)));
    const isTiny = compare("ltS", angle.exponent, TINY_EXPONENT);
    when(body, and(isZero(angle.turns), isTiny), () => {
      const { high, low, exponent } = sineOf(body, angle);
      roundInto(body, context, angle.sign, exponent, high, low, control, angle.raised);
      body.return();
    });
    const sine = sineOf(body, angle);
    const cosine = cosineOf(body, angle);
    // One quarter turn makes of s / c the cotangent, - c / s.
    const isOdd = named(body, and(angle.turns, 1));
    const swapped = (a: Value, b: Value): Value => named(body, select(b, a, isOdd));
    const top = wideLocals(body, swapped(sine.high, cosine.high), swapped(sine.low, cosine.low));
    const topExponent = swapped(sine.exponent, cosine.exponent);
    const bottom = wideLocals(body, swapped(cosine.high, sine.high), swapped(cosine.low, sine.low));
    const bottomExponent = swapped(cosine.exponent, sine.exponent);
    // The divisor is rounded to 64 bits.
    const rounded = named(body, add(bottom.high, shrU(bottom.low, 63)));
    when(body, isZero(isZero(rounded)), () => body.set(bottom.high, rounded));
    const isLess = named(body, ltU(top.high, bottom.high));
    const high = named(body, select(top.high, shrU(top.high, 1), isLess));
    const low = select(top.low, or(shl(top.high, 63), shrU(top.low, 1)), isLess);
    const quotient = divide128(body, high, named(body, low), bottom.high);
    const isAbove = compare("gtU", high, sub(bottom.high, high));
    const fraction = or(select(integerBit, i64(0), isAbove), 1);
    const exponent = add(sub(sub(topExponent, bottomExponent), isLess), EXPONENT_BIAS);
    const sign = xor(xor(angle.sign, and(angle.turns, 0x8000)), shl(isOdd, 15));
    roundInto(body, context, sign, exponent, quotient, fraction, control, angle.raised);
  },
};

/** (mantissa, head, control) -> (tangent with all exceptions, what is pushed). [SDM2A-3.3 "FPTAN"] */
export const TANGENT: SupportFunction = {
  name: "extended-tangent-pair",
  parameters: [I64, I32, I32],
  results: [I64, I32, I64, I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const [mantissa, head, control] = [0, 1, 2].map((n) => body.parameter(n)) as [Value, Value, Value];
    body.call(context.indexOf(TANGENT_VALUE), mantissa, head, control);
    const [tangent, tangentHead] = taken(body, I64, I32);
    const isNumber = named(body, compare("ne", and(tangentHead, EXPONENT_MAX), EXPONENT_MAX));
    body.push(tangent, tangentHead);
    body.push(select(integerBit, tangent, isNumber));
    body.push(select(i32(EXPONENT_BIAS), and(tangentHead, 0xffff), isNumber));
  },
};

/** Functions of angles, in an order in which each is known before it is called. */
export const TRIGONOMETRIC: readonly SupportFunction[] = [
  SINE,
  COSINE,
  SINE_AND_COSINE,
  TANGENT_VALUE,
  TANGENT,
];
