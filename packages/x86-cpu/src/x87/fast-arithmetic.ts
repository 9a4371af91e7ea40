import {
  add,
  and,
  clz,
  compare,
  convert,
  eq,
  type FunctionBody,
  gtU,
  i64,
  isZero,
  type Label,
  ltU,
  ne,
  or,
  select,
  shl,
  shrU,
  sub,
  TYPE,
  type Value,
  xor,
} from "@xenolith/wasm-emitter";
import { divide128 } from "../floating-point/divide.ts";
import {
  anyBit,
  exponentOf,
  integerBit,
  isNormalised,
  lostBits,
  named,
  product128,
  roundsUpToNearest,
  signOf,
  when,
  wideCount,
} from "../floating-point/emit.ts";
import { EXPONENT_BIAS, EXPONENT_MAX, SIGN } from "../floating-point/format.ts";

const { i32: I32, i64: I64 } = TYPE;

/** A normal number in locals. */
export interface Normal {
  readonly mantissa: Value;
  readonly head: Value;
}

/** A result rounded to nearest at 64 bits. `up` and `inexact` are i32 0 or 1. */
export interface FastResult extends Normal {
  readonly up: Value;
  readonly inexact: Value;
}

/** Emits the usual case of an operation; branches to `slow`, having changed nothing, where the result is not normal. */
export type FastOperation = (body: FunctionBody, a: Normal, b: Normal, slow: Label) => FastResult;

/** i32: an operand that fast operations take: normal, and without exceptions from where it was loaded. */
export const isNormal = ({ mantissa, head }: Normal): Value =>
  and(isNormalised(mantissa), ltU(sub(head0(head), 1), EXPONENT_MAX - 1));

const head0 = (head: Value): Value => and(head, ~SIGN);

const roundNearest = (
  body: FunctionBody,
  parts: { readonly sign: Value; readonly exponent: Value; readonly high: Value; readonly low: Value },
  slow: Label,
): FastResult => {
  const { sign, exponent, high, low } = parts;
  const up = named(body, roundsUpToNearest(low, high));
  const mantissa = named(body, add(high, convert(up, I64)));
  when(body, isZero(mantissa), () => {
    body.set(mantissa, integerBit);
    body.set(exponent, add(exponent, 1));
  });
  body.branchIf(slow, compare("geU", sub(exponent, 1), EXPONENT_MAX - 1));
  return { mantissa, head: or(sign, exponent), up, inexact: ne(low, 0) };
};

const sum =
  (isSubtraction: boolean): FastOperation =>
  (body, a, b, slow) => {
    const aExponent = named(body, exponentOf(a.head));
    const bExponent = named(body, exponentOf(b.head));
    const sameExponent = and(eq(aExponent, bExponent), ltU(a.mantissa, b.mantissa));
    const swaps = named(body, or(ltU(aExponent, bExponent), sameExponent));
    const high = named(body, select(b.mantissa, a.mantissa, swaps));
    const other = named(body, select(a.mantissa, b.mantissa, swaps));
    const exponent = named(body, select(bExponent, aExponent, swaps));
    const distance = named(body, sub(exponent, select(aExponent, bExponent, swaps)));
    body.branchIf(slow, gtU(distance, 63));
    const count = named(body, wideCount(distance));
    const low = named(body, lostBits(other, count));
    body.set(other, shrU(other, count));
    const bHead = isSubtraction ? xor(b.head, SIGN) : b.head;
    const sign = named(body, signOf(select(bHead, a.head, swaps)));
    const differ = xor(a.head, b.head);
    when(
      body,
      isSubtraction ? isZero(signOf(differ)) : signOf(differ),
      () => {
        body.set(high, sub(sub(high, other), anyBit(low)));
        body.set(low, sub(i64(0), low));
        when(body, isZero(isNormalised(high)), () => {
          body.branchIf(slow, isZero(high));
          const shift = named(body, clz(high));
          body.set(high, or(shl(high, shift), shrU(shrU(low, 1), sub(i64(63), shift))));
          body.set(low, shl(low, shift));
          body.set(exponent, sub(exponent, convert(shift, I32)));
        });
      },
      () => {
        body.set(other, add(high, other));
        const carries = ltU(other, high);
        when(
          body,
          carries,
          () => {
            body.set(low, or(or(shrU(low, 1), and(low, 1)), shl(other, 63)));
            body.set(high, or(shrU(other, 1), integerBit));
            body.set(exponent, add(exponent, 1));
          },
          () => body.set(high, other),
        );
      },
    );
    return roundNearest(body, { sign, exponent, high, low }, slow);
  };

/** a + b. */
export const fastAdd: FastOperation = sum(false);
/** a - b. */
export const fastSubtract: FastOperation = sum(true);

/** a * b. */
export const fastMultiply: FastOperation = (body, a, b, slow) => {
  const { high, low } = product128(body, a.mantissa, b.mantissa);
  const exponent = named(body, sub(add(exponentOf(a.head), exponentOf(b.head)), EXPONENT_BIAS - 1));
  when(body, isZero(isNormalised(high)), () => {
    body.set(high, or(shl(high, 1), shrU(low, 63)));
    body.set(low, shl(low, 1));
    body.set(exponent, sub(exponent, 1));
  });
  const sign = named(body, signOf(xor(a.head, b.head)));
  return roundNearest(body, { sign, exponent, high, low }, slow);
};

/** a / b. */
export const fastDivide: FastOperation = (body, a, b, slow) => {
  const isLess = named(body, ltU(a.mantissa, b.mantissa));
  const rest = named(body, select(a.mantissa, shrU(a.mantissa, 1), isLess));
  const low = select(i64(0), shl(a.mantissa, 63), isLess);
  const quotient = divide128(body, rest, low, b.mantissa);
  const distance = sub(exponentOf(a.head), exponentOf(b.head));
  const exponent = named(body, add(sub(distance, isLess), EXPONENT_BIAS));
  const isAbove = gtU(rest, sub(b.mantissa, rest));
  const fraction = named(body, or(select(integerBit, i64(0), isAbove), anyBit(rest)));
  const sign = named(body, signOf(xor(a.head, b.head)));
  return roundNearest(body, { sign, exponent, high: quotient, low: fraction }, slow);
};

/** b - a. */
export const fastSubtractReversed: FastOperation = (body, a, b, slow) => fastSubtract(body, b, a, slow);
/** b / a. */
export const fastDivideReversed: FastOperation = (body, a, b, slow) => fastDivide(body, b, a, slow);
