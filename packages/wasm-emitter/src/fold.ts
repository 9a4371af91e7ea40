import { ARITHMETIC, type ComparisonName } from "./opcodes.ts";

/** Result of an i32 operation on constants by its opcode, or null where it would trap. */
export const foldNarrow = (opcode: number, a: number, b: number): number | null => {
  switch (opcode) {
    case ARITHMETIC.add:
      return (a + b) | 0;
    case ARITHMETIC.sub:
      return (a - b) | 0;
    case ARITHMETIC.mul:
      return Math.imul(a, b);
    case ARITHMETIC.and:
      return a & b;
    case ARITHMETIC.or:
      return a | b;
    case ARITHMETIC.xor:
      return a ^ b;
    case ARITHMETIC.shl:
      return a << b;
    case ARITHMETIC.shrS:
      return a >> b;
    case ARITHMETIC.shrU:
      return (a >>> b) | 0;
    case ARITHMETIC.rotl:
      return (a << b) | (b & 31 ? a >>> (32 - (b & 31)) : 0);
    case ARITHMETIC.rotr:
      return (b & 31 ? a >>> b : a) | (b & 31 ? a << (32 - (b & 31)) : 0);
    default:
      return null;
  }
};

const WORD = 2 ** 32;
const safe = (value: number): number | null => (Number.isSafeInteger(value) ? value : null);
const power = (exponent: number): number => (exponent < 31 ? 1 << exponent : 2 ** exponent);
const high = (value: number): number => Math.floor(value / WORD);

/** Bits of a number, as those of an i64, moved to the right by less than 64. */
const shiftedRight = (value: number, count: number): number | null => {
  if (value >= 0) return Math.floor(value / power(count));
  if (count >= 32) return (high(value) >>> 0) >>> (count - 32);
  return safe((high(value) >>> 0) * power(32 - count) + ((value | 0) >>> count));
};

/** What {@link foldWide} gives where operands and result are safe integers, or null. */
export const foldSafe = (opcode: number, a: number, b: number): number | null => {
  switch (opcode) {
    case ARITHMETIC.add:
      return safe(a + b);
    case ARITHMETIC.sub:
      return safe(a - b);
    case ARITHMETIC.mul:
      return safe(a * b);
    case ARITHMETIC.and:
      return safe((high(a) & high(b)) * WORD + ((a & b) >>> 0));
    case ARITHMETIC.or:
      return safe((high(a) | high(b)) * WORD + ((a | b) >>> 0));
    case ARITHMETIC.xor:
      return safe((high(a) ^ high(b)) * WORD + ((a ^ b) >>> 0));
    case ARITHMETIC.shl:
      return safe(a * power(b & 63));
    case ARITHMETIC.shrS:
      return Math.floor(a / power(b & 63));
    case ARITHMETIC.shrU:
      return shiftedRight(a, b & 63);
    default:
      return null;
  }
};

/** Result of an i64 operation on constants by the opcode of that on i32, or null where it is not worth it or would trap. */
export const foldWide = (opcode: number, a: bigint, b: bigint): bigint | null => {
  const signed = (value: bigint): bigint => BigInt.asIntN(64, value);
  const count = b & 63n;
  switch (opcode) {
    case ARITHMETIC.add:
      return signed(a + b);
    case ARITHMETIC.sub:
      return signed(a - b);
    case ARITHMETIC.mul:
      return signed(a * b);
    case ARITHMETIC.and:
      return a & b;
    case ARITHMETIC.or:
      return a | b;
    case ARITHMETIC.xor:
      return a ^ b;
    case ARITHMETIC.shl:
      return signed(a << count);
    case ARITHMETIC.shrS:
      return a >> count;
    case ARITHMETIC.shrU:
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
