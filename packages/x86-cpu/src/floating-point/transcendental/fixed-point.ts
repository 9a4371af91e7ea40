import {
  add,
  and,
  clz,
  convert,
  type FunctionBody,
  i32,
  i64,
  isZero,
  ltU,
  mul,
  shrU,
  sub,
  TYPE,
  type Value,
  xor,
} from "@xenolith/wasm-emitter";
import { named, product128, shiftLeft, when } from "../emit.ts";

/** A number of 128 bits in two locals that may be changed. */
export interface Wide {
  readonly high: Value;
  readonly low: Value;
}

const HALF = 0xffff_ffff;

/** High half of a product of fractions of 64 bits, up to two units too small. */
export const productHigh = (body: FunctionBody, a: Value, b: Value): Value => {
  const aHigh = named(body, shrU(a, 32));
  const bHigh = named(body, shrU(b, 32));
  const cross = add(shrU(mul(aHigh, and(b, HALF)), 32), shrU(mul(and(a, HALF), bHigh), 32));
  return named(body, add(mul(aHigh, bHigh), cross));
};

/** `1 / denominator` of each as a fraction of 2^`bits`, to nearest. */
export const reciprocals = (denominators: readonly bigint[], bits: number): readonly bigint[] =>
  denominators.map((one) => ((2n << BigInt(bits)) / one + 1n) >> 1n);

/** n!, exactly. */
export const factorial = (n: number): bigint => (n <= 1 ? 1n : BigInt(n) * factorial(n - 1));

/**
 * c0 - x (c1 - x (c2 - …)) by fractions of 64 bits; all partial sums must be fractions. With a `sign` mask (i64, 0 or -1) the
 * steps add where the mask is set.
 */
export const alternating = (
  body: FunctionBody,
  x: Value,
  coefficients: readonly bigint[],
  sign: Value | null = null,
): Value => {
  const last = i64(coefficients.at(-1) ?? 0n);
  return alternatingFrom(body, x, coefficients.slice(0, -1), last, sign);
};

/** As {@link alternating}; `last` is the last coefficient. */
export const alternatingFrom = (
  body: FunctionBody,
  x: Value,
  coefficients: readonly bigint[],
  last: Value,
  sign: Value | null = null,
): Value => {
  const sum = named(body, last);
  for (const coefficient of coefficients.toReversed()) {
    const step = productHigh(body, x, sum);
    const signed = sign === null ? step : sub(xor(step, sign), sign);
    body.set(sum, sub(i64(coefficient), signed));
  }
  return sum;
};

/** a += b, 128 bits. */
export const addWide = (body: FunctionBody, a: Wide, bHigh: Value, bLow: Value): void => {
  const low = named(body, bLow);
  body.set(a.low, add(a.low, low));
  body.set(a.high, add(add(a.high, bHigh), convert(ltU(a.low, low), TYPE.i64)));
};

/** a -= b, 128 bits. */
export const subtractWide = (body: FunctionBody, a: Wide, bHigh: Value, bLow: Value): void => {
  const low = named(body, bLow);
  body.set(a.high, sub(sub(a.high, bHigh), convert(ltU(a.low, low), TYPE.i64)));
  body.set(a.low, sub(a.low, low));
};

/** a = -a, 128 bits. */
export const negateWide = (body: FunctionBody, a: Wide): void => {
  body.set(a.high, sub(sub(i64(0), a.high), convert(isZero(isZero(a.low)), TYPE.i64)));
  body.set(a.low, sub(i64(0), a.low));
};

/** Shifts until bit 127 is set and lowers the exponent by as much. The number must not be zero. */
export const normaliseWide = (body: FunctionBody, { high, low }: Wide, exponent: Value): void => {
  when(body, isZero(high), () => {
    body.set(high, low);
    body.set(low, i64(0));
    body.set(exponent, sub(exponent, i32(64)));
  });
  const shift = named(body, clz(high));
  shiftLeft(body, high, low, shift);
  body.set(exponent, sub(exponent, convert(shift, TYPE.i32)));
};

/** A number of 128 bits as locals. */
export const wideLocals = (body: FunctionBody, high: Value, low: Value): Wide => ({
  high: named(body, high),
  low: named(body, low),
});

/** Exact product as a number of 128 bits. */
export const wideProduct = (body: FunctionBody, a: Value, b: Value): Wide => product128(body, a, b);

/** Makes a table when it is first asked for, and keeps it. */
export const once = <T>(make: () => T): (() => T) => {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
};
