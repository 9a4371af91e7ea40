import {
  add,
  and,
  convert,
  type FunctionBody,
  i32,
  i64,
  ltS,
  mul,
  ne,
  or,
  select,
  shl,
  shrU,
  sub,
  TYPE,
  type Value,
  type ValueType,
} from "@xenolith/wasm-emitter";
import { INDEFINITE, INTEGER_BIT, RAISED, RAISED_SHIFT, SIGN } from "./format.ts";

/** Computes a value now, into a local of its own. */
export const named = (body: FunctionBody, value: Value): Value => {
  const local = body.local(value.type);
  body.set(local, value);
  return local;
};

/** Does `then` when the condition holds, else `otherwise`. */
export const when = (
  body: FunctionBody,
  condition: Value,
  then: () => void,
  otherwise: (() => void) | null = null,
): void => {
  body.if(condition);
  then();
  if (otherwise !== null) {
    body.else();
    otherwise();
  }
  body.end();
};

/** Takes the results of a call from the stack into locals. */
export const taken = <const T extends readonly ValueType[]>(
  body: FunctionBody,
  ...types: T
): { readonly [K in keyof T]: Value } => {
  const locals = types.map((type) => body.local(type));
  for (const local of locals.toReversed()) body.set(local);
  return locals as { readonly [K in keyof T]: Value };
};

/** Bit 63: the integer bit of a mantissa. */
export const integerBit: Value = i64(INTEGER_BIT);

/** i32 1 when bit 63 is set. */
export const isNormalised = (mantissa: Value): Value => ltS(mantissa, 0);

/** Exponent field of a head. */
export const exponentOf = (head: Value): Value => and(head, 0x7fff);

/** Sign of a head: 0 or 0x8000. */
export const signOf = (head: Value): Value => and(head, SIGN);

/** Exceptions as the upper half of a head. */
export const raisedHead = (raised: number): number => raised << RAISED_SHIFT;

/** Returns the indefinite NaN, with exceptions. */
export const returnIndefinite = (body: FunctionBody, raised: number = RAISED.invalid): void =>
  body.return(i64(INDEFINITE.mantissa), i32(INDEFINITE.head | raisedHead(raised)));

/** An i32 count as the count of a shift of i64. */
export const wideCount = (count: Value): Value => convert(count, TYPE.i64);

/** `value << (64 - count)` for a count (i64) of 0 to 63: the bits that a shift to the right by it loses; none for 0. */
export const lostBits = (value: Value, count: Value): Value => shl(shl(value, 1), sub(i64(63), count));

/** i64 1 when any bit is set. */
export const anyBit = (value: Value): Value => convert(ne(value, 0), TYPE.i64);

/** Shifts a mantissa of 128 bits to the right by `count` (i32, not negative); what is lost makes the lowest bit sticky. */
export const shiftRightSticky = (body: FunctionBody, high: Value, low: Value, count: Value): void => {
  const bits = named(body, wideCount(count));
  when(
    body,
    ltS(count, 64),
    () => {
      const kept = or(shrU(low, bits), lostBits(high, bits));
      body.set(low, or(kept, anyBit(lostBits(low, bits))));
      body.set(high, shrU(high, bits));
    },
    () => {
      when(
        body,
        ltS(count, 128),
        () => {
          const inner = and(bits, 63);
          body.set(low, or(shrU(high, inner), anyBit(or(low, lostBits(high, inner)))));
        },
        () => body.set(low, anyBit(or(high, low))),
      );
      body.set(high, i64(0));
    },
  );
};

/** Shifts a mantissa of 128 bits to the left by `count` (i64, 0 to 63). */
export const shiftLeft = (body: FunctionBody, high: Value, low: Value, count: Value): void => {
  body.set(high, or(shl(high, count), shrU(shrU(low, 1), sub(i64(63), count))));
  body.set(low, shl(low, count));
};

/** High and low half of the product of two mantissas. */
export const product128 = (
  body: FunctionBody,
  a: Value,
  b: Value,
): { readonly high: Value; readonly low: Value } => {
  const half = 0xffff_ffff;
  const aLow = named(body, and(a, half));
  const aHigh = named(body, shrU(a, 32));
  const bLow = named(body, and(b, half));
  const bHigh = named(body, shrU(b, 32));
  const lowest = named(body, mul(aLow, bLow));
  const middle = named(body, add(mul(aHigh, bLow), shrU(lowest, 32)));
  const other = named(body, add(mul(aLow, bHigh), and(middle, half)));
  const high = named(body, add(add(mul(aHigh, bHigh), shrU(middle, 32)), shrU(other, 32)));
  const low = named(body, or(shl(other, 32), and(lowest, half)));
  return { high, low };
};

/** i32: whether a fraction (what lies below the last bit, left-aligned) rounds up to nearest, ties to even. */
export const roundsUpToNearest = (fraction: Value, mantissa: Value, unit: Value | number = 1): Value =>
  and(ltS(fraction, 0), ne(or(shl(fraction, 1), and(mantissa, unit)), 0));

/** `condition ? a : b` for i32 constants. */
export const chosen = (condition: Value, a: number, b: number): Value => select(i32(a), i32(b), condition);
