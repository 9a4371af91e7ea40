import { foldComparison, foldNarrow, foldWide } from "./fold.ts";
import {
  ARITHMETIC,
  type ArithmeticName,
  COMPARISON,
  type ComparisonName,
  I64_ARITHMETIC,
  I64_COMPARISON,
  loadOpcode,
  OP,
  UNARY,
} from "./opcodes.ts";
import { EmitterError, TYPE, type ValueType } from "./types.ts";
import { NODE, Value } from "./value.ts";

/** A value, or a number that takes the type of the operand beside it. */
export type Operand = Value | number;

const smallConstants = new Map<number, Value>();
const locals: Value[][] = [];

/** A constant. i32: taken modulo 2^32. i64: a safe integer or a bigint modulo 2^64. f32, f64: a number. Vectors: see `v128`. */
export const constant = (type: ValueType, value: number | bigint): Value => {
  if (type === TYPE.i32) {
    const word = Number(value) | 0;
    if (word < -64 || word > 255) return new Value(type, NODE.constant, 0, word, null, null, null, null);
    let cached = smallConstants.get(word);
    if (cached === undefined) {
      cached = new Value(type, NODE.constant, 0, word, null, null, null, null);
      smallConstants.set(word, cached);
    }
    return cached;
  }
  if (typeof value === "number") return new Value(type, NODE.constant, 0, value, null, null, null, null);
  const signed = BigInt.asIntN(64, value);
  const number = Number(signed);
  return Number.isSafeInteger(number)
    ? new Value(type, NODE.constant, 0, number, null, null, null, null)
    : new Value(type, NODE.constant, 0, Number.NaN, signed, null, null, null);
};

/** An i32 constant. */
export const i32 = (value: number): Value => constant(TYPE.i32, value);

/** An i64 constant. */
export const i64 = (value: number | bigint): Value => constant(TYPE.i64, value);

/** What a local holds when the tree is emitted. */
export const local = (index: number, type: ValueType): Value => {
  let ofType = locals[type];
  if (ofType === undefined) {
    ofType = [];
    locals[type] = ofType;
  }
  let value = ofType[index];
  if (value === undefined) {
    value = new Value(type, NODE.local, index, Number.NaN, null, null, null, null);
    ofType[index] = value;
  }
  return value;
};

const wideOf = (value: Value): bigint => value.wide ?? BigInt(value.number);

const expectInteger = (value: Value, what: string): void => {
  if (value.type !== TYPE.i32 && value.type !== TYPE.i64)
    throw new EmitterError(`${what}: operand of type ${value.type}`);
};

/** Makes both operands values of one type: numbers adapt. */
const paired = (a: Operand, b: Operand, what: string): [Value, Value] => {
  if (typeof a === "number") {
    if (typeof b === "number") return [i32(a), i32(b)];
    return [constant(b.type, a), b];
  }
  const second = typeof b === "number" ? constant(a.type, b) : b;
  if (a.type !== second.type) throw new EmitterError(`${what}: operand types ${a.type} and ${second.type}`);
  return [a, second];
};

const isNumber = (value: Value, number: number): boolean => value.isConstant && value.number === number;

const RIGHT_NEUTRAL_ZERO: readonly ArithmeticName[] = [
  "add",
  "sub",
  "or",
  "xor",
  "shl",
  "shrS",
  "shrU",
  "rotl",
  "rotr",
];

/** Result that needs no operation: x + 0, x & -1, x & 0, x * 1 …; null when there is none. */
const simplified = (name: ArithmeticName, a: Value, b: Value): Value | null => {
  if (isNumber(b, 0) && RIGHT_NEUTRAL_ZERO.includes(name)) return a;
  if (isNumber(a, 0) && (name === "add" || name === "or" || name === "xor")) return b;
  if (name === "and") {
    if (isNumber(b, -1)) return a;
    if (isNumber(a, -1)) return b;
    if (isNumber(b, 0)) return b;
    if (isNumber(a, 0)) return a;
  }
  if (name === "mul" && isNumber(b, 1)) return a;
  return null;
};

/** Integer arithmetic on i32 or i64 by name. */
export const arithmetic = (name: ArithmeticName, left: Operand, right: Operand): Value => {
  const [a, b] = paired(left, right, name);
  expectInteger(a, name);
  if (a.isConstant && b.isConstant) {
    if (a.type === TYPE.i32) {
      const folded = foldNarrow(name, a.number, b.number);
      if (folded !== null) return i32(folded);
    } else {
      const folded = foldWide(name, wideOf(a), wideOf(b));
      if (folded !== null) return i64(folded);
    }
  }
  if (a.isConstant || b.isConstant) {
    const simple = simplified(name, a, b);
    if (simple !== null) return simple;
  }
  const opcode = ARITHMETIC[name] + (a.type === TYPE.i64 ? I64_ARITHMETIC : 0);
  return new Value(a.type, NODE.binary, opcode, Number.NaN, null, a, b, null);
};

/** Sum modulo the width. */
export const add = (a: Operand, b: Operand): Value => arithmetic("add", a, b);
/** Difference modulo the width. */
export const sub = (a: Operand, b: Operand): Value => arithmetic("sub", a, b);
/** Low half of the product. */
export const mul = (a: Operand, b: Operand): Value => arithmetic("mul", a, b);
/** Bits set in both. */
export const and = (a: Operand, b: Operand): Value => arithmetic("and", a, b);
/** Bits set in either. */
export const or = (a: Operand, b: Operand): Value => arithmetic("or", a, b);
/** Bits that differ. */
export const xor = (a: Operand, b: Operand): Value => arithmetic("xor", a, b);
/** Shift to the left. Shifts and rotations take their count modulo the width. */
export const shl = (a: Operand, count: Operand): Value => arithmetic("shl", a, count);
/** Shift to the right that keeps the sign; count as {@link shl}. */
export const shrS = (a: Operand, count: Operand): Value => arithmetic("shrS", a, count);
/** Shift to the right that brings in zeros; count as {@link shl}. */
export const shrU = (a: Operand, count: Operand): Value => arithmetic("shrU", a, count);
/** Rotation to the left; count as {@link shl}. */
export const rotl = (a: Operand, count: Operand): Value => arithmetic("rotl", a, count);
/** Rotation to the right; count as {@link shl}. */
export const rotr = (a: Operand, count: Operand): Value => arithmetic("rotr", a, count);

/** Comparison of i32 or i64; the result is i32 0 or 1. */
export const compare = (name: ComparisonName, left: Operand, right: Operand): Value => {
  const [a, b] = paired(left, right, name);
  expectInteger(a, name);
  if (a.isConstant && b.isConstant) {
    return i32(foldComparison(name, wideOf(a), wideOf(b), a.type === TYPE.i32 ? 32 : 64) ? 1 : 0);
  }
  if (name === "eq" && isNumber(b, 0)) return isZero(a);
  const opcode = COMPARISON[name] + (a.type === TYPE.i64 ? I64_COMPARISON : 0);
  return new Value(TYPE.i32, NODE.binary, opcode, Number.NaN, null, a, b, null);
};

/** i32 1 when both are equal, else 0. */
export const eq = (a: Operand, b: Operand): Value => compare("eq", a, b);
/** i32 1 when they differ, else 0. */
export const ne = (a: Operand, b: Operand): Value => compare("ne", a, b);
/** i32 1 when `a` is less, both signed. */
export const ltS = (a: Operand, b: Operand): Value => compare("ltS", a, b);
/** i32 1 when `a` is less, both unsigned. */
export const ltU = (a: Operand, b: Operand): Value => compare("ltU", a, b);
/** i32 1 when `a` is greater, both unsigned. */
export const gtU = (a: Operand, b: Operand): Value => compare("gtU", a, b);

/** One-operand instruction by opcode; see `UNARY`. */
export const unary = (opcode: number, a: Value, result: ValueType = a.type): Value =>
  new Value(result, NODE.unary, opcode, Number.NaN, null, a, null, null);

/** i32 1 when the value is zero, else 0. */
export const isZero = (a: Value): Value => {
  if (a.isConstant) return i32(wideOf(a) === 0n ? 1 : 0);
  return unary(a.type === TYPE.i64 ? UNARY.i64Eqz : UNARY.i32Eqz, a, TYPE.i32);
};

/** `condition ? a : b`, of any type; both are computed. */
export const select = (a: Operand, b: Operand, condition: Value): Value => {
  const [x, y] = paired(a, b, "select");
  if (condition.isConstant) return condition.number !== 0 ? x : y;
  return new Value(x.type, NODE.select, OP.select, Number.NaN, null, x, y, condition);
};

/** A value that a local is set to where it is emitted: what is emitted behind it can name the local. */
export const tee = (target: Value, value: Value): Value => {
  if (value.type !== target.type) throw new EmitterError(`tee: local ${target.type}, value ${value.type}`);
  return new Value(value.type, NODE.tee, target.operation, Number.NaN, null, value, null, null);
};

/**
 * The place `distance` bytes (0 to 2^31 - 1) behind an address (i32), where the sum is known not to wrap: {@link load} and
 * `FunctionBody.store` take the distance along as part of their offset.
 */
export const displaced = (address: Value, distance: number): Value => {
  const known = displacement(address);
  const base = known === 0 ? address : (address.first ?? address);
  const sum = known + distance;
  if (sum === 0) return base;
  return new Value(TYPE.i32, NODE.binary, ARITHMETIC.add, sum, null, base, i32(sum), null);
};

/** How far behind its first operand a {@link displaced} address is; 0: it is none. */
export const displacement = (address: Value): number =>
  address.node === NODE.binary && !Number.isNaN(address.number) ? address.number : 0;

/** Memory at `address` (i32) + `offset`: `bytes` wide, extended to `type`. Vectors: 4, 8 (zeros above) or 16 bytes. */
export const load = (
  type: ValueType,
  bytes: number,
  isSigned: boolean,
  address: Value,
  offset = 0,
): Value => {
  const distance = displacement(address);
  const base = distance === 0 ? address : address.first;
  return new Value(
    type,
    NODE.load,
    loadOpcode(type, bytes, isSigned),
    offset + distance,
    null,
    base,
    null,
    null,
  );
};

/** Low word of an i64; an i32 stays as it is. */
export const wrap = (a: Value): Value => {
  if (a.type === TYPE.i32) return a;
  if (a.isConstant) return i32(Number(BigInt.asIntN(32, wideOf(a))));
  return unary(UNARY.i32WrapI64, a, TYPE.i32);
};

/** The i64 whose low word a value is, or null when it is something else. */
export const wrapped = (a: Value): Value | null =>
  a.node === NODE.unary && a.operation === UNARY.i32WrapI64 ? a.first : null;

/** An i32 as i64, sign- or zero-extended; an i64 stays as it is. */
export const widen = (a: Value, isSigned: boolean): Value => {
  if (a.type === TYPE.i64) return a;
  if (a.isConstant) return i64(isSigned ? a.number : a.number >>> 0);
  return unary(isSigned ? UNARY.i64ExtendI32S : UNARY.i64ExtendI32U, a, TYPE.i64);
};

/** Brings an integer to another integer type. */
export const convert = (a: Value, type: ValueType, isSigned = false): Value =>
  type === TYPE.i32 ? wrap(a) : widen(a, isSigned);

/** Sign-extends the low `bytes` to the value's whole type. */
export const signExtend = (bytes: number, a: Value): Value => {
  const width = a.type === TYPE.i64 ? 8 : 4;
  if (bytes >= width) return a;
  if (a.isConstant) return constant(a.type, BigInt.asIntN(8 * bytes, wideOf(a)));
  if (width === 4) return unary(bytes === 1 ? UNARY.i32Extend8S : UNARY.i32Extend16S, a);
  return unary(bytes === 1 ? UNARY.i64Extend8S : bytes === 2 ? UNARY.i64Extend16S : UNARY.i64Extend32S, a);
};

/** Clears everything above the low `bytes`. */
export const zeroExtend = (bytes: number, a: Value): Value => {
  if (bytes >= (a.type === TYPE.i64 ? 8 : 4)) return a;
  return and(a, bytes === 1 ? 0xff : bytes === 2 ? 0xffff : 0xffff_ffff);
};

const perWidth =
  (narrow: number, wide: number) =>
  (a: Value): Value =>
    unary(a.type === TYPE.i64 ? wide : narrow, a);

/** Leading zeros; the width for 0. */
export const clz: (a: Value) => Value = perWidth(UNARY.i32Clz, UNARY.i64Clz);
/** Trailing zeros; the width for 0. */
export const ctz: (a: Value) => Value = perWidth(UNARY.i32Ctz, UNARY.i64Ctz);
/** Bits that are set. */
export const popcnt: (a: Value) => Value = perWidth(UNARY.i32Popcnt, UNARY.i64Popcnt);

/** An integer as a double. i64 is taken as signed. */
export const toF64 = (a: Value, isSigned: boolean): Value => {
  if (a.type === TYPE.i64) return unary(UNARY.f64ConvertI64S, a, TYPE.f64);
  return unary(isSigned ? UNARY.f64ConvertI32S : UNARY.f64ConvertI32U, a, TYPE.f64);
};
