import {
  add,
  and,
  compare,
  convert,
  type FunctionBody,
  i32,
  i64,
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
  isInfinite,
  isNothing,
  normaliseOperand,
  returnIfDenormalStops,
  returnInfinity,
  returnZero,
  roundInto,
  takeTwoOperands,
  unpacked,
} from "./arithmetic.ts";
import { integerBit, named, returnIndefinite, when } from "./emit.ts";
import { EXTEND_INTEGER } from "./extend.ts";
import { CONTROL, EXPONENT_BIAS, RAISED, RAISED_SHIFT } from "./format.ts";
import { isNan, isUnsupported, PROPAGATE_NAN } from "./nan.ts";

const { i32: I32, i64: I64 } = TYPE;

/** A distance that leaves every exponent far out of range. */
const FAR = 0x1_0000;

/** (mantissa, head, mantissa, head, control) -> extended: the first times two to the second, cut. [SDM2A-3.3 "FSCALE"] */
export const SCALE: SupportFunction = {
  name: "extended-scale",
  parameters: [I64, I32, I64, I32, I32],
  results: [I64, I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const { first, second, control } = takeTwoOperands(body, context);
    const { mantissa: a } = first;
    const { mantissa: b } = second;
    const raised = named(body, i32(0));
    when(body, isInfinite(second), () => {
      when(body, second.sign, () => {
        when(body, isInfinite(first), () => returnIndefinite(body));
        normaliseOperand(body, first, raised);
        returnIfDenormalStops(body, control, raised);
        returnZero(body, first.sign, raised);
      });
      when(body, isNothing(first), () => returnIndefinite(body));
    });
    normaliseOperand(body, first, raised);
    normaliseOperand(body, second, raised);
    returnIfDenormalStops(body, control, raised);
    when(body, or(isInfinite(first), isInfinite(second)), () => returnInfinity(body, first.sign, raised));
    when(body, isNothing(first), () => returnZero(body, first.sign, raised));
    const distance = named(body, i32(0));
    const magnitude = named(body, sub(second.exponent, EXPONENT_BIAS));
    when(body, and(compare("geS", magnitude, 0), ne(b, 0)), () => {
      const isNear = compare("ltS", magnitude, 16);
      const integer = convert(shrU(b, convert(sub(i32(63), magnitude), I64)), I32);
      body.set(distance, select(integer, i32(FAR), isNear));
      when(body, second.sign, () => body.set(distance, sub(i32(0), distance)));
    });
    const exponent = add(first.exponent, distance);
    roundInto(body, context, first.sign, exponent, a, i64(0), or(control, CONTROL.mantissa64), raised);
  },
};

/**
 * (mantissa, head, control) -> (mantissa, head, mantissa, head): the exponent of a value as a number, with exceptions, and its
 * significand. [SDM2A-3.3 "FXTRACT"]
 */
export const EXTRACT: SupportFunction = {
  name: "extended-extract",
  parameters: [I64, I32, I32],
  results: [I64, I32, I64, I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const [mantissa, head, control] = [0, 1, 2].map((n) => body.parameter(n)) as [Value, Value, Value];
    const indefinite = (): void => {
      const [bits, nan] = [i64(3n << 62n), i32(0xffff)];
      body.return(bits, or(nan, RAISED.invalid << RAISED_SHIFT), bits, nan);
    };
    when(body, isUnsupported(mantissa, head), indefinite);
    when(body, isNan(mantissa, head), () => {
      body.call(context.indexOf(PROPAGATE_NAN), mantissa, head, mantissa, head);
      const nanHead = body.local(I32);
      const nan = body.local(I64);
      body.set(nanHead);
      body.set(nan);
      body.return(nan, nanHead, nan, and(nanHead, 0xffff));
    });
    const value = unpacked(body, mantissa, head);
    const raised = named(body, i32(0));
    when(body, isInfinite(value), () => body.return(integerBit, i32(0x7fff), mantissa, head));
    when(body, isNothing(value), () =>
      body.return(integerBit, i32(0xffff | (RAISED.zeroDivide << RAISED_SHIFT)), mantissa, head),
    );
    normaliseOperand(body, value, raised);
    when(body, and(raised, sub(i32(-1), control)), () =>
      body.return(mantissa, shl(raised, RAISED_SHIFT), mantissa, head),
    );
    const exponent = convert(sub(value.exponent, EXPONENT_BIAS), I64, true);
    body.call(context.indexOf(EXTEND_INTEGER), exponent);
    const exponentHead = body.local(I32);
    const exponentMantissa = body.local(I64);
    body.set(exponentHead);
    body.set(exponentMantissa);
    body.push(exponentMantissa, or(exponentHead, shl(raised, RAISED_SHIFT)));
    body.push(mantissa, or(value.sign, EXPONENT_BIAS));
  },
};
