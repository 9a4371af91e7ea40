/** Exact floating point on rational numbers, to compare generated functions with. */

/** An 80-bit value: mantissa and head (sign and exponent), with what was raised in bits 31:16. */
export interface Extended {
  readonly mantissa: bigint;
  readonly head: number;
}

/** A finite value as sign, numerator and denominator. */
export interface Rational {
  readonly negative: boolean;
  readonly numerator: bigint;
  readonly denominator: bigint;
}

const BIAS = 16383n;

/** The value of a finite extended number. */
export const rationalOf = ({ mantissa, head }: Extended): Rational => {
  const field = BigInt(head & 0x7fff);
  const exponent = (field === 0n ? 1n : field) - BIAS - 63n;
  return {
    negative: (head & 0x8000) !== 0,
    numerator: exponent >= 0n ? mantissa << exponent : mantissa,
    denominator: exponent >= 0n ? 1n : 1n << -exponent,
  };
};

const signed = ({ negative, numerator }: Rational): bigint => (negative ? -numerator : numerator);

const rational = (numerator: bigint, denominator: bigint): Rational => ({
  negative: numerator < 0n,
  numerator: numerator < 0n ? -numerator : numerator,
  denominator,
});

export const sum = (a: Rational, b: Rational): Rational =>
  rational(signed(a) * b.denominator + signed(b) * a.denominator, a.denominator * b.denominator);

export const product = (a: Rational, b: Rational): Rational => ({
  negative: a.negative !== b.negative,
  numerator: a.numerator * b.numerator,
  denominator: a.denominator * b.denominator,
});

export const quotient = (a: Rational, b: Rational): Rational => ({
  negative: a.negative !== b.negative,
  numerator: a.numerator * b.denominator,
  denominator: a.denominator * b.numerator,
});

const bitLength = (value: bigint): bigint => BigInt(value.toString(2).length);

/** floor(value / 2^exponent) and whether the rest is less than, equal to or more than a half (-1 0 1), or nothing (-2). */
const divided = (value: Rational, exponent: bigint): { readonly whole: bigint; readonly rest: number } => {
  const numerator = exponent < 0n ? value.numerator << -exponent : value.numerator;
  const denominator = exponent < 0n ? value.denominator : value.denominator << exponent;
  const rest = numerator % denominator;
  const twice = 2n * rest;
  const kind = rest === 0n ? -2 : twice < denominator ? -1 : twice === denominator ? 0 : 1;
  return { whole: numerator / denominator, rest: kind };
};

const roundedUp = (negative: boolean, control: number, whole: bigint, rest: number): boolean => {
  if (rest === -2) return false;
  switch ((control >> 10) & 3) {
    case 0:
      return rest === 1 || (rest === 0 && (whole & 1n) === 1n);
    case 1:
      return negative;
    case 2:
      return !negative;
    default:
      return false;
  }
};

const PRECISIONS: readonly bigint[] = [24n, 64n, 53n, 64n];

/** A rational other than zero as an extended value, all exceptions masked. */
export const rounded = (value: Rational, control: number): Extended => {
  const precision = PRECISIONS[(control >> 8) & 3] ?? 64n;
  const length = bitLength(value.numerator) - bitLength(value.denominator);
  // The exponent of the leading bit: the estimate is exact or one too large.
  let leading = length;
  if (divided(value, leading).whole === 0n) leading -= 1n;
  const at = (last: bigint): { mantissa: bigint; up: boolean; inexact: boolean } => {
    const { whole, rest } = divided(value, last);
    const up = roundedUp(value.negative, control, whole, rest);
    return { mantissa: whole + (up ? 1n : 0n), up, inexact: rest !== -2 };
  };
  const smallest = 1n - BIAS;
  const free = at(leading - precision + 1n);
  const carried = free.mantissa === 1n << precision;
  const isTiny = leading + (carried ? 1n : 0n) < smallest;
  const last = (leading < smallest ? smallest : leading) - precision + 1n;
  const { mantissa, up, inexact } = at(last);
  const sign = value.negative ? 0x8000 : 0;
  const field = leading < smallest ? 1n : leading + BIAS;
  const isCarry = mantissa === 1n << precision;
  const full = isCarry ? 1n << 63n : mantissa << (64n - precision);
  const exponent = isCarry ? field + 1n : full >> 63n === 0n ? 0n : field;
  const raised = inexact ? 0x20 | (up ? 0x200 : 0) | (isTiny ? 0x10 : 0) : 0;
  if (exponent < 0x7fffn) return { mantissa: full, head: sign | Number(exponent) | (raised << 16) };
  const away = roundedUp(value.negative, control, 1n, 1);
  const largest = ((1n << precision) - 1n) << (64n - precision);
  const overflow = 0x28 | (away ? 0x200 : 0);
  return {
    mantissa: away ? 1n << 63n : largest,
    head: sign | (away ? 0x7fff : 0x7ffe) | (overflow << 16),
  };
};
