import { FLAG } from "@xenolith/x86-architecture";

/** A result and the arithmetic flags, worked out bit by bit as the manual words them. */
export interface Outcome {
  readonly result: bigint;
  readonly flags: number;
}

const bit = (value: bigint, position: number): number => Number((value >> BigInt(position)) & 1n);

const flagIf = (condition: boolean | number, flag: number): number => (condition ? flag : 0);

/** SF ZF PF of a result. */
const resultFlags = (result: bigint, bits: number): number => {
  let ones = 0;
  for (let i = 0; i < 8; i++) ones += bit(result, i);
  return (
    flagIf(result === 0n, FLAG.zf) | flagIf(bit(result, bits - 1), FLAG.sf) | flagIf(ones % 2 === 0, FLAG.pf)
  );
};

/** a + b + carry, bit by bit. For a subtraction: a + ~b + (1 - borrow), with CF and AF inverted. */
const addBits = (a: bigint, b: bigint, carryIn: number, bits: number, isSubtraction: boolean): Outcome => {
  let carry = isSubtraction ? 1 - carryIn : carryIn;
  let result = 0n;
  let adjust = 0;
  let intoTop = 0;
  for (let i = 0; i < bits; i++) {
    if (i === bits - 1) intoTop = carry;
    const sum = bit(a, i) + (isSubtraction ? 1 - bit(b, i) : bit(b, i)) + carry;
    result |= BigInt(sum & 1) << BigInt(i);
    carry = sum >> 1;
    if (i === 3) adjust = carry;
  }
  const overflow = intoTop !== carry;
  const inverted = isSubtraction ? 1 : 0;
  return {
    result,
    flags:
      resultFlags(result, bits) |
      flagIf(carry ^ inverted, FLAG.cf) |
      flagIf(adjust ^ inverted, FLAG.af) |
      flagIf(overflow, FLAG.of),
  };
};

/** What a two-operand instruction gives. `flags`: those before it. */
export const evaluate = (mnemonic: string, a: bigint, b: bigint, bits: number, flags: number): Outcome => {
  const carry = flags & FLAG.cf ? 1 : 0;
  const logic = (result: bigint): Outcome => ({ result, flags: resultFlags(result, bits) });
  switch (mnemonic) {
    case "add":
      return addBits(a, b, 0, bits, false);
    case "adc":
      return addBits(a, b, carry, bits, false);
    case "sub":
      return addBits(a, b, 0, bits, true);
    case "sbb":
      return addBits(a, b, carry, bits, true);
    case "cmp":
      return { result: a, flags: addBits(a, b, 0, bits, true).flags };
    case "and":
      return logic(a & b);
    case "or":
      return logic(a | b);
    default:
      return logic(a ^ b);
  }
};

/** Whether a condition holds, by its encoding. [SDM1-B] */
export const holds = (condition: number, flags: number): boolean => {
  const is = (flag: number): boolean => (flags & flag) !== 0;
  const plain = [
    is(FLAG.of),
    is(FLAG.cf),
    is(FLAG.zf),
    is(FLAG.cf) || is(FLAG.zf),
    is(FLAG.sf),
    is(FLAG.pf),
    is(FLAG.sf) !== is(FLAG.of),
    is(FLAG.zf) || is(FLAG.sf) !== is(FLAG.of),
  ][condition >> 1];
  return (plain ?? false) !== ((condition & 1) === 1);
};
