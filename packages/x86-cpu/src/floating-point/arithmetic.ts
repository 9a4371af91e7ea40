import {
  add,
  and,
  clz,
  compare,
  convert,
  eq,
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
  xor,
} from "@xenolith/wasm-emitter";
import type { SupportContext, SupportFunction } from "../support/support-function.ts";
import { divide128 } from "./divide.ts";
import {
  anyBit,
  exponentOf,
  integerBit,
  named,
  product128,
  returnIndefinite,
  roundsUpToNearest,
  shiftLeft,
  shiftRightSticky,
  signOf,
  when,
} from "./emit.ts";
import { CONTROL, EXPONENT_BIAS, EXPONENT_MAX, RAISED, RAISED_SHIFT } from "./format.ts";
import { isNan, isUnsupported, PROPAGATE_NAN } from "./nan.ts";
import { ROUND_EXTENDED } from "./round.ts";

const { i32: I32, i64: I64 } = TYPE;

/** An operand taken apart: locals that may be changed. */
export interface Unpacked {
  readonly mantissa: Value;
  readonly exponent: Value;
  readonly sign: Value;
}

/** i32: infinite, where NaNs have been looked at before. */
export const isInfinite = ({ exponent }: Unpacked): Value => eq(exponent, EXPONENT_MAX);

/** i32: zero. */
export const isNothing = ({ mantissa }: Unpacked): Value => isZero(mantissa);

/** Takes an extended value apart, into locals. */
export const unpacked = (body: FunctionBody, mantissa: Value, head: Value): Unpacked => ({
  mantissa,
  exponent: named(body, exponentOf(head)),
  sign: named(body, signOf(head)),
});

/** Two extended operands, neither a NaN. */
export interface TwoOperands {
  readonly first: Unpacked;
  readonly second: Unpacked;
  /** Exceptions that either head carries. */
  readonly heads: Value;
  readonly control: Value;
}

/** Takes (mantissa, head, mantissa, head, control) apart. Returns from the function for what is no number. */
export const takeTwoOperands = (body: FunctionBody, context: SupportContext): TwoOperands => {
  const [a, aHead, b, bHead, control] = [0, 1, 2, 3, 4].map((n) => body.parameter(n)) as [
    Value,
    Value,
    Value,
    Value,
    Value,
  ];
  when(body, or(isUnsupported(a, aHead), isUnsupported(b, bHead)), () => returnIndefinite(body));
  when(body, or(isNan(a, aHead), isNan(b, bHead)), () => {
    body.call(context.indexOf(PROPAGATE_NAN), a, aHead, b, bHead);
    body.return();
  });
  return {
    first: unpacked(body, a, aHead),
    second: unpacked(body, b, bHead),
    heads: or(aHead, bHead),
    control,
  };
};

/** Returns extended: sign, exponent field and mantissa as given, with exceptions. */
const returnPacked = (
  body: FunctionBody,
  sign: Value,
  exponent: number,
  mantissa: Value,
  raised: Value,
): void => body.return(mantissa, or(or(sign, exponent), shl(raised, RAISED_SHIFT)));

/** Returns an infinity, with exceptions. */
export const returnInfinity = (body: FunctionBody, sign: Value, raised: Value): void =>
  returnPacked(body, sign, EXPONENT_MAX, integerBit, raised);

/** Returns a zero, with exceptions. */
export const returnZero = (body: FunctionBody, sign: Value, raised: Value): void =>
  returnPacked(body, sign, 0, i64(0), raised);

/** Raises `denormal` for a denormal operand and normalises it. */
export const normaliseOperand = (body: FunctionBody, { mantissa, exponent }: Unpacked, raised: Value): void =>
  when(body, and(isZero(exponent), ne(mantissa, 0)), () => {
    const shift = named(body, clz(mantissa));
    body.set(mantissa, shl(mantissa, shift));
    body.set(exponent, sub(i32(1), convert(shift, I32)));
    body.set(raised, or(raised, RAISED.denormal));
  });

/** Returns at once when `denormal` is raised and not masked: nothing else is then looked at. */
export const returnIfDenormalStops = (body: FunctionBody, control: Value, raised: Value): void =>
  when(body, and(raised, and(xor(control, -1), RAISED.denormal)), () =>
    body.return(i64(0), shl(raised, RAISED_SHIFT)),
  );

/** Places of `precision` and `up` in {@link RAISED}. */
const PRECISION_SHIFT = 5;
const UP_SHIFT = 9;

/**
 * Ends a function with the rounded value. Normal results, to nearest at 64 bits, are rounded in place: a call with this many
 * parameters costs more than that.
 */
export const roundInto = (
  body: FunctionBody,
  context: SupportContext,
  ...[sign, exponent, high, low, control, raised]: readonly [Value, Value, Value, Value, Value, Value]
): void => {
  const isUsual = and(
    eq(and(control, CONTROL.mantissa | CONTROL.rounding), CONTROL.mantissa64),
    ltU(sub(exponent, 1), EXPONENT_MAX - 2),
  );
  when(body, isUsual, () => {
    const up = named(body, roundsUpToNearest(low, high));
    const mantissa = named(body, add(high, convert(up, I64)));
    const isCarried = named(body, isZero(mantissa));
    const inexact = or(shl(ne(low, 0), PRECISION_SHIFT), shl(up, UP_SHIFT));
    body.return(
      select(integerBit, mantissa, isCarried),
      or(or(sign, add(exponent, isCarried)), shl(or(raised, inexact), RAISED_SHIFT)),
    );
  });
  body.call(context.indexOf(ROUND_EXTENDED), sign, exponent, high, low, control, raised);
};

interface Operation {
  readonly body: FunctionBody;
  readonly context: SupportContext;
  readonly a: Unpacked;
  readonly b: Unpacked;
  readonly control: Value;
  readonly raised: Value;
}

/**
 * An operation on two extended values: (mantissa, head, mantissa, head, control) -> extended. `special` returns for what is
 * infinite or zero, before denormals are looked at (`early`) or after; `finish` goes on with two normalised numbers.
 */
const operation = (
  name: string,
  steps: {
    readonly early?: (operation: Operation) => void;
    readonly special: (operation: Operation) => void;
    readonly finish: (operation: Operation) => void;
    readonly flipsSecond?: boolean;
  },
): SupportFunction => ({
  name,
  parameters: [I64, I32, I64, I32, I32],
  results: [I64, I32],
  emit(body: FunctionBody, context: SupportContext): void {
    const { first, second, heads, control } = takeTwoOperands(body, context);
    const raised = named(body, shrU(heads, RAISED_SHIFT));
    if (steps.flipsSecond === true) body.set(second.sign, xor(second.sign, 0x8000));
    const all: Operation = { body, context, a: first, b: second, control, raised };
    steps.early?.(all);
    normaliseOperand(body, first, raised);
    normaliseOperand(body, second, raised);
    returnIfDenormalStops(body, control, raised);
    steps.special(all);
    steps.finish(all);
  },
});

const swapIf = (body: FunctionBody, condition: Value, x: Value, y: Value): void => {
  const kept = named(body, x);
  body.set(x, select(y, x, condition));
  body.set(y, select(kept, y, condition));
};

/** Sign of a sum that is exactly zero. */
const zeroSign = (control: Value): Value => shl(eq(and(control, CONTROL.rounding), CONTROL.roundDown), 15);

const addSpecial = ({ body, a, b, control, raised }: Operation): void => {
  const differ = named(body, ne(a.sign, b.sign));
  when(body, isInfinite(a), () => {
    when(body, and(isInfinite(b), differ), () => returnIndefinite(body));
    returnInfinity(body, a.sign, raised);
  });
  when(body, isInfinite(b), () => returnInfinity(body, b.sign, raised));
  when(body, and(isNothing(a), isNothing(b)), () =>
    returnZero(body, select(zeroSign(control), a.sign, differ), raised),
  );
};

/** Orders the operands by magnitude, aligns the smaller one, adds or subtracts, normalises. */
const addFinish = ({ body, context, a, b, control, raised }: Operation): void => {
  // A zero has the smallest exponent of all, so that it is the smaller one.
  when(body, isNothing(a), () => body.set(a.exponent, i32(-0x8000)));
  when(body, isNothing(b), () => body.set(b.exponent, i32(-0x8000)));
  const sameExponent = eq(a.exponent, b.exponent);
  const isLess = or(compare("ltS", a.exponent, b.exponent), and(sameExponent, ltU(a.mantissa, b.mantissa)));
  const swaps = named(body, isLess);
  swapIf(body, swaps, a.mantissa, b.mantissa);
  swapIf(body, swaps, a.exponent, b.exponent);
  swapIf(body, swaps, a.sign, b.sign);
  const low = named(body, i64(0));
  const high = a.mantissa;
  shiftRightSticky(body, b.mantissa, low, sub(a.exponent, b.exponent));
  when(
    body,
    eq(a.sign, b.sign),
    () => {
      const sum = named(body, add(high, b.mantissa));
      when(body, ltU(sum, high), () => {
        body.set(low, or(or(shrU(low, 1), and(low, 1)), shl(sum, 63)));
        body.set(sum, or(shrU(sum, 1), integerBit));
        body.set(a.exponent, add(a.exponent, 1));
      });
      body.set(high, sum);
    },
    () => {
      body.set(high, sub(sub(high, b.mantissa), anyBit(low)));
      body.set(low, sub(i64(0), low));
      when(body, isZero(or(high, low)), () => returnZero(body, zeroSign(control), raised));
      when(body, isZero(high), () => {
        body.set(high, low);
        body.set(low, i64(0));
        body.set(a.exponent, sub(a.exponent, 64));
      });
      const shift = named(body, clz(high));
      shiftLeft(body, high, low, shift);
      body.set(a.exponent, sub(a.exponent, convert(shift, I32)));
    },
  );
  roundInto(body, context, a.sign, a.exponent, high, low, control, raised);
};

/** a + b. [SDM2A-3.3 "FADD"] */
export const ADD: SupportFunction = operation("extended-add", { special: addSpecial, finish: addFinish });

/** a - b. [SDM2A-3.3 "FSUB"] */
export const SUBTRACT: SupportFunction = operation("extended-subtract", {
  special: addSpecial,
  finish: addFinish,
  flipsSecond: true,
});

/** a * b. [SDM2A-3.3 "FMUL"] */
export const MULTIPLY: SupportFunction = operation("extended-multiply", {
  special({ body, a, b, raised }) {
    const sign = named(body, xor(a.sign, b.sign));
    when(body, or(isInfinite(a), isInfinite(b)), () => {
      when(body, or(isNothing(a), isNothing(b)), () => returnIndefinite(body));
      returnInfinity(body, sign, raised);
    });
    when(body, or(isNothing(a), isNothing(b)), () => returnZero(body, sign, raised));
  },
  finish({ body, context, a, b, control, raised }) {
    const { high, low } = product128(body, a.mantissa, b.mantissa);
    const exponent = named(body, sub(add(a.exponent, b.exponent), EXPONENT_BIAS - 1));
    when(body, compare("geS", high, 0), () => {
      shiftLeft(body, high, low, i64(1));
      body.set(exponent, sub(exponent, 1));
    });
    roundInto(body, context, xor(a.sign, b.sign), exponent, high, low, control, raised);
  },
});

/** a / b. [SDM2A-3.3 "FDIV"] */
export const DIVIDE: SupportFunction = operation("extended-divide", {
  early({ body, a, b }) {
    const sign = named(body, xor(a.sign, b.sign));
    when(body, isNothing(b), () => {
      when(body, isNothing(a), () => returnIndefinite(body));
      when(body, isZero(isInfinite(a)), () => returnInfinity(body, sign, i32(RAISED.zeroDivide)));
    });
  },
  special({ body, a, b, raised }) {
    const sign = named(body, xor(a.sign, b.sign));
    when(body, isInfinite(a), () => {
      when(body, isInfinite(b), () => returnIndefinite(body));
      returnInfinity(body, sign, raised);
    });
    when(body, or(isNothing(a), isInfinite(b)), () => returnZero(body, sign, raised));
  },
  finish({ body, context, a, b, control, raised }) {
    const isLess = named(body, ltU(a.mantissa, b.mantissa));
    const high = named(body, select(a.mantissa, shrU(a.mantissa, 1), isLess));
    const low = named(body, select(i64(0), shl(a.mantissa, 63), isLess));
    const exponent = add(sub(sub(a.exponent, b.exponent), isLess), EXPONENT_BIAS);
    const quotient = divide128(body, high, low, b.mantissa);
    // Twice the remainder against the divisor says on which side of a half the rest lies; it never is one exactly.
    const isAbove = compare("gtU", high, sub(b.mantissa, high));
    const fraction = or(select(integerBit, i64(0), isAbove), anyBit(high));
    roundInto(body, context, xor(a.sign, b.sign), exponent, quotient, fraction, control, raised);
  },
});
