import { conversion, convert, isZero, or, TYPE, type Value } from "@xenolith/wasm-emitter";
import {
  EXTEND_DOUBLE,
  EXTEND_SINGLE,
  extendedExponent,
  extendedMantissa,
  isNormalExponent,
  narrowParts,
} from "../../floating-point/extend.ts";
import { DOUBLE, type NarrowFormat, SINGLE } from "../../floating-point/round.ts";
import type { Machine } from "../../machine/machine.ts";
import type { SupportFunction } from "../../support/support-function.ts";

import { onlyIf } from "./access.ts";

/** A memory operand as an extended value, and where it lies. */
export interface LoadedValue {
  readonly mantissa: Value;
  readonly head: Value;
  readonly address: Value;
}

/** Extends bits: normal numbers in place, all others by a function. */
const extended = (
  m: Machine,
  format: NarrowFormat,
  extend: SupportFunction,
  bits: Value,
): readonly [Value, Value] => {
  const parts = narrowParts(format, bits);
  const exponent = m.pin(parts.exponent);
  const mantissa = m.temporary(TYPE.i64);
  const head = m.temporary(TYPE.i32);
  m.body.set(mantissa, extendedMantissa(parts.fraction));
  m.body.set(head, or(parts.sign, extendedExponent(format, exponent)));
  onlyIf(m, isZero(isNormalExponent(format, exponent)), () => {
    const [slowMantissa, slowHead] = m.call(extend, bits);
    if (slowMantissa !== undefined) m.body.set(mantissa, slowMantissa);
    if (slowHead !== undefined) m.body.set(head, slowHead);
  });
  return [mantissa, head];
};

/** Reads a single or double. */
export const loadFloat = (m: Machine): LoadedValue => {
  const address = m.pin(m.address());
  const bits = m.pin(convert(m.load(m.operandBytes(0), address, "zero"), TYPE.i64));
  const [mantissa, head] =
    m.operandBytes(0) === 8
      ? extended(m, DOUBLE, EXTEND_DOUBLE, bits)
      : extended(m, SINGLE, EXTEND_SINGLE, bits);
  return { mantissa, head, address };
};

/** Reads an integer of 2 or 4 bytes: every one is a double. */
export const loadInteger = (m: Machine): LoadedValue => {
  const address = m.pin(m.address());
  const integer = m.load(m.operandBytes(0), address, "signed");
  const bits = m.pin(conversion("i64.reinterpretF64", conversion("f64.convertI32S", integer)));
  const [mantissa, head] = extended(m, DOUBLE, EXTEND_DOUBLE, bits);
  return { mantissa, head, address };
};
