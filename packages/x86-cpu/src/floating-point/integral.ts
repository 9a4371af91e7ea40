import {
  add,
  and,
  compare,
  eq,
  type FunctionBody,
  i32,
  i64,
  isZero,
  ltU,
  or,
  select,
  shl,
  sub,
  TYPE,
  type Value,
} from "@xenolith/wasm-emitter";
import type { SupportContext, SupportFunction } from "../support/support-function.ts";
import { exponentOf, integerBit, named, raisedHead, returnIndefinite, signOf, taken, when } from "./emit.ts";
import { EXPONENT_BIAS, RAISED, RAISED_SHIFT } from "./format.ts";
import { isNan, isUnsupported, PROPAGATE_NAN } from "./nan.ts";
import { ROUND_MANTISSA } from "./round.ts";

const { i32: I32, i64: I64 } = TYPE;

/** Returns for what no operation on one operand computes with: unsupported forms and NaNs. */
export const returnSpecialOperand = (
  body: FunctionBody,
  context: SupportContext,
  mantissa: Value,
  head: Value,
): void => {
  when(body, isUnsupported(mantissa, head), () => returnIndefinite(body));
  when(body, isNan(mantissa, head), () => {
    body.call(context.indexOf(PROPAGATE_NAN), mantissa, head, mantissa, head);
    body.return();
  });
};

/** (mantissa, head, control) -> extended: the value rounded to an integer. [SDM2A-3.3 "FRNDINT"] */
export const ROUND_TO_INTEGRAL: SupportFunction = {
  name: "round-to-integral",
  parameters: [I64, I32, I32],
  results: [I64, I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const [mantissa, head, control] = [0, 1, 2].map((n) => body.parameter(n)) as [Value, Value, Value];
    returnSpecialOperand(body, context, mantissa, head);
    const exponent = named(body, exponentOf(head));
    const sign = named(body, signOf(head));
    when(body, or(compare("geS", exponent, EXPONENT_BIAS + 63), isZero(mantissa)), () =>
      body.return(mantissa, head),
    );
    when(body, compare("geS", exponent, EXPONENT_BIAS), () => {
      const fraction = sub(i32(EXPONENT_BIAS + 63), exponent);
      body.call(context.indexOf(ROUND_MANTISSA), mantissa, i64(0), fraction, sign, control);
      const [rounded, raised] = taken(body, I64, I32);
      when(body, isZero(rounded), () => {
        body.set(rounded, integerBit);
        body.set(head, add(head, 1));
      });
      body.return(rounded, or(head, shl(raised, RAISED_SHIFT)));
    });
    const early = named(body, select(i32(0), i32(RAISED.denormal), exponent));
    when(body, and(early, sub(-1, control)), () =>
      body.return(mantissa, or(head, raisedHead(RAISED.denormal))),
    );
    // Below 1: what counts is whether the value is above, at or below a half.
    const isHalf = eq(exponent, EXPONENT_BIAS - 1);
    body.call(
      context.indexOf(ROUND_MANTISSA),
      i64(0),
      select(mantissa, i64(1), isHalf),
      i32(0),
      sign,
      control,
    );
    const [rounded, raised] = taken(body, I64, I32);
    body.push(select(integerBit, i64(0), isNotZero(rounded)));
    const exponentField = select(i32(EXPONENT_BIAS), i32(0), isNotZero(rounded));
    body.push(or(or(sign, exponentField), shl(or(raised, early), RAISED_SHIFT)));
  },
};

const isNotZero = (value: Value): Value => isZero(isZero(value));

/** Condition codes of a comparison, as in the x87 status word: C0 less, C2 and all unordered, C3 equal. */
export const ORDER = { less: 0x100, equal: 0x4000, unordered: 0x4500 } as const;

/**
 * (mantissa, head, mantissa, head, quiet) -> i32: how the first value stands to the second, one of {@link ORDER} or 0 for
 * greater, with exceptions as in a head. Quiet: only signalling NaNs are invalid. [SDM2A-3.3 "FCOM"] [SDM2A-3.3 "FUCOM"]
 */
export const COMPARE: SupportFunction = {
  name: "extended-compare",
  parameters: [I64, I32, I64, I32, I32],
  results: [I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const [a, aHead, b, bHead, quiet] = [0, 1, 2, 3, 4].map((n) => body.parameter(n)) as [
      Value,
      Value,
      Value,
      Value,
      Value,
    ];
    const unordered = i32(ORDER.unordered);
    const invalid = i32(ORDER.unordered | raisedHead(RAISED.invalid));
    when(body, or(isUnsupported(a, aHead), isUnsupported(b, bHead)), () => body.return(invalid));
    when(body, or(isNan(a, aHead), isNan(b, bHead)), () => {
      body.call(context.indexOf(PROPAGATE_NAN), a, aHead, b, bHead);
      const [, head] = taken(body, I64, I32);
      const signals = and(head, raisedHead(RAISED.invalid));
      body.return(select(or(unordered, signals), invalid, quiet));
    });
    const raised = named(body, and(or(aHead, bHead), ~0xffff));
    const isDenormal = (mantissa: Value, head: Value): Value =>
      and(isZero(exponentOf(head)), isNotZero(mantissa));
    when(body, or(isDenormal(a, aHead), isDenormal(b, bHead)), () =>
      body.set(raised, or(raised, raisedHead(RAISED.denormal))),
    );
    when(body, isZero(or(a, b)), () => body.return(or(raised, ORDER.equal)));
    // A denormal has the exponent of the smallest normal numbers, but no integer bit.
    const ranked = (head: Value): Value => {
      const exponent = named(body, exponentOf(head));
      return named(body, select(exponent, i32(1), exponent));
    };
    const aRank = ranked(aHead);
    const bRank = ranked(bHead);
    const sign = named(body, signOf(aHead));
    when(
      body,
      eq(sign, signOf(bHead)),
      () => {
        const same = and(eq(aRank, bRank), eq(a, b));
        when(body, same, () => body.return(or(raised, ORDER.equal)));
        const isSmaller = or(ltU(aRank, bRank), and(eq(aRank, bRank), ltU(a, b)));
        const isLess = eq(isSmaller, isZero(sign));
        body.return(or(raised, shl(isLess, 8)));
      },
      () => body.return(or(raised, select(i32(ORDER.less), i32(0), sign))),
    );
    body.unreachable();
  },
};
