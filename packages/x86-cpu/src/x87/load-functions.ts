import {
  add,
  and,
  convert,
  eq,
  type FunctionBody,
  i32,
  i64,
  or,
  select,
  TYPE,
  type Value,
} from "@xenolith/wasm-emitter";
import { EXTEND_DECIMAL } from "../floating-point/decimal.ts";
import { named, raisedHead, taken, when } from "../floating-point/emit.ts";
import {
  EXTEND_DOUBLE,
  EXTEND_INTEGER,
  EXTEND_SINGLE,
  extendedExponent,
  extendedMantissa,
  isNormalExponent,
  narrowParts,
} from "../floating-point/extend.ts";
import { CONTROL, INDEFINITE, RAISED } from "../floating-point/format.ts";
import { isNan, isSignalling, quieted } from "../floating-point/nan.ts";
import { DOUBLE, type NarrowFormat, SINGLE } from "../floating-point/round.ts";
import type { SupportContext, SupportFunction } from "../support/support-function.ts";
import { STATUS, X87Registers } from "./registers.ts";
import { OUTCOME, UNDERFLOW, X87_PUSH } from "./results.ts";

const { i32: I32, i64: I64 } = TYPE;

const loadNarrow = (format: NarrowFormat, extend: SupportFunction): SupportFunction => ({
  name: `x87-load-${format.name}`,
  parameters: [I64],
  results: [I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const bits = body.parameter(0);
    const registers = new X87Registers(body, context);
    const place = named(body, registers.place(-0x10));
    const tags = named(body, registers.tags);
    const { sign, exponent, fraction } = narrowParts(format, bits);
    const field = named(body, exponent);
    when(body, and(registers.isEmpty(place, tags), isNormalExponent(format, field)), () => {
      registers.setRegister(place, extendedMantissa(fraction), or(sign, extendedExponent(format, field)));
      registers.setTags(or(tags, registers.bit(place)));
      registers.setStatus(registers.moved(and(registers.status, ~STATUS.c1), -1));
      body.return(i32(OUTCOME.done));
    });
    body.call(context.indexOf(extend), bits);
    const [mantissa, head] = taken(body, I64, I32);
    when(body, and(isNan(mantissa, head), isSignalling(mantissa)), () => {
      body.set(mantissa, quieted(mantissa));
      body.set(head, or(head, raisedHead(RAISED.invalid)));
    });
    body.call(context.indexOf(X87_PUSH), mantissa, head);
  },
});

/** (bits i64) -> outcome: pushes a double. [SDM2A-3.3 "FLD"] */
export const X87_LOAD_DOUBLE: SupportFunction = loadNarrow(DOUBLE, EXTEND_DOUBLE);

/** (bits i64, upper half 0) -> outcome: pushes a single. */
export const X87_LOAD_SINGLE: SupportFunction = loadNarrow(SINGLE, EXTEND_SINGLE);

/** (i64) -> outcome: pushes an integer. [SDM2A-3.3 "FILD"] */
export const X87_LOAD_INTEGER: SupportFunction = {
  name: "x87-load-integer",
  parameters: [I64],
  results: [I32],
  emit(body: FunctionBody, context: SupportContext): void {
    body.call(context.indexOf(EXTEND_INTEGER), body.parameter(0));
    body.call(context.indexOf(X87_PUSH));
  },
};

/** (low i64, high i32) -> outcome: pushes a packed decimal. [SDM2A-3.3 "FBLD"] */
export const X87_LOAD_DECIMAL: SupportFunction = {
  name: "x87-load-decimal",
  parameters: [I64, I32],
  results: [I32],
  emit(body: FunctionBody, context: SupportContext): void {
    body.call(context.indexOf(EXTEND_DECIMAL), body.parameter(0), body.parameter(1));
    body.call(context.indexOf(X87_PUSH));
  },
};

/** (16 i) -> outcome: pushes ST(i). */
export const X87_LOAD_REGISTER: SupportFunction = {
  name: "x87-load-register",
  parameters: [I32],
  results: [I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const registers = new X87Registers(body, context);
    const place = named(body, registers.place(body.parameter(0)));
    const isEmpty = named(body, registers.isEmpty(place));
    const underflow = i32(INDEFINITE.head | raisedHead(UNDERFLOW));
    body.push(select(i64(INDEFINITE.mantissa), registers.mantissa(place), isEmpty));
    body.push(select(underflow, registers.head(place), isEmpty));
    body.call(context.indexOf(X87_PUSH));
  },
};

/** (mantissa cut to 64 bits, exponent, rounds up to nearest) -> outcome: pushes a positive constant. [SDM2A-3.3 "FLDPI"] */
export const X87_LOAD_CONSTANT: SupportFunction = {
  name: "x87-load-constant",
  parameters: [I64, I32, I32],
  results: [I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const [mantissa, exponent, nearest] = [0, 1, 2].map((n) => body.parameter(n)) as [Value, Value, Value];
    const rounding = named(body, and(new X87Registers(body, context).control, CONTROL.rounding));
    const up = select(eq(rounding, CONTROL.roundUp), nearest, rounding);
    body.call(context.indexOf(X87_PUSH), add(mantissa, convert(up, I64)), exponent);
  },
};
