import { EmitterError, TYPE, type ValueType } from "./types.ts";
import { NODE, Value } from "./value.ts";

/** Opcodes of f64; those of f32 are {@link F32_OPERATION} lower. */
const BINARY = { add: 0xa0, sub: 0xa1, mul: 0xa2, div: 0xa3, min: 0xa4, max: 0xa5, copysign: 0xa6 } as const;
const UNARY = {
  abs: 0x99,
  neg: 0x9a,
  ceil: 0x9b,
  floor: 0x9c,
  trunc: 0x9d,
  nearest: 0x9e,
  sqrt: 0x9f,
} as const;
const F32_OPERATION = 0x0e;

/** Opcodes of f64; those of f32 are {@link F32_COMPARISON} lower. */
const COMPARISON = { eq: 0x61, ne: 0x62, lt: 0x63, gt: 0x64, le: 0x65, ge: 0x66 } as const;
const F32_COMPARISON = 6;

/** Conversions: the type of the result stands first in the name, that of the operand second. */
const CONVERSION = {
  "i32.truncSatF32S": 0xfc_0000,
  "i32.truncSatF32U": 0xfc_0001,
  "i32.truncSatF64S": 0xfc_0002,
  "i32.truncSatF64U": 0xfc_0003,
  "i64.truncSatF32S": 0xfc_0004,
  "i64.truncSatF32U": 0xfc_0005,
  "i64.truncSatF64S": 0xfc_0006,
  "i64.truncSatF64U": 0xfc_0007,
  "f32.convertI32S": 0xb2,
  "f32.convertI32U": 0xb3,
  "f32.convertI64S": 0xb4,
  "f32.convertI64U": 0xb5,
  "f32.demoteF64": 0xb6,
  "f64.convertI32S": 0xb7,
  "f64.convertI32U": 0xb8,
  "f64.convertI64S": 0xb9,
  "f64.convertI64U": 0xba,
  "f64.promoteF32": 0xbb,
  "i32.reinterpretF32": 0xbc,
  "i64.reinterpretF64": 0xbd,
  "f32.reinterpretI32": 0xbe,
  "f64.reinterpretI64": 0xbf,
} as const;

/** Name of a conversion between integers and floating point. */
export type ConversionName = keyof typeof CONVERSION;
/** Name of an instruction on two floats. */
export type FloatBinaryName = keyof typeof BINARY;
/** Name of an instruction on one float. */
export type FloatUnaryName = keyof typeof UNARY;
/** Name of a comparison of floats. */
export type FloatComparisonName = keyof typeof COMPARISON;

const expectFloat = (value: Value, what: string): void => {
  if (value.type !== TYPE.f32 && value.type !== TYPE.f64)
    throw new EmitterError(`${what}: operand of type ${value.type}`);
};

const expectPair = (a: Value, b: Value, what: string): void => {
  expectFloat(a, what);
  if (a.type !== b.type) throw new EmitterError(`${what}: operand types ${a.type} and ${b.type}`);
};

const ofType = (opcode: number, a: Value, difference: number): number =>
  a.type === TYPE.f32 ? opcode - difference : opcode;

/** Arithmetic on two f32 or two f64. */
export const float = (name: FloatBinaryName, a: Value, b: Value): Value => {
  expectPair(a, b, name);
  const opcode = ofType(BINARY[name], a, F32_OPERATION);
  return new Value(a.type, NODE.binary, opcode, 0, null, a, b, null);
};

/** One-operand instruction on f32 or f64. */
export const float1 = (name: FloatUnaryName, a: Value): Value => {
  expectFloat(a, name);
  const opcode = ofType(UNARY[name], a, F32_OPERATION);
  return new Value(a.type, NODE.unary, opcode, 0, null, a, null, null);
};

/** Comparison of two f32 or two f64; false (`ne`: true) when one is not a number. */
export const floatCompare = (name: FloatComparisonName, a: Value, b: Value): Value => {
  expectPair(a, b, name);
  const opcode = ofType(COMPARISON[name], a, F32_COMPARISON);
  return new Value(TYPE.i32, NODE.binary, opcode, 0, null, a, b, null);
};

const typeNamed = (name: string | undefined): ValueType => {
  const known = name?.toLowerCase();
  if (known === "i32") return TYPE.i32;
  if (known === "i64") return TYPE.i64;
  return known === "f32" ? TYPE.f32 : TYPE.f64;
};

/** Conversion by name. `truncSat` saturates and takes what is not a number for 0. */
export const conversion = (name: ConversionName, a: Value): Value => {
  const [, result, operand] = /^(...)\..*?([IF][36][24])/.exec(name) ?? [];
  if (a.type !== typeNamed(operand)) throw new EmitterError(`${name}: operand of type ${a.type}`);
  return new Value(typeNamed(result), NODE.unary, CONVERSION[name], 0, null, a, null, null);
};
