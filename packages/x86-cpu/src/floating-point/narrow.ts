import {
  add,
  and,
  clz,
  compare,
  convert,
  type FunctionBody,
  i32,
  i64,
  isZero,
  ltU,
  or,
  select,
  shl,
  shrU,
  sub,
  TYPE,
  type Value,
} from "@xenolith/wasm-emitter";
import type { SupportContext, SupportFunction } from "../support/support-function.ts";
import { exponentOf, named, shiftRightSticky, signOf, taken, when } from "./emit.ts";
import { EXPONENT_BIAS, EXPONENT_MAX, RAISED } from "./format.ts";
import { isNan, isSignalling, isUnsupported, quieted } from "./nan.ts";
import { DOUBLE, type NarrowFormat, ROUND_DOUBLE, ROUND_MANTISSA, ROUND_SINGLE, SINGLE } from "./round.ts";

const { i32: I32, i64: I64 } = TYPE;

/** Sign bit of a narrow format from the sign of a head. */
const narrowSign = (format: NarrowFormat, head: Value): Value =>
  shl(convert(signOf(head), I64), format.bits - 16);

/** All exponent bits of a narrow format. */
const infinityBits = (format: NarrowFormat): bigint =>
  BigInt(2 * format.bias + 1) << BigInt(format.fractionBits);

/** The indefinite NaN of a narrow format. */
const indefiniteBits = (format: NarrowFormat): bigint =>
  (1n << BigInt(format.bits - 1)) | infinityBits(format) | (1n << BigInt(format.fractionBits - 1));

const narrow = (format: NarrowFormat, round: SupportFunction): SupportFunction => ({
  name: `narrow-${format.name}`,
  parameters: [I64, I32, I32],
  results: [I64, I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const [mantissa, head, control] = [0, 1, 2].map((n) => body.parameter(n)) as [Value, Value, Value];
    const sign = named(body, narrowSign(format, head));
    when(body, isUnsupported(mantissa, head), () =>
      body.return(i64(indefiniteBits(format)), i32(RAISED.invalid)),
    );
    when(body, isNan(mantissa, head), () => {
      const fraction = shrU(quieted(mantissa), 63 - format.fractionBits);
      body.return(
        or(sign, or(fraction, i64(infinityBits(format)))),
        select(i32(RAISED.invalid), i32(0), isSignalling(mantissa)),
      );
    });
    const exponent = named(body, exponentOf(head));
    when(body, compare("eq", exponent, EXPONENT_MAX), () =>
      body.return(or(sign, i64(infinityBits(format))), i32(0)),
    );
    when(body, isZero(mantissa), () => body.return(sign, i32(0)));
    when(body, isZero(exponent), () => {
      const shift = named(body, clz(mantissa));
      body.set(mantissa, shl(mantissa, shift));
      body.set(exponent, sub(i32(1), convert(shift, I32)));
    });
    body.call(context.indexOf(round), signOf(head), exponent, mantissa, control, i32(0));
  },
});

/** (mantissa, head, control) -> (bits i64, raised): an extended value as a double. Denormal operands raise nothing. */
export const NARROW_DOUBLE: SupportFunction = narrow(DOUBLE, ROUND_DOUBLE);

/** As {@link NARROW_DOUBLE}, for single precision. */
export const NARROW_SINGLE: SupportFunction = narrow(SINGLE, ROUND_SINGLE);

/**
 * (mantissa, head, control) -> (magnitude i64, raised): the magnitude of an extended value, rounded to an integer. What has
 * none, or one of 64 bits and more after rounding, raises `invalid` only.
 */
export const ROUND_MAGNITUDE: SupportFunction = {
  name: "round-magnitude",
  parameters: [I64, I32, I32],
  results: [I64, I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const [mantissa, head, control] = [0, 1, 2].map((n) => body.parameter(n)) as [Value, Value, Value];
    const shift = named(body, sub(i32(EXPONENT_BIAS + 63), exponentOf(head)));
    when(body, or(isUnsupported(mantissa, head), compare("ltS", shift, 0)), () =>
      body.return(i64(0), i32(RAISED.invalid)),
    );
    const low = named(body, i64(0));
    shiftRightSticky(body, mantissa, low, shift);
    body.call(context.indexOf(ROUND_MANTISSA), mantissa, low, i32(0), signOf(head), control);
  },
};

/**
 * (mantissa, head, bits of the integer i32, control) -> (i64, raised): an extended value as a signed integer. What does not
 * fit raises `invalid` and gives the most negative one. [SDM2A-3.3 "FIST"]
 */
export const NARROW_INTEGER: SupportFunction = {
  name: "narrow-integer",
  parameters: [I64, I32, I32, I32],
  results: [I64, I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const [mantissa, head, bits, control] = [0, 1, 2, 3].map((n) => body.parameter(n)) as [
      Value,
      Value,
      Value,
      Value,
    ];
    body.call(context.indexOf(ROUND_MAGNITUDE), mantissa, head, control);
    const [magnitude, raised] = taken(body, I64, I32);
    const sign = named(body, signOf(head));
    const limit = named(body, shl(i64(1), convert(sub(bits, 1), I64)));
    const largest = sub(add(limit, select(i64(1), i64(0), sign)), 1);
    when(body, or(and(raised, RAISED.invalid), ltU(largest, magnitude)), () =>
      body.return(sub(i64(0), limit), i32(RAISED.invalid)),
    );
    body.push(select(sub(i64(0), magnitude), magnitude, sign), raised);
  },
};
