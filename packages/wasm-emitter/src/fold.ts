import type { ArithmeticName, ComparisonName } from "./opcodes.ts";

/** Result of an i32 operation on constants, or null where it would trap. */
export const foldNarrow = (name: ArithmeticName, a: number, b: number): number | null => {
  switch (name) {
    case "add":
      return (a + b) | 0;
    case "sub":
      return (a - b) | 0;
    case "mul":
      return Math.imul(a, b);
    case "and":
      return a & b;
    case "or":
      return a | b;
    case "xor":
      return a ^ b;
    case "shl":
      return a << b;
    case "shrS":
      return a >> b;
    case "shrU":
      return (a >>> b) | 0;
    case "rotl":
      return (a << b) | (b & 31 ? a >>> (32 - (b & 31)) : 0);
    case "rotr":
      return (b & 31 ? a >>> b : a) | (b & 31 ? a << (32 - (b & 31)) : 0);
    default:
      return null;
  }
};

/** Result of an i64 operation on constants, or null where it is not worth it or would trap. */
export const foldWide = (name: ArithmeticName, a: bigint, b: bigint): bigint | null => {
  const signed = (value: bigint): bigint => BigInt.asIntN(64, value);
  const count = b & 63n;
  switch (name) {
    case "add":
      return signed(a + b);
    case "sub":
      return signed(a - b);
    case "mul":
      return signed(a * b);
    case "and":
      return a & b;
    case "or":
      return a | b;
    case "xor":
      return a ^ b;
    case "shl":
      return signed(a << count);
    case "shrS":
      return a >> count;
    case "shrU":
      return signed(BigInt.asUintN(64, a) >> count);
    default:
      return null;
  }
};

/** Result of a comparison of constants of one type, given signed. */
export const foldComparison = (name: ComparisonName, a: bigint, b: bigint, bits: 32 | 64): boolean => {
  const [x, y] = name.endsWith("U") ? [BigInt.asUintN(bits, a), BigInt.asUintN(bits, b)] : [a, b];
  switch (name) {
    case "eq":
      return x === y;
    case "ne":
      return x !== y;
    case "ltS":
    case "ltU":
      return x < y;
    case "gtS":
    case "gtU":
      return x > y;
    case "leS":
    case "leU":
      return x <= y;
    default:
      return x >= y;
  }
};
