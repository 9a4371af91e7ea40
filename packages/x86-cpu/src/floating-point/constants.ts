/**
 * Constants as fixed-point numbers of {@link FRACTION_BITS} bits behind the point, worked out from series when they are first
 * needed. [TAOCP2 4.3.1]
 */
export const FRACTION_BITS = 192;
const GUARD_BITS = 32n;
const ONE = 1n << (BigInt(FRACTION_BITS) + GUARD_BITS);

/** Sum of 1/n, -1/(3 n^3), 1/(5 n^5) … (arctangent) or all of one sign (its hyperbolic brother). */
const inverseSeries = (n: bigint, isHyperbolic: boolean): bigint => {
  let power = ONE / n;
  let sum = power;
  for (let k = 3n, sign = -1n; power !== 0n; k += 2n, sign = -sign) {
    power /= n * n;
    sum += isHyperbolic ? power / k : (sign * power) / k;
  }
  return sum;
};
const arctan = (n: bigint): bigint => inverseSeries(n, false);
const artanh = (n: bigint): bigint => inverseSeries(n, true);

const pi = 16n * arctan(5n) - 4n * arctan(239n);
const ln2 = 18n * artanh(26n) - 2n * artanh(4801n) + 8n * artanh(8749n);
const ln10 = 46n * artanh(31n) + 34n * artanh(49n) + 20n * artanh(161n);

const cut = (value: bigint): bigint => value >> GUARD_BITS;

/** Pi. */
export const PI: bigint = cut(pi);
/** Natural logarithm of 2. */
export const LN2: bigint = cut(ln2);
/** Binary logarithm of e. */
export const LOG2_E: bigint = cut((ONE * ONE) / ln2);
/** Binary logarithm of 10. */
export const LOG2_10: bigint = cut((ln10 * ONE) / ln2);
/** Decimal logarithm of 2. */
export const LOG10_2: bigint = cut((ln2 * ONE) / ln10);

/** An extended constant cut to 64 bits, and whether nearest rounding adds one. */
export interface ExtendedConstant {
  readonly mantissa: bigint;
  readonly exponent: number;
  readonly roundsUp: boolean;
}

/** A positive constant as an extended value. */
export const extendedConstant = (value: bigint): ExtendedConstant => {
  const length = value.toString(2).length;
  const drop = BigInt(length - 64);
  return {
    mantissa: value >> drop,
    exponent: 16383 + length - 1 - FRACTION_BITS,
    roundsUp: ((value >> (drop - 1n)) & 1n) === 1n,
  };
};
