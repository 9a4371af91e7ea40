import { TYPE, type ValueType } from "./types.ts";
import { vectorLoadOpcode, vectorStoreOpcode } from "./vector-opcodes.ts";

/** Control and variable instructions. [WASM 5.4] */
export const OP = {
  unreachable: 0x00,
  nop: 0x01,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  branch: 0x0c,
  branchIf: 0x0d,
  branchTable: 0x0e,
  return: 0x0f,
  call: 0x10,
  callIndirect: 0x11,
  drop: 0x1a,
  select: 0x1b,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  globalGet: 0x23,
  globalSet: 0x24,
  i32Const: 0x41,
  i64Const: 0x42,
  f32Const: 0x43,
  f64Const: 0x44,
  bulkPrefix: 0xfc,
} as const;

/** Instructions on many bytes of memory, behind `OP.bulkPrefix`. [WASM 5.4] */
export const BULK = { copy: 0x0a, fill: 0x0b } as const;

/** Void block type. */
export const VOID = 0x40;

/** Two operands of type i32 to a result of type i32; the i64 form is {@link I64_ARITHMETIC} higher. */
export const ARITHMETIC = {
  add: 0x6a,
  sub: 0x6b,
  mul: 0x6c,
  divS: 0x6d,
  divU: 0x6e,
  remS: 0x6f,
  remU: 0x70,
  and: 0x71,
  or: 0x72,
  xor: 0x73,
  shl: 0x74,
  shrS: 0x75,
  shrU: 0x76,
  rotl: 0x77,
  rotr: 0x78,
} as const;
/** Name of an integer instruction that makes one value of two. */
export type ArithmeticName = keyof typeof ARITHMETIC;
/** Distance from an i32 opcode of arithmetic to that of i64. */
export const I64_ARITHMETIC = 0x12;

/** Comparisons of type i32; the i64 form is {@link I64_COMPARISON} higher. */
export const COMPARISON = {
  eq: 0x46,
  ne: 0x47,
  ltS: 0x48,
  ltU: 0x49,
  gtS: 0x4a,
  gtU: 0x4b,
  leS: 0x4c,
  leU: 0x4d,
  geS: 0x4e,
  geU: 0x4f,
} as const;
/** Name of a comparison of integers. */
export type ComparisonName = keyof typeof COMPARISON;
/** Distance from an i32 opcode of comparison to that of i64. */
export const I64_COMPARISON = 0x0b;

/** One-operand instructions. */
export const UNARY = {
  i32Eqz: 0x45,
  i64Eqz: 0x50,
  i32Clz: 0x67,
  i32Ctz: 0x68,
  i32Popcnt: 0x69,
  i64Clz: 0x79,
  i64Ctz: 0x7a,
  i64Popcnt: 0x7b,
  i32WrapI64: 0xa7,
  i64ExtendI32S: 0xac,
  i64ExtendI32U: 0xad,
  f64ConvertI32S: 0xb7,
  f64ConvertI32U: 0xb8,
  f64ConvertI64S: 0xb9,
  i32Extend8S: 0xc0,
  i32Extend16S: 0xc1,
  i64Extend8S: 0xc2,
  i64Extend16S: 0xc3,
  i64Extend32S: 0xc4,
} as const;

/** Load instruction for `bytes` of memory into a type. */
export const loadOpcode = (type: ValueType, bytes: number, isSigned: boolean): number => {
  if (type === TYPE.i32) {
    if (bytes === 1) return isSigned ? 0x2c : 0x2d;
    if (bytes === 2) return isSigned ? 0x2e : 0x2f;
    return 0x28;
  }
  if (type === TYPE.f64) return 0x2b;
  if (type === TYPE.f32) return 0x2a;
  if (type === TYPE.v128) return vectorLoadOpcode(bytes);
  if (bytes === 1) return isSigned ? 0x30 : 0x31;
  if (bytes === 2) return isSigned ? 0x32 : 0x33;
  if (bytes === 4) return isSigned ? 0x34 : 0x35;
  return 0x29;
};

/** Store instruction for the low `bytes` of a value of a type. */
export const storeOpcode = (type: ValueType, bytes: number): number => {
  if (type === TYPE.i32) return bytes === 1 ? 0x3a : bytes === 2 ? 0x3b : 0x36;
  if (type === TYPE.f64) return 0x39;
  if (type === TYPE.f32) return 0x38;
  if (type === TYPE.v128) return vectorStoreOpcode(bytes);
  return bytes === 1 ? 0x3c : bytes === 2 ? 0x3d : bytes === 4 ? 0x3e : 0x37;
};
