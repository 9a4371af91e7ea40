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
  gtU,
  i32,
  i64,
  isZero,
  load,
  ltU,
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
import {
  isInfinite,
  isNothing,
  normaliseOperand,
  returnIfDenormalStops,
  returnInfinity,
  returnZero,
  roundInto,
  takeTwoOperands,
  type Unpacked,
} from "../arithmetic.ts";
import { FRACTION_BITS, LN2, LOG2_E } from "../constants.ts";
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
import { CONTROL, EXPONENT_BIAS, RAISED, RAISED_SHIFT } from "../format.ts";
import {
  addWide,
  alternating,
  negateWide,
  normaliseWide,
  once,
  productHigh,
  reciprocals,
  subtractWide,
  wideLocals,
} from "./fixed-point.ts";

const { i32: I32, i64: I64, f64: F64 } = TYPE;

const bits = BigInt(FRACTION_BITS);
/** Denominator of the factors that bring a mantissa close to 1. */
const DENOMINATOR = 128;
const FIRST_FACTOR = 90;
const LAST_FACTOR = 182;
/** Sums are kept in units of 2^-112: there is room for every exponent. */
const SUM_BITS = 112n;
/** The series' argument is below 2^-7. */
const SMALL_BITS = 7;

/** log2(a/b) for close integers, by 2 artanh((a - b) / (a + b)) / ln 2. */
const logOfRatio = (a: bigint, b: bigint): bigint => {
  const numerator = a - b;
  const denominator = a + b;
  let power = (numerator << bits) / denominator;
  let sum = power;
  for (let k = 3n; power !== 0n; k += 2n) {
    power = (power * numerator * numerator) / (denominator * denominator);
    sum += power / k;
  }
  return ((2n * sum) << bits) / LN2;
};

/** -log2(k / 128) for each factor k, in units of 2^-112, two words each. */
const factorTable = once((): readonly bigint[] => {
  const logs = new Map<number, bigint>([[DENOMINATOR, 0n]]);
  for (let k = DENOMINATOR + 1; k <= LAST_FACTOR; k++) {
    logs.set(k, (logs.get(k - 1) ?? 0n) + logOfRatio(BigInt(k), BigInt(k - 1)));
  }
  for (let k = DENOMINATOR - 1; k >= FIRST_FACTOR; k--) {
    logs.set(k, (logs.get(k + 1) ?? 0n) - logOfRatio(BigInt(k + 1), BigInt(k)));
  }
  const words: bigint[] = [];
  for (let k = FIRST_FACTOR; k <= LAST_FACTOR; k++) {
    const value = -(logs.get(k) ?? 0n) >> (bits - SUM_BITS);
    words.push(value >> 64n, value);
  }
  return words;
});

const SERIES = reciprocals([2n, 3n, 4n, 5n, 6n, 7n, 8n, 9n, 10n, 11n], 64);
const LOG2_E_MANTISSA = ((LOG2_E >> (bits - 64n)) + 1n) >> 1n;
/** Mantissa of the square root of two. */
const ROOT_OF_TWO = 0xb504_f333_f9de_6484n;

/**
 * (high, low, exponent) -> (high, low, exponent, sign): the binary logarithm of a positive normalised value. The logarithm of 1
 * is 0 in both words.
 */
const LOGARITHM_KERNEL: SupportFunction = {
  name: "logarithm-kernel",
  parameters: [I64, I64, I32],
  results: [I64, I64, I32, I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const [high, low, exponent] = [0, 1, 2].map((n) => body.parameter(n)) as [Value, Value, Value];
    const table = context.constants(factorTable());
    const isHalved = named(body, gtU(high, i64(ROOT_OF_TWO)));
    const whole = named(body, add(sub(exponent, EXPONENT_BIAS), isHalved));
    // factor * mantissa = 128 (1 + d) with a small d.
    const scale = select(
      constant(F64, DENOMINATOR * 2 ** 64),
      constant(F64, DENOMINATOR * 2 ** 63),
      isHalved,
    );
    const nearest = float1("nearest", float("div", scale, conversion("f64.convertI64U", high)));
    const factor = named(body, conversion("i64.truncSatF64S", nearest));
    const lowProduct = product128(body, low, factor);
    const rest = wideLocals(body, add(mul(high, factor), lowProduct.high), lowProduct.low);
    const sign = named(body, i32(0));
    when(body, compare("ltS", rest.high, 0), () => {
      negateWide(body, rest);
      body.set(sign, i32(0x8000));
    });
    const value = wideLocals(body, i64(0), i64(0));
    const power = named(body, sub(i32(EXPONENT_BIAS - SMALL_BITS), isHalved));
    when(body, isZero(isZero(or(rest.high, rest.low))), () => {
      normaliseWide(body, rest, power);
      const inner = wideLocals(body, rest.high, i64(0));
      shiftRightSticky(body, inner.high, inner.low, sub(i32(EXPONENT_BIAS - 1), power));
      const outer = wideLocals(body, rest.high, i64(0));
      shiftRightSticky(body, outer.high, outer.low, sub(i32(EXPONENT_BIAS - 1 - SMALL_BITS), power));
      const mask = named(body, select(i64(-1), i64(0), sign));
      const correction = productHigh(body, outer.high, alternating(body, inner.high, SERIES, mask));
      const scaled = product128(body, rest.high, i64(LOG2_E_MANTISSA));
      body.set(power, add(power, 1));
      body.set(value.high, scaled.high);
      body.set(value.low, scaled.low);
      normaliseWide(body, value, power);
      // One bit of room for the sum.
      body.set(value.low, or(shrU(value.low, 1), shl(value.high, 63)));
      body.set(value.high, shrU(value.high, 1));
      body.set(power, add(power, 1));
      const change = product128(body, value.high, correction);
      const changeHigh = shrU(change.high, SMALL_BITS);
      const changeLow = or(shl(change.high, 64 - SMALL_BITS), shrU(change.low, SMALL_BITS));
      when(
        body,
        sign,
        () => addWide(body, value, changeHigh, changeLow),
        () => subtractWide(body, value, changeHigh, changeLow),
      );
      normaliseWide(body, value, power);
    });
    when(body, and(isZero(whole), eq(factor, DENOMINATOR)), () =>
      body.return(value.high, value.low, power, sign),
    );
    const entry = named(body, mul(sub(convert(factor, I32), FIRST_FACTOR), 16));
    const sum = wideLocals(body, load(I64, 8, false, entry, table), load(I64, 8, false, entry, table + 8));
    addWide(body, sum, shl(convert(whole, I64, true), Number(SUM_BITS) - 64), i64(0));
    when(body, isZero(isZero(value.high)), () => {
      const distance = sub(i32(EXPONENT_BIAS + 127 - Number(SUM_BITS)), power);
      shiftRightSticky(body, value.high, value.low, named(body, distance));
      when(
        body,
        sign,
        () => subtractWide(body, sum, value.high, value.low),
        () => addWide(body, sum, value.high, value.low),
      );
    });
    body.set(sign, i32(0));
    when(body, compare("ltS", sum.high, 0), () => {
      negateWide(body, sum);
      body.set(sign, i32(0x8000));
    });
    body.set(power, i32(EXPONENT_BIAS + 127 - Number(SUM_BITS)));
    when(body, isZero(isZero(or(sum.high, sum.low))), () => normaliseWide(body, sum, power));
    body.push(sum.high, sum.low, power, sign);
  },
};

interface Operands {
  readonly x: Unpacked;
  readonly y: Unpacked;
  readonly control: Value;
  readonly raised: Value;
}

/** Takes (x, y, control), returning for what is no number. */
const takeOperands = (body: FunctionBody, context: SupportContext): Operands => {
  const { first: x, second: y, control: given } = takeTwoOperands(body, context);
  return { x, y, control: named(body, or(given, CONTROL.mantissa64)), raised: named(body, i32(0)) };
};

/** Multiplies the logarithm in (high, low, exponent) by y and rounds. */
const multiplyBy = (
  body: FunctionBody,
  context: SupportContext,
  { y, control, raised }: Operands,
  logarithm: readonly [Value, Value, Value, Value],
): void => {
  const [high, low, exponent, sign] = logarithm;
  const rounded = named(body, add(high, shrU(low, 63)));
  when(body, isZero(rounded), () => body.set(rounded, high));
  const product = wideLocals(body, i64(0), i64(0));
  const exact = product128(body, rounded, y.mantissa);
  body.set(product.high, exact.high);
  body.set(product.low, or(exact.low, 1));
  const power = named(body, sub(add(exponent, y.exponent), EXPONENT_BIAS - 1));
  normaliseWide(body, product, power);
  roundInto(body, context, xor(sign, y.sign), power, product.high, product.low, control, raised);
};

/** (x, y, control) -> extended: y log2(x), operands as mantissa and head. [SDM2A-3.3 "FYL2X"] */
export const LOGARITHM: SupportFunction = {
  name: "extended-logarithm",
  parameters: [I64, I32, I64, I32, I32],
  results: [I64, I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const operands = takeOperands(body, context);
    const { x, y, control, raised } = operands;
    const isZeroX = named(body, isNothing(x));
    when(body, and(isZero(isZeroX), shrU(x.sign, 15)), () => returnIndefinite(body));
    const opposite = xor(y.sign, 0x8000);
    when(body, isZeroX, () => {
      when(body, isNothing(y), () => returnIndefinite(body));
      const infinite = isInfinite(y);
      returnInfinity(body, opposite, select(i32(0), i32(RAISED.zeroDivide), infinite));
    });
    normaliseOperand(body, x, raised);
    normaliseOperand(body, y, raised);
    returnIfDenormalStops(body, control, raised);
    when(body, isInfinite(x), () => {
      when(body, isNothing(y), () => returnIndefinite(body));
      returnInfinity(body, y.sign, raised);
    });
    const isOne = named(body, and(eq(x.exponent, EXPONENT_BIAS), eq(x.mantissa, integerBit)));
    const isBelowOne = compare("ltS", x.exponent, EXPONENT_BIAS);
    const sign = named(body, select(opposite, y.sign, isBelowOne));
    when(body, isInfinite(y), () => {
      when(body, isOne, () => returnIndefinite(body));
      returnInfinity(body, sign, raised);
    });
    when(body, or(isOne, isNothing(y)), () => returnZero(body, sign, raised));
    body.call(context.indexOf(LOGARITHM_KERNEL), x.mantissa, i64(0), x.exponent);
    multiplyBy(body, context, operands, taken(body, I64, I64, I32, I32));
  },
};

/** (x, y, control) -> extended: y log2(1 + x). [SDM2A-3.3 "FYL2XP1"] */
export const LOGARITHM_OF_SUM: SupportFunction = {
  name: "extended-logarithm-of-sum",
  parameters: [I64, I32, I64, I32, I32],
  results: [I64, I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const operands = takeOperands(body, context);
    const { x, y, control, raised } = operands;
    normaliseOperand(body, x, raised);
    normaliseOperand(body, y, raised);
    returnIfDenormalStops(body, control, raised);
    const sign = named(body, xor(x.sign, y.sign));
    when(body, isInfinite(x), () => {
      when(body, or(x.sign, isNothing(y)), () => returnIndefinite(body));
      returnInfinity(body, y.sign, raised);
    });
    when(body, isInfinite(y), () => {
      when(body, isNothing(x), () => returnIndefinite(body));
      returnInfinity(body, sign, raised);
    });
    when(body, or(isNothing(x), isNothing(y)), () => returnZero(body, sign, raised));
    // -1 and below have no such logarithm: silicon gives the operand back.
    when(body, and(shrU(x.sign, 15), compare("geS", x.exponent, EXPONENT_BIAS)), () =>
      body.return(
        x.mantissa,
        or(or(and(body.parameter(1), 0xffff), raisedHead(RAISED.precision)), shl(raised, RAISED_SHIFT)),
      ),
    );
    const value = wideLocals(body, x.mantissa, i64(0));
    when(body, compare("ltS", x.exponent, EXPONENT_BIAS - 64), () => {
      // log2(1 + x) = x log2(e), as closely as can be told.
      const scaled = product128(body, x.mantissa, i64(LOG2_E_MANTISSA));
      const power = named(body, add(x.exponent, 1));
      normaliseWide(body, scaled, power);
      multiplyBy(body, context, operands, [scaled.high, scaled.low, power, x.sign]);
      body.return();
    });
    const power = named(body, i32(EXPONENT_BIAS));
    when(
      body,
      compare("ltS", x.exponent, EXPONENT_BIAS),
      () => {
        shiftRightSticky(body, value.high, value.low, sub(i32(EXPONENT_BIAS), x.exponent));
        when(
          body,
          x.sign,
          () => {
            negateWide(body, value);
            body.set(value.high, add(value.high, integerBit));
          },
          () => body.set(value.high, add(value.high, integerBit)),
        );
        normaliseWide(body, value, power);
      },
      () => {
        // 1 is added at its place in the mantissa of a larger number.
        const one = wideLocals(body, integerBit, i64(0));
        body.set(power, x.exponent);
        shiftRightSticky(body, one.high, one.low, sub(x.exponent, EXPONENT_BIAS));
        const before = named(body, value.high);
        addWide(body, value, one.high, one.low);
        when(body, ltU(value.high, before), () => {
          body.set(value.low, or(shrU(value.low, 1), shl(value.high, 63)));
          body.set(value.high, or(shrU(value.high, 1), integerBit));
          body.set(power, add(power, 1));
        });
      },
    );
    body.call(context.indexOf(LOGARITHM_KERNEL), value.high, value.low, power);
    multiplyBy(body, context, operands, taken(body, I64, I64, I32, I32));
  },
};

/** Functions around logarithms. */
export const LOGARITHMIC: readonly SupportFunction[] = [LOGARITHM_KERNEL, LOGARITHM, LOGARITHM_OF_SUM];
