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
  ne,
  or,
  select,
  shl,
  shrU,
  sub,
  TYPE,
  type Value,
} from "@xenolith/wasm-emitter";
import type { SupportFunction } from "../support/support-function.ts";
import { integerBit, named, raisedHead, when } from "./emit.ts";
import { EXPONENT_BIAS, EXPONENT_MAX, RAISED } from "./format.ts";
import { DOUBLE, type NarrowFormat, SINGLE } from "./round.ts";

const { i32: I32, i64: I64 } = TYPE;

/** Parts of a single or double (bits as i64), as trees over a local. */
export const narrowParts = (
  format: NarrowFormat,
  bits: Value,
): { readonly sign: Value; readonly exponent: Value; readonly fraction: Value } => ({
  sign: and(convert(shrU(bits, format.bits - 16), I32), 0x8000),
  exponent: and(convert(shrU(bits, format.fractionBits), I32), 2 * format.bias + 1),
  fraction: shl(bits, 64 - format.fractionBits),
});

/** i32: a normal number, of an exponent field. */
export const isNormalExponent = (format: NarrowFormat, exponent: Value): Value =>
  ltU(sub(exponent, 1), 2 * format.bias);

/** Exponent of the extended format for a normal number's field. */
export const extendedExponent = (format: NarrowFormat, exponent: Value): Value =>
  add(exponent, EXPONENT_BIAS - format.bias);

/** Mantissa of a normal number. */
export const extendedMantissa = (fraction: Value): Value => or(shrU(fraction, 1), integerBit);

const extend = (format: NarrowFormat): SupportFunction => ({
  name: `extend-${format.name}`,
  parameters: [I64],
  results: [I64, I32],
  emit(body: FunctionBody): void {
    const parts = narrowParts(format, body.parameter(0));
    const sign = named(body, parts.sign);
    const exponent = named(body, parts.exponent);
    const fraction = named(body, parts.fraction);
    when(body, isNormalExponent(format, exponent), () =>
      body.return(extendedMantissa(fraction), or(sign, extendedExponent(format, exponent))),
    );
    when(body, exponent, () => body.return(extendedMantissa(fraction), or(sign, EXPONENT_MAX)));
    when(body, isZero(fraction), () => body.return(i64(0), sign));
    const shift = named(body, clz(fraction));
    const normalised = sub(i32(EXPONENT_BIAS - format.bias), convert(shift, I32));
    body.push(shl(fraction, shift), or(or(sign, normalised), raisedHead(RAISED.denormal)));
  },
});

/** (bits i64) -> extended: a double, exactly. A denormal raises `denormal`; a signalling NaN stays one. */
export const EXTEND_DOUBLE: SupportFunction = extend(DOUBLE);

/** As {@link EXTEND_DOUBLE}, for the single in the low 32 bits; those above must be 0. */
export const EXTEND_SINGLE: SupportFunction = extend(SINGLE);

/** (i64) -> extended: an integer, exactly. */
export const EXTEND_INTEGER: SupportFunction = {
  name: "extend-integer",
  parameters: [I64],
  results: [I64, I32],
  emit(body: FunctionBody): void {
    const value = body.parameter(0);
    const sign = named(body, convert(and(shrU(value, 48), 0x8000), I32));
    const magnitude = named(body, select(sub(i64(0), value), value, sign));
    const shift = named(body, clz(magnitude));
    const exponent = sub(i32(EXPONENT_BIAS + 63), convert(shift, I32));
    body.push(shl(magnitude, shift), or(sign, select(exponent, i32(0), ne(magnitude, 0))));
  },
};
