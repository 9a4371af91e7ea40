import { FLAG } from "@xenolith/x86-architecture";

/**
 * How the six arithmetic flags are kept: the operation that made them, its operands and its result, all sign-extended from
 * the operation's size, so that the size itself need not be kept. ZF is always `result == 0`.
 * - `logic`: CF = OF = AF = 0.
 * - `subtract`, `add`: result = a - b, a + b.
 * - `increment`, `decrement`: result = a + 1, a - 1; bit 0 of b is CF, which they preserve.
 * - `given`: bits of b say CF, OF and AF ({@link GIVEN}); SF and PF follow from the result, inverted where b says so,
 *   because POPF can set combinations that no result has.
 */
export const FLAGS_KIND = { logic: 0, subtract: 1, add: 2, increment: 3, decrement: 4, given: 5 } as const;

/** One value of {@link FLAGS_KIND}. */
export type FlagsKind = (typeof FLAGS_KIND)[keyof typeof FLAGS_KIND];

/** Bits of operand b of kind `given`. */
export const GIVEN = { cf: 1, of: 2, af: 4, signInverted: 8, parityInverted: 16 } as const;

/** Positions of the bits of {@link GIVEN}. */
export const GIVEN_SHIFT = { cf: 0, of: 1, af: 2, signInverted: 3, parityInverted: 4 } as const;

/** The arithmetic flags: CF PF AF ZF SF OF. */
export const ARITHMETIC_FLAGS: number = FLAG.cf | FLAG.pf | FLAG.af | FLAG.zf | FLAG.sf | FLAG.of;

/** Whether the low byte has an even number of ones. */
const isEvenParity = (value: number): boolean => {
  let bits = value & 0xff;
  bits ^= bits >> 4;
  return ((0x6996 >> (bits & 15)) & 1) === 0;
};

/** A 64-bit value as two words. */
export interface Words {
  readonly low: number;
  readonly high: number;
}

const isBelow = (a: Words, b: Words): boolean =>
  a.high === b.high ? a.low >>> 0 < b.low >>> 0 : a.high >>> 0 < b.high >>> 0;

const bitIf = (condition: boolean, bit: number): number => (condition ? bit : 0);

/** Works out the arithmetic flags, as bits of EFLAGS. */
export const evaluateFlags = (kind: number, a: Words, b: Words, result: Words): number => {
  let negative = result.high < 0;
  let evenParity = isEvenParity(result.low);
  const zero = (result.low | result.high) === 0;
  let carry = false;
  let overflow = false;
  let adjust = false;
  switch (kind) {
    case FLAGS_KIND.subtract:
      carry = isBelow(a, b);
      overflow = ((a.high ^ b.high) & (a.high ^ result.high)) < 0;
      adjust = ((a.low ^ b.low ^ result.low) & 0x10) !== 0;
      break;
    case FLAGS_KIND.add:
      carry = isBelow(result, a);
      overflow = ((a.high ^ result.high) & (b.high ^ result.high)) < 0;
      adjust = ((a.low ^ b.low ^ result.low) & 0x10) !== 0;
      break;
    case FLAGS_KIND.increment:
    case FLAGS_KIND.decrement:
      carry = (b.low & 1) !== 0;
      overflow = (kind === FLAGS_KIND.increment ? result.high & ~a.high : a.high & ~result.high) < 0;
      adjust = ((a.low ^ result.low) & 0x10) !== 0;
      break;
    case FLAGS_KIND.given:
      carry = (b.low & GIVEN.cf) !== 0;
      overflow = (b.low & GIVEN.of) !== 0;
      adjust = (b.low & GIVEN.af) !== 0;
      negative = negative !== ((b.low & GIVEN.signInverted) !== 0);
      evenParity = evenParity !== ((b.low & GIVEN.parityInverted) !== 0);
      break;
    default:
      break;
  }
  return (
    bitIf(carry, FLAG.cf) |
    bitIf(evenParity, FLAG.pf) |
    bitIf(adjust, FLAG.af) |
    bitIf(zero, FLAG.zf) |
    bitIf(negative, FLAG.sf) |
    bitIf(overflow, FLAG.of)
  );
};

/**
 * Operand b and the result of kind `given` that stand for arithmetic flags.
 * The result is 0 for ZF and else 1, whose sign and parity the inversion bits then correct.
 */
export const encodeFlags = (flags: number): { readonly b: number; readonly result: number } => {
  const result = flags & FLAG.zf ? 0 : 1;
  const resultIsEven = result === 0;
  const b =
    bitIf((flags & FLAG.cf) !== 0, GIVEN.cf) |
    bitIf((flags & FLAG.of) !== 0, GIVEN.of) |
    bitIf((flags & FLAG.af) !== 0, GIVEN.af) |
    bitIf((flags & FLAG.sf) !== 0, GIVEN.signInverted) |
    bitIf(((flags & FLAG.pf) !== 0) !== resultIsEven, GIVEN.parityInverted);
  return { b, result };
};
