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
  ne,
  or,
  select,
  shl,
  shrU,
  sub,
  TYPE,
  type Value,
} from "@xenolith/wasm-emitter";
import type { SupportContext, SupportFunction } from "../support/support-function.ts";
import {
  integerBit,
  isNormalised,
  lostBits,
  named,
  roundsUpToNearest,
  shiftRightSticky,
  taken,
  when,
  wideCount,
} from "./emit.ts";
import { CONTROL, EXPONENT_BIAS, EXPONENT_MAX, EXPONENT_WRAP, RAISED, RAISED_SHIFT } from "./format.ts";

const { i32: I32, i64: I64 } = TYPE;

/** i32 0 to 3: nearest, down, up, towards zero. */
const roundingOf = (control: Value): Value => and(shrU(control, 10), 3);

/** i32: whether a directed rounding goes away from zero for this sign (0 or 0x8000). */
const goesAway = (rounding: Value, sign: Value): Value => eq(rounding, select(i32(1), i32(2), sign));

/**
 * (high, low, dropped bits of high, sign, control) -> (mantissa, raised): rounds a mantissa to an integer after dropping 0 to
 * 63 bits; those are 0 in the result. Raises `precision` and `up`. The result is 0 when it carried out of bit 63.
 */
export const ROUND_MANTISSA: SupportFunction = {
  name: "round-mantissa",
  parameters: [I64, I64, I32, I32, I32],
  results: [I64, I32],
  emit(body: FunctionBody): void {
    const [high, low, drop, sign, control] = [0, 1, 2, 3, 4].map((n) => body.parameter(n)) as [
      Value,
      Value,
      Value,
      Value,
      Value,
    ];
    const bits = named(body, wideCount(drop));
    const unit = named(body, shl(i64(1), bits));
    const fraction = named(body, select(or(lostBits(high, bits), convert(ne(low, 0), I64)), low, drop));
    const kept = named(body, and(high, sub(i64(0), unit)));
    when(body, isZero(fraction), () => body.return(kept, i32(0)));
    const rounding = named(body, roundingOf(control));
    const nearest = roundsUpToNearest(fraction, high, unit);
    const up = named(body, select(goesAway(rounding, sign), nearest, rounding));
    body.push(
      add(kept, select(unit, i64(0), up)),
      or(i32(RAISED.precision), select(i32(RAISED.up), i32(0), up)),
    );
  },
};

const callRounding = (
  body: FunctionBody,
  context: SupportContext,
  high: Value,
  low: Value,
  drop: Value,
  sign: Value,
  control: Value,
): readonly [Value, Value] => {
  body.call(context.indexOf(ROUND_MANTISSA), high, low, drop, sign, control);
  return taken(body, I64, I32);
};

/** Bits that the precision control leaves unused. The value 1 means 64 bits. */
const droppedBits = (body: FunctionBody, control: Value): Value => {
  const drop = named(body, i32(0));
  when(body, isZero(and(control, CONTROL.mantissa)), () => body.set(drop, i32(40)));
  when(body, eq(and(control, CONTROL.mantissa), CONTROL.mantissa53), () => body.set(drop, i32(11)));
  return drop;
};

const raise = (body: FunctionBody, raised: Value, more: Value | number): void =>
  body.set(raised, or(raised, more));

/**
 * (sign, exponent, high, low, control, raised) -> extended: an unrounded value as an extended one, at the control word's
 * precision. Raises overflow, underflow (found after rounding) and precision; unmasked ones wrap the exponent. [SDM1-8.5.4]
 */
export const ROUND_EXTENDED: SupportFunction = {
  name: "round-extended",
  parameters: [I32, I32, I64, I64, I32, I32],
  results: [I64, I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const [sign, exponent, high, low, control, raised] = [0, 1, 2, 3, 4, 5].map((n) => body.parameter(n)) as [
      Value,
      Value,
      Value,
      Value,
      Value,
      Value,
    ];
    const drop = droppedBits(body, control);
    const head = (): Value => or(or(sign, exponent), shl(raised, RAISED_SHIFT));
    when(body, compare("leS", exponent, 0), () => {
      const tiny = named(body, i32(1));
      when(body, isZero(exponent), () => {
        const [whole] = callRounding(body, context, high, low, drop, sign, control);
        body.set(tiny, ne(whole, 0));
      });
      when(
        body,
        and(control, CONTROL.underflow),
        () => {
          shiftRightSticky(body, high, low, sub(i32(1), exponent));
          const [mantissa, inexact] = callRounding(body, context, high, low, drop, sign, control);
          when(body, inexact, () =>
            raise(body, raised, or(inexact, select(i32(RAISED.underflow), i32(0), tiny))),
          );
          body.set(exponent, isNormalised(mantissa));
          body.return(mantissa, head());
        },
        () =>
          when(body, tiny, () => {
            raise(body, raised, RAISED.underflow);
            body.set(exponent, add(exponent, EXPONENT_WRAP));
          }),
      );
    });
    const [mantissa, inexact] = callRounding(body, context, high, low, drop, sign, control);
    when(body, isZero(mantissa), () => {
      body.set(mantissa, integerBit);
      body.set(exponent, add(exponent, 1));
    });
    when(body, compare("geS", exponent, EXPONENT_MAX), () => {
      raise(body, raised, RAISED.overflow);
      when(
        body,
        and(control, CONTROL.overflow),
        () => {
          const rounding = named(body, roundingOf(control));
          const away = named(body, or(isZero(rounding), goesAway(rounding, sign)));
          body.set(inexact, or(i32(RAISED.precision), select(i32(RAISED.up), i32(0), away)));
          body.set(mantissa, select(integerBit, shl(i64(-1), wideCount(drop)), away));
          body.set(exponent, select(i32(EXPONENT_MAX), i32(EXPONENT_MAX - 1), away));
        },
        () => body.set(exponent, sub(exponent, EXPONENT_WRAP)),
      );
    });
    raise(body, raised, inexact);
    body.push(mantissa, head());
  },
};

/** An interchange format that is narrower than the extended one. [SDM1-4.2.2] */
export interface NarrowFormat {
  readonly name: string;
  /** Bits of the stored fraction. */
  readonly fractionBits: number;
  readonly bias: number;
  readonly bits: number;
}

/** 32 bits. */
export const SINGLE: NarrowFormat = { name: "single", fractionBits: 23, bias: 127, bits: 32 };
/** 64 bits. */
export const DOUBLE: NarrowFormat = { name: "double", fractionBits: 52, bias: 1023, bits: 64 };

const roundTo = (format: NarrowFormat): SupportFunction => ({
  name: `round-${format.name}`,
  parameters: [I32, I32, I64, I32, I32],
  results: [I64, I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const [sign, exponent, mantissa, control, raised] = [0, 1, 2, 3, 4].map((n) => body.parameter(n)) as [
      Value,
      Value,
      Value,
      Value,
      Value,
    ];
    const drop = i32(63 - format.fractionBits);
    const largest = 2 * format.bias + 1;
    const signBit = named(body, shl(convert(sign, I64), format.bits - 16));
    const placed = (exponentField: Value): Value => shl(convert(exponentField, I64), format.fractionBits);
    const fractionOf = (value: Value): Value => shrU(value, 63 - format.fractionBits);
    body.set(exponent, sub(exponent, EXPONENT_BIAS - format.bias));
    when(body, compare("leS", exponent, 0), () => {
      const tiny = named(body, i32(1));
      when(body, isZero(exponent), () => {
        const [whole] = callRounding(body, context, mantissa, i64(0), drop, sign, control);
        body.set(tiny, ne(whole, 0));
      });
      const flushes = and(
        tiny,
        eq(and(control, CONTROL.flush | CONTROL.underflow), CONTROL.flush | CONTROL.underflow),
      );
      when(body, flushes, () => body.return(signBit, or(raised, RAISED.underflow | RAISED.precision)));
      const low = named(body, i64(0));
      shiftRightSticky(body, mantissa, low, sub(i32(1), exponent));
      const [rounded, inexact] = callRounding(body, context, mantissa, low, drop, sign, control);
      raise(body, raised, inexact);
      const isUnmasked = isZero(and(control, CONTROL.underflow));
      when(body, and(tiny, or(ne(inexact, 0), isUnmasked)), () => raise(body, raised, RAISED.underflow));
      body.return(or(signBit, fractionOf(rounded)), raised);
    });
    const [rounded, inexact] = callRounding(body, context, mantissa, i64(0), drop, sign, control);
    when(body, isZero(rounded), () => {
      body.set(rounded, integerBit);
      body.set(exponent, add(exponent, 1));
    });
    raise(body, raised, inexact);
    when(body, compare("geS", exponent, largest), () => {
      raise(body, raised, RAISED.overflow);
      const rounding = named(body, roundingOf(control));
      const away = named(body, or(isZero(rounding), goesAway(rounding, sign)));
      when(body, and(control, CONTROL.overflow), () => {
        body.set(raised, and(raised, ~RAISED.up));
        raise(body, raised, or(i32(RAISED.precision), select(i32(RAISED.up), i32(0), away)));
      });
      body.return(or(signBit, sub(placed(i32(largest)), convert(isZero(away), I64))), raised);
    });
    body.push(or(signBit, add(placed(sub(exponent, 1)), fractionOf(rounded))), raised);
  },
});

/**
 * (sign, exponent, mantissa, control, raised) -> (bits, raised): an unrounded value of 64 bits as a double; fold what lies
 * below into the lowest bit. Raises overflow, underflow (found after rounding; unmasked: also when the result is exact) and
 * precision. The bits of results with unmasked exceptions are those of the masked response. Obeys `CONTROL.flush`. The
 * precision of the control word has no part in it.
 */
export const ROUND_DOUBLE: SupportFunction = roundTo(DOUBLE);

/** As {@link ROUND_DOUBLE}, for single precision: bits in the low half. */
export const ROUND_SINGLE: SupportFunction = roundTo(SINGLE);
