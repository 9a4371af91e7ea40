import { foldComparison, foldNarrow, foldSafe, foldWide } from "./fold.ts";
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

const CONSTANT = NODE.constant;
const BINARY = NODE.binary;
const { i32: I32, i64: I64 } = TYPE;

/** Constants that are made once: from the first on, up to behind the last. */
const FIRST_SHARED = -64;
const BEHIND_SHARED = 256;

const shared = (type: ValueType): readonly Value[] =>
  Array.from(
    { length: BEHIND_SHARED - FIRST_SHARED },
    (_, index) => new Value(type, CONSTANT, 0, index + FIRST_SHARED, null, null, null, null),
  );
const sharedNarrow = shared(I32);
const sharedWide = shared(I64);

/** The constant among those that are made once; null: it is none of them. Never looks beyond them, which would cost compiled code. */
const sharedAt = (constants: readonly Value[], word: number): Value | null =>
  word >= FIRST_SHARED && word < BEHIND_SHARED ? (constants[word - FIRST_SHARED] ?? null) : null;

const locals: Value[][] = [];

/** An i32 constant. */
export const i32 = (value: number): Value => {
  const word = value | 0;
  return sharedAt(sharedNarrow, word) ?? new Value(I32, CONSTANT, 0, word, null, null, null, null);
};

/** An i64 constant. */
export const i64 = (value: number | bigint): Value => {
  if (typeof value === "bigint") {
    const signed = BigInt.asIntN(64, value);
    const number = Number(signed);
    return Number.isSafeInteger(number)
      ? i64(number)
      : new Value(I64, CONSTANT, 0, 0, signed, null, null, null);
  }
  const word = value | 0;
  if (word !== value) return new Value(I64, CONSTANT, 0, 0, value, null, null, null);
  return sharedAt(sharedWide, word) ?? new Value(I64, CONSTANT, 0, word, null, null, null, null);
};

/** A constant. i32: taken modulo 2^32. i64: a safe integer or a bigint modulo 2^64. f32, f64: a number. Vectors: see `v128`. */
export const constant = (type: ValueType, value: number | bigint): Value => {
  if (type === I32) return i32(typeof value === "number" ? value : Number(BigInt.asIntN(32, value)));
  return type === I64 ? i64(value) : new Value(type, CONSTANT, 0, 0, value, null, null, null);
};

/** What a local holds when the tree is emitted. */
export const local = (index: number, type: ValueType): Value => {
  let ofType = locals[type];
  if (ofType === undefined) {
    ofType = [];
    locals[type] = ofType;
  }
  let value = ofType[index];
  if (value === undefined) {
    value = new Value(type, NODE.local, index, 0, null, null, null, null);
    ofType[index] = value;
  }
  return value;
};

/** The value of an integer constant: a number if that is safe. */
const integerOf = ({ wide, number }: Value): number | bigint => wide ?? number;

const wideOf = (value: Value): bigint => BigInt(integerOf(value));

/** Whether a value is an integer constant that is small enough to be held as a number. */
const isNumber = (value: Value, number: number): boolean =>
  value.node === CONSTANT && value.number === number && value.wide === null;

/** The left one of two operands as a value: a number takes the type of the other. */
const leftOf = (left: Operand, right: Operand): Value => {
  if (typeof left !== "number") return left;
  return typeof right === "number" ? i32(left) : constant(right.type, left);
};

/** The right one, given the left one. */
const rightOf = (left: Value, right: Operand): Value =>
  typeof right === "number" ? constant(left.type, right) : right;

const mistyped = (a: Value, b: Value): EmitterError =>
  new EmitterError(
    a.type === b.type ? `operands of type ${a.type}` : `operands of types ${a.type} and ${b.type}`,
  );

const { add: ADD, sub: SUB, mul: MUL, and: AND, or: OR, xor: XOR } = ARITHMETIC;
const { shl: SHL, shrS: SHR_S, shrU: SHR_U, rotl: ROTL, rotr: ROTR } = ARITHMETIC;

/** Result that needs no operation where the right operand is a constant: x + 0, x & -1, x & 0, x * 1 …; null: there is none. */
const simplifiedRight = (opcode: number, a: Value, b: Value): Value | null => {
  if (b.wide !== null) return null;
  const { number } = b;
  if (opcode === AND) return number === -1 ? a : number === 0 ? b : null;
  if (number === 0) return opcode === ADD || opcode === SUB || opcode >= OR ? a : null;
  return number === 1 && opcode === MUL ? a : null;
};

/** The same where the left one is. */
const simplifiedLeft = (opcode: number, a: Value, b: Value): Value | null => {
  if (a.wide !== null) return null;
  const { number } = a;
  if (opcode === AND) return number === -1 ? b : number === 0 ? a : null;
  return number === 0 && (opcode === ADD || opcode === OR || opcode === XOR) ? b : null;
};

/** Result of an operation on two constants, or null where there is none now. */
const folded = (opcode: number, a: Value, b: Value): Value | null => {
  if (a.type === I32) {
    const word = foldNarrow(opcode, a.number, b.number);
    return word === null ? null : i32(word);
  }
  const left = integerOf(a);
  const right = integerOf(b);
  const number = typeof left === "number" && typeof right === "number" ? foldSafe(opcode, left, right) : null;
  if (number !== null) return i64(number);
  const wide = foldWide(opcode, wideOf(a), wideOf(b));
  return wide === null ? null : i64(wide);
};

/** Integer arithmetic on i32 or i64 by the opcode of that on i32. */
const operate = (opcode: number, left: Operand, right: Operand): Value => {
  const a = typeof left === "number" ? leftOf(left, right) : left;
  const b = typeof right === "number" ? constant(a.type, right) : right;
  const { type } = a;
  if (type !== b.type || (type !== I32 && type !== I64)) throw mistyped(a, b);
  let simple: Value | null = null;
  if (b.node === CONSTANT) {
    if (a.node === CONSTANT) simple = folded(opcode, a, b);
    simple ??= simplifiedRight(opcode, a, b);
  }
  if (simple === null && a.node === CONSTANT) simple = simplifiedLeft(opcode, a, b);
  return (
    simple ?? new Value(type, BINARY, type === I64 ? opcode + I64_ARITHMETIC : opcode, 0, null, a, b, null)
  );
};

/** Integer arithmetic on i32 or i64 by name. */
export const arithmetic = (name: ArithmeticName, left: Operand, right: Operand): Value =>
  operate(ARITHMETIC[name], left, right);

/** Sum modulo the width. */
export const add = (a: Operand, b: Operand): Value => operate(ADD, a, b);
/** Difference modulo the width. */
export const sub = (a: Operand, b: Operand): Value => operate(SUB, a, b);
/** Low half of the product. */
export const mul = (a: Operand, b: Operand): Value => operate(MUL, a, b);
/** Bits set in both. */
export const and = (a: Operand, b: Operand): Value => operate(AND, a, b);
/** Bits set in either. */
export const or = (a: Operand, b: Operand): Value => operate(OR, a, b);
/** Bits that differ. */
export const xor = (a: Operand, b: Operand): Value => operate(XOR, a, b);
/** Shift to the left. Shifts and rotations take their count modulo the width. */
export const shl = (a: Operand, count: Operand): Value => operate(SHL, a, count);
/** Shift to the right that keeps the sign; count as {@link shl}. */
export const shrS = (a: Operand, count: Operand): Value => operate(SHR_S, a, count);
/** Shift to the right that brings in zeros; count as {@link shl}. */
export const shrU = (a: Operand, count: Operand): Value => operate(SHR_U, a, count);
/** Rotation to the left; count as {@link shl}. */
export const rotl = (a: Operand, count: Operand): Value => operate(ROTL, a, count);
/** Rotation to the right; count as {@link shl}. */
export const rotr = (a: Operand, count: Operand): Value => operate(ROTR, a, count);

/** Comparison of i32 or i64; the result is i32 0 or 1. */
export const compare = (name: ComparisonName, left: Operand, right: Operand): Value => {
  const a = leftOf(left, right);
  const b = rightOf(a, right);
  const { type } = a;
  if (type !== b.type || (type !== I32 && type !== I64)) throw mistyped(a, b);
  if (b.node === CONSTANT) {
    if (a.node === CONSTANT)
      return i32(foldComparison(name, wideOf(a), wideOf(b), type === I32 ? 32 : 64) ? 1 : 0);
    if (name === "eq" && isNumber(b, 0)) return isZero(a);
  }
  const opcode = COMPARISON[name] + (type === I64 ? I64_COMPARISON : 0);
  return new Value(I32, BINARY, opcode, 0, null, a, b, null);
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
  new Value(result, NODE.unary, opcode, 0, null, a, null, null);

/** i32 1 when the value is zero, else 0. */
export const isZero = (a: Value): Value => {
  if (a.node === CONSTANT) return i32(isNumber(a, 0) ? 1 : 0);
  return unary(a.type === TYPE.i64 ? UNARY.i64Eqz : UNARY.i32Eqz, a, TYPE.i32);
};

/** `condition ? a : b`, of any type; both are computed. */
export const select = (a: Operand, b: Operand, condition: Value): Value => {
  const x = leftOf(a, b);
  const y = rightOf(x, b);
  if (x.type !== y.type) throw mistyped(x, y);
  if (condition.node === CONSTANT) return condition.number !== 0 ? x : y;
  return new Value(x.type, NODE.select, OP.select, 0, null, x, y, condition);
};

/** A value that a local is set to where it is emitted: what is emitted behind it can name the local. */
export const tee = (target: Value, value: Value): Value => {
  if (value.type !== target.type) throw new EmitterError(`tee: local ${target.type}, value ${value.type}`);
  return new Value(value.type, NODE.tee, target.operation, 0, null, value, null, null);
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
  return new Value(I32, BINARY, ADD, sum, null, base, i32(sum), null);
};

/** How far behind its first operand a {@link displaced} address is; 0: it is none. */
export const displacement = (address: Value): number => (address.node === BINARY ? address.number : 0);

/** Memory at `address` (i32) + `offset`: `bytes` wide, extended to `type`. Vectors: 4, 8 (zeros above) or 16 bytes. */
export const load = (
  type: ValueType,
  bytes: number,
  isSigned: boolean,
  address: Value,
  offset = 0,
): Value => {
  const distance = address.node === BINARY ? address.number : 0;
  const base = distance === 0 ? address : address.first;
  return new Value(
    type,
    NODE.load,
    loadOpcode(type, bytes, isSigned),
    (offset + distance) | 0,
    null,
    base,
    null,
    null,
  );
};

/** Low word of an i64; an i32 stays as it is. */
export const wrap = (a: Value): Value => {
  if (a.type === I32) return a;
  if (a.node === CONSTANT) return i32(a.wide === null ? a.number : Number(BigInt.asIntN(32, wideOf(a))));
  return unary(UNARY.i32WrapI64, a, TYPE.i32);
};

/** The i64 whose low word a value is, or null when it is something else. */
export const wrapped = (a: Value): Value | null =>
  a.node === NODE.unary && a.operation === UNARY.i32WrapI64 ? a.first : null;

/** An i32 as i64, sign- or zero-extended; an i64 stays as it is. */
export const widen = (a: Value, isSigned: boolean): Value => {
  if (a.type === I64) return a;
  if (a.node === CONSTANT) return i64(isSigned ? a.number : a.number >>> 0);
  return unary(isSigned ? UNARY.i64ExtendI32S : UNARY.i64ExtendI32U, a, TYPE.i64);
};

/** Brings an integer to another integer type. */
export const convert = (a: Value, type: ValueType, isSigned = false): Value =>
  a.type === type ? a : type === I32 ? wrap(a) : widen(a, isSigned);

/** Sign-extends the low `bytes` to the value's whole type. */
export const signExtend = (bytes: number, a: Value): Value => {
  const width = a.type === TYPE.i64 ? 8 : 4;
  if (bytes >= width) return a;
  if (a.node === CONSTANT) return constant(a.type, BigInt.asIntN(8 * bytes, wideOf(a)));
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
