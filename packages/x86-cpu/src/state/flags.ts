import { FLAG } from "@xenolith/x86-architecture";
import { STATE } from "./layout.ts";

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

/** Flags that every delivery through a gate clears. [SDM3A-6.12.1] */
export const CLEARED_BY_DELIVERY: number = FLAG.tf | FLAG.nt | FLAG.rf | FLAG.vm;

/** Whether the low byte has an even number of ones. */
const isEvenParity = (value: number): boolean => {
  let bits = value & 0xff;
  bits ^= bits >> 4;
  return ((0x6996 >> (bits & 15)) & 1) === 0;
};

const bitIf = (condition: boolean, bit: number): number => (condition ? bit : 0);

/** Whether the first of two 64-bit fields is below the second, unsigned. */
const isBelow = (block: DataView, first: number, second: number): boolean => {
  const high = block.getUint32(first + 4, true);
  const otherHigh = block.getUint32(second + 4, true);
  return high === otherHigh ? block.getUint32(first, true) < block.getUint32(second, true) : high < otherHigh;
};

/** Works out the arithmetic flags that the state block at `base` stands for, as bits of EFLAGS. */
export const evaluateFlags = (block: DataView, base: number): number => {
  const a = base + STATE.flagsA;
  const b = base + STATE.flagsB;
  const result = base + STATE.flagsResult;
  const low = block.getInt32(result, true);
  const high = block.getInt32(result + 4, true);
  const lowB = block.getInt32(b, true);
  const kind = block.getUint32(base + STATE.flagsKind, true);
  const zero = bitIf((low | high) === 0, FLAG.zf);
  if (kind === FLAGS_KIND.given) {
    const isNegative = high < 0 !== ((lowB & GIVEN.signInverted) !== 0);
    const isEven = isEvenParity(low) !== ((lowB & GIVEN.parityInverted) !== 0);
    return (
      zero |
      bitIf(isNegative, FLAG.sf) |
      bitIf(isEven, FLAG.pf) |
      bitIf((lowB & GIVEN.cf) !== 0, FLAG.cf) |
      bitIf((lowB & GIVEN.of) !== 0, FLAG.of) |
      bitIf((lowB & GIVEN.af) !== 0, FLAG.af)
    );
  }
  const followed = zero | bitIf(high < 0, FLAG.sf) | bitIf(isEvenParity(low), FLAG.pf);
  const lowA = block.getInt32(a, true);
  const highA = block.getInt32(a + 4, true);
  const highB = block.getInt32(b + 4, true);
  let carry = false;
  let overflow = 0;
  let adjust = 0;
  switch (kind) {
    case FLAGS_KIND.subtract:
      carry = isBelow(block, a, b);
      overflow = (highA ^ highB) & (highA ^ high);
      adjust = lowA ^ lowB ^ low;
      break;
    case FLAGS_KIND.add:
      carry = isBelow(block, result, a);
      overflow = (highA ^ high) & (highB ^ high);
      adjust = lowA ^ lowB ^ low;
      break;
    case FLAGS_KIND.increment:
    case FLAGS_KIND.decrement:
      carry = (lowB & 1) !== 0;
      overflow = kind === FLAGS_KIND.increment ? high & ~highA : highA & ~high;
      adjust = lowA ^ low;
      break;
    default:
      break;
  }
  return (
    followed | bitIf(carry, FLAG.cf) | bitIf(overflow < 0, FLAG.of) | bitIf((adjust & 0x10) !== 0, FLAG.af)
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
