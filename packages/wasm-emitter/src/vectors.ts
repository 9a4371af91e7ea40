import { EmitterError, TYPE, type ValueType } from "./types.ts";
import { NODE, Value } from "./value.ts";
import {
  SHAPE,
  type Shape,
  VECTOR_BINARY,
  VECTOR_BITSELECT,
  VECTOR_PREFIX,
  VECTOR_SHIFT,
  VECTOR_SHUFFLE,
  VECTOR_TEST,
  VECTOR_UNARY,
  type VectorBinaryName,
  type VectorShiftName,
  type VectorTestName,
  type VectorUnaryName,
  vectorLoadSplatOpcode,
} from "./vector-opcodes.ts";

/** Type of a lane as an operand or result. */
const LANE_TYPE: Readonly<Record<Shape, ValueType>> = {
  i8x16: TYPE.i32,
  i16x8: TYPE.i32,
  i32x4: TYPE.i32,
  i64x2: TYPE.i64,
  f32x4: TYPE.f32,
  f64x2: TYPE.f64,
};

const expectType = (value: Value, type: ValueType, what: string): void => {
  if (value.type !== type) throw new EmitterError(`${what}: operand of type ${value.type}`);
};

/** A vector constant: 128 bits, lane 0 lowest. Taken modulo 2^128. */
export const v128 = (bits: bigint): Value =>
  new Value(TYPE.v128, NODE.constant, 0, 0, BigInt.asUintN(128, bits), null, null, null);

/** A vector constant whose lanes of 64 bits are all `bits`. */
export const v128Pair = (bits: bigint): Value => {
  const low = BigInt.asUintN(64, bits);
  return v128((low << 64n) | low);
};

/** Two vectors to one, by name. */
export const vector2 = (name: VectorBinaryName, a: Value, b: Value): Value => {
  expectType(a, TYPE.v128, name);
  expectType(b, TYPE.v128, name);
  return new Value(TYPE.v128, NODE.binary, VECTOR_PREFIX | VECTOR_BINARY[name], 0, null, a, b, null);
};

/** One vector to one, by name. */
export const vector1 = (name: VectorUnaryName, a: Value): Value => {
  expectType(a, TYPE.v128, name);
  return new Value(TYPE.v128, NODE.unary, VECTOR_PREFIX | VECTOR_UNARY[name], 0, null, a, null, null);
};

/** A vector to an i32: whether any bit is set, whether all lanes are nonzero, or the sign bits of the lanes. */
export const vectorTest = (name: VectorTestName, a: Value): Value => {
  expectType(a, TYPE.v128, name);
  return new Value(TYPE.i32, NODE.unary, VECTOR_PREFIX | VECTOR_TEST[name], 0, null, a, null, null);
};

/** Shifts every lane by an i32 count, modulo the width of a lane. */
export const vectorShift = (name: VectorShiftName, a: Value, count: Value): Value => {
  expectType(a, TYPE.v128, name);
  expectType(count, TYPE.i32, name);
  return new Value(TYPE.v128, NODE.binary, VECTOR_PREFIX | VECTOR_SHIFT[name], 0, null, a, count, null);
};

/** Bit by bit `mask ? a : b`. */
export const bitselect = (a: Value, b: Value, mask: Value): Value => {
  for (const value of [a, b, mask]) expectType(value, TYPE.v128, "bitselect");
  return new Value(TYPE.v128, NODE.select, VECTOR_BITSELECT, 0, null, a, b, mask);
};

/** A vector with a scalar in every lane. Lanes of 8 and 16 bits take the low bits of an i32. */
export const splat = (shape: Shape, value: Value): Value => {
  expectType(value, LANE_TYPE[shape], "splat");
  const opcode = VECTOR_PREFIX | SHAPE[shape].splat;
  return new Value(TYPE.v128, NODE.unary, opcode, 0, null, value, null, null);
};

const expectLane = (shape: Shape, lane: number): void => {
  if (lane < 0 || lane >= SHAPE[shape].lanes) throw new EmitterError(`${shape}: no lane ${lane}`);
};

/** One lane of a vector; short ones extended to i32. */
export const extractLane = (shape: Shape, a: Value, lane: number, isSigned = false): Value => {
  expectType(a, TYPE.v128, "extractLane");
  expectLane(shape, lane);
  const { extract, extractSigned } = SHAPE[shape];
  const opcode = VECTOR_PREFIX | (isSigned ? extractSigned : extract);
  return new Value(LANE_TYPE[shape], NODE.lane, opcode, lane, null, a, null, null);
};

/** A vector with one lane changed. */
export const replaceLane = (shape: Shape, a: Value, lane: number, value: Value): Value => {
  expectType(a, TYPE.v128, "replaceLane");
  expectType(value, LANE_TYPE[shape], "replaceLane");
  expectLane(shape, lane);
  return new Value(TYPE.v128, NODE.lane, VECTOR_PREFIX | SHAPE[shape].replace, lane, null, a, value, null);
};

/** Bytes picked from two vectors: 16 numbers, 0-15 of the first, 16-31 of the second. */
export const shuffle = (a: Value, b: Value, bytes: readonly number[]): Value => {
  expectType(a, TYPE.v128, "shuffle");
  expectType(b, TYPE.v128, "shuffle");
  if (bytes.length !== 16 || bytes.some((byte) => byte < 0 || byte > 31)) {
    throw new EmitterError("shuffle: 16 numbers from 0 to 31");
  }
  const packed = bytes.reduceRight((rest, byte) => (rest << 8n) | BigInt(byte), 0n);
  return new Value(TYPE.v128, NODE.shuffle, VECTOR_SHUFFLE, 0, packed, a, b, null);
};

/** `bytes` (1, 2, 4, 8) of memory at `address` (i32) + `offset`, repeated over a whole vector. */
export const loadSplat = (bytes: number, address: Value, offset = 0): Value =>
  new Value(TYPE.v128, NODE.load, vectorLoadSplatOpcode(bytes), offset, null, address, null, null);
