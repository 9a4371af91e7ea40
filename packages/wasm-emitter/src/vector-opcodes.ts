/** Prefix of the vector instructions, in bits 23:16 of an opcode. [WASM 5.4.9] */
export const VECTOR_PREFIX = 0xfd_0000;

/** Two vectors to one, lane by lane unless the name says otherwise. */
export const VECTOR_BINARY = {
  "i8x16.swizzle": 0x0e,
  "i8x16.eq": 0x23,
  "i8x16.ne": 0x24,
  "i8x16.ltS": 0x25,
  "i8x16.ltU": 0x26,
  "i8x16.gtS": 0x27,
  "i8x16.gtU": 0x28,
  "i8x16.leS": 0x29,
  "i8x16.leU": 0x2a,
  "i8x16.geS": 0x2b,
  "i8x16.geU": 0x2c,
  "i16x8.eq": 0x2d,
  "i16x8.ne": 0x2e,
  "i16x8.ltS": 0x2f,
  "i16x8.ltU": 0x30,
  "i16x8.gtS": 0x31,
  "i16x8.gtU": 0x32,
  "i16x8.leS": 0x33,
  "i16x8.leU": 0x34,
  "i16x8.geS": 0x35,
  "i16x8.geU": 0x36,
  "i32x4.eq": 0x37,
  "i32x4.ne": 0x38,
  "i32x4.ltS": 0x39,
  "i32x4.ltU": 0x3a,
  "i32x4.gtS": 0x3b,
  "i32x4.gtU": 0x3c,
  "i32x4.leS": 0x3d,
  "i32x4.leU": 0x3e,
  "i32x4.geS": 0x3f,
  "i32x4.geU": 0x40,
  "i64x2.eq": 0xd6,
  "i64x2.ne": 0xd7,
  "i64x2.ltS": 0xd8,
  "i64x2.gtS": 0xd9,
  "i64x2.leS": 0xda,
  "i64x2.geS": 0xdb,
  "f32x4.eq": 0x41,
  "f32x4.ne": 0x42,
  "f32x4.lt": 0x43,
  "f32x4.gt": 0x44,
  "f32x4.le": 0x45,
  "f32x4.ge": 0x46,
  "f64x2.eq": 0x47,
  "f64x2.ne": 0x48,
  "f64x2.lt": 0x49,
  "f64x2.gt": 0x4a,
  "f64x2.le": 0x4b,
  "f64x2.ge": 0x4c,
  "v128.and": 0x4e,
  "v128.andnot": 0x4f,
  "v128.or": 0x50,
  "v128.xor": 0x51,
  "i8x16.narrowS": 0x65,
  "i8x16.narrowU": 0x66,
  "i8x16.add": 0x6e,
  "i8x16.addSatS": 0x6f,
  "i8x16.addSatU": 0x70,
  "i8x16.sub": 0x71,
  "i8x16.subSatS": 0x72,
  "i8x16.subSatU": 0x73,
  "i8x16.minS": 0x76,
  "i8x16.minU": 0x77,
  "i8x16.maxS": 0x78,
  "i8x16.maxU": 0x79,
  "i8x16.avgrU": 0x7b,
  "i16x8.q15mulrSatS": 0x82,
  "i16x8.narrowS": 0x85,
  "i16x8.narrowU": 0x86,
  "i16x8.add": 0x8e,
  "i16x8.addSatS": 0x8f,
  "i16x8.addSatU": 0x90,
  "i16x8.sub": 0x91,
  "i16x8.subSatS": 0x92,
  "i16x8.subSatU": 0x93,
  "i16x8.mul": 0x95,
  "i16x8.minS": 0x96,
  "i16x8.minU": 0x97,
  "i16x8.maxS": 0x98,
  "i16x8.maxU": 0x99,
  "i16x8.avgrU": 0x9b,
  "i16x8.extmulLowS": 0x9c,
  "i16x8.extmulHighS": 0x9d,
  "i16x8.extmulLowU": 0x9e,
  "i16x8.extmulHighU": 0x9f,
  "i32x4.add": 0xae,
  "i32x4.sub": 0xb1,
  "i32x4.mul": 0xb5,
  "i32x4.minS": 0xb6,
  "i32x4.minU": 0xb7,
  "i32x4.maxS": 0xb8,
  "i32x4.maxU": 0xb9,
  "i32x4.dotS": 0xba,
  "i32x4.extmulLowS": 0xbc,
  "i32x4.extmulHighS": 0xbd,
  "i32x4.extmulLowU": 0xbe,
  "i32x4.extmulHighU": 0xbf,
  "i64x2.add": 0xce,
  "i64x2.sub": 0xd1,
  "i64x2.mul": 0xd5,
  "i64x2.extmulLowS": 0xdc,
  "i64x2.extmulHighS": 0xdd,
  "i64x2.extmulLowU": 0xde,
  "i64x2.extmulHighU": 0xdf,
  "f32x4.add": 0xe4,
  "f32x4.sub": 0xe5,
  "f32x4.mul": 0xe6,
  "f32x4.div": 0xe7,
  "f32x4.min": 0xe8,
  "f32x4.max": 0xe9,
  "f32x4.pmin": 0xea,
  "f32x4.pmax": 0xeb,
  "f64x2.add": 0xf0,
  "f64x2.sub": 0xf1,
  "f64x2.mul": 0xf2,
  "f64x2.div": 0xf3,
  "f64x2.min": 0xf4,
  "f64x2.max": 0xf5,
  "f64x2.pmin": 0xf6,
  "f64x2.pmax": 0xf7,
} as const;

/** Name of an instruction that makes one vector of two. `narrow`: by the shape of the result. */
export type VectorBinaryName = keyof typeof VECTOR_BINARY;

/** One vector to one. */
export const VECTOR_UNARY = {
  "v128.not": 0x4d,
  "f32x4.demoteZero": 0x5e,
  "f64x2.promoteLow": 0x5f,
  "i8x16.abs": 0x60,
  "i8x16.neg": 0x61,
  "i8x16.popcnt": 0x62,
  "i16x8.extaddPairwiseS": 0x7c,
  "i16x8.extaddPairwiseU": 0x7d,
  "i32x4.extaddPairwiseS": 0x7e,
  "i32x4.extaddPairwiseU": 0x7f,
  "i16x8.abs": 0x80,
  "i16x8.neg": 0x81,
  "i16x8.extendLowS": 0x87,
  "i16x8.extendHighS": 0x88,
  "i16x8.extendLowU": 0x89,
  "i16x8.extendHighU": 0x8a,
  "i32x4.abs": 0xa0,
  "i32x4.neg": 0xa1,
  "i32x4.extendLowS": 0xa7,
  "i32x4.extendHighS": 0xa8,
  "i32x4.extendLowU": 0xa9,
  "i32x4.extendHighU": 0xaa,
  "i64x2.abs": 0xc0,
  "i64x2.neg": 0xc1,
  "i64x2.extendLowS": 0xc7,
  "i64x2.extendHighS": 0xc8,
  "i64x2.extendLowU": 0xc9,
  "i64x2.extendHighU": 0xca,
  "f32x4.ceil": 0x67,
  "f32x4.floor": 0x68,
  "f32x4.trunc": 0x69,
  "f32x4.nearest": 0x6a,
  "f64x2.ceil": 0x74,
  "f64x2.floor": 0x75,
  "f64x2.trunc": 0x7a,
  "f64x2.nearest": 0x94,
  "f32x4.abs": 0xe0,
  "f32x4.neg": 0xe1,
  "f32x4.sqrt": 0xe3,
  "f64x2.abs": 0xec,
  "f64x2.neg": 0xed,
  "f64x2.sqrt": 0xef,
  "i32x4.truncSatF32S": 0xf8,
  "i32x4.truncSatF32U": 0xf9,
  "f32x4.convertI32S": 0xfa,
  "f32x4.convertI32U": 0xfb,
  "i32x4.truncSatF64SZero": 0xfc,
  "i32x4.truncSatF64UZero": 0xfd,
  "f64x2.convertLowI32S": 0xfe,
  "f64x2.convertLowI32U": 0xff,
} as const;

/** Name of an instruction that makes one vector of one. `extend`: by the shape of the result. */
export type VectorUnaryName = keyof typeof VECTOR_UNARY;

/** One vector to an i32. */
export const VECTOR_TEST = {
  "v128.anyTrue": 0x53,
  "i8x16.allTrue": 0x63,
  "i8x16.bitmask": 0x64,
  "i16x8.allTrue": 0x83,
  "i16x8.bitmask": 0x84,
  "i32x4.allTrue": 0xa3,
  "i32x4.bitmask": 0xa4,
  "i64x2.allTrue": 0xc3,
  "i64x2.bitmask": 0xc4,
} as const;
/** Name of an instruction that makes an i32 of a vector. */
export type VectorTestName = keyof typeof VECTOR_TEST;

/** A vector, and an i32 count that is taken modulo the width of a lane. */
export const VECTOR_SHIFT = {
  "i8x16.shl": 0x6b,
  "i8x16.shrS": 0x6c,
  "i8x16.shrU": 0x6d,
  "i16x8.shl": 0x8b,
  "i16x8.shrS": 0x8c,
  "i16x8.shrU": 0x8d,
  "i32x4.shl": 0xab,
  "i32x4.shrS": 0xac,
  "i32x4.shrU": 0xad,
  "i64x2.shl": 0xcb,
  "i64x2.shrS": 0xcc,
  "i64x2.shrU": 0xcd,
} as const;
/** Name of a shift of every lane. */
export type VectorShiftName = keyof typeof VECTOR_SHIFT;

/** Shapes of a vector: opcodes of splat, of reading a lane (zero-extended and signed) and of replacing one. */
export const SHAPE = {
  i8x16: { splat: 0x0f, extract: 0x16, extractSigned: 0x15, replace: 0x17, lanes: 16 },
  i16x8: { splat: 0x10, extract: 0x19, extractSigned: 0x18, replace: 0x1a, lanes: 8 },
  i32x4: { splat: 0x11, extract: 0x1b, extractSigned: 0x1b, replace: 0x1c, lanes: 4 },
  i64x2: { splat: 0x12, extract: 0x1d, extractSigned: 0x1d, replace: 0x1e, lanes: 2 },
  f32x4: { splat: 0x13, extract: 0x1f, extractSigned: 0x1f, replace: 0x20, lanes: 4 },
  f64x2: { splat: 0x14, extract: 0x21, extractSigned: 0x21, replace: 0x22, lanes: 2 },
} as const;
/** How a vector is divided into lanes. */
export type Shape = keyof typeof SHAPE;

/** v128.const, without the prefix. */
export const VECTOR_CONSTANT = 0x0c;
/** i8x16.shuffle: bytes of two vectors by constant numbers. */
export const VECTOR_SHUFFLE: number = VECTOR_PREFIX | 0x0d;
/** v128.bitselect: bits of two vectors by a mask. */
export const VECTOR_BITSELECT: number = VECTOR_PREFIX | 0x52;

/** Load of the low `bytes` of a vector, the rest zero. */
export const vectorLoadOpcode = (bytes: number): number =>
  VECTOR_PREFIX | (bytes === 4 ? 0x5c : bytes === 8 ? 0x5d : 0x00);

/** Store of the low `bytes` of a vector; all but 16 are stores of lane 0. */
export const vectorStoreOpcode = (bytes: number): number =>
  VECTOR_PREFIX | (bytes === 16 ? 0x0b : bytes === 8 ? 0x5b : bytes === 4 ? 0x5a : bytes === 2 ? 0x59 : 0x58);

/** Load that repeats `bytes` of memory over the whole vector. */
export const vectorLoadSplatOpcode = (bytes: number): number =>
  VECTOR_PREFIX | (bytes === 1 ? 0x07 : bytes === 2 ? 0x08 : bytes === 4 ? 0x09 : 0x0a);
