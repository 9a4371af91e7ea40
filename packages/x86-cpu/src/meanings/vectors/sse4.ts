import {
  add,
  and,
  bitselect,
  ctz,
  extractLane,
  i32,
  isZero,
  mul,
  or,
  replaceLane,
  shl,
  shrU,
  shuffle,
  splat,
  TYPE,
  type Value,
  type VectorBinaryName,
  type VectorUnaryName,
  v128,
  vector1,
  vector2,
  vectorShift,
  vectorTest,
} from "@xenolith/wasm-emitter";
import { setSixFlags } from "../../machine/flag-updates.ts";
import type { Machine } from "../../machine/machine.ts";
import { PACKED_INTEGRAL } from "../../vector-support/packed.ts";
import { type Definition, exactly, type Meaning } from "../definition.ts";
import { lanesOf } from "./float-arithmetic.ts";
import { binary, type Combine, operandBytesWith, unary, vectorForms } from "./forms.ts";
import { evenProducts, lanes } from "./integer.ts";
import { mergeLow } from "./moves.ts";
import { DOUBLE, type Precision, raise, SINGLE } from "./precision.ts";
import { laneMask, ternary } from "./shuffles.ts";

const zero = v128(0n);

const DIRECT: Readonly<Record<string, VectorBinaryName>> = {
  pminsb: "i8x16.minS",
  pmaxsb: "i8x16.maxS",
  pminuw: "i16x8.minU",
  pmaxuw: "i16x8.maxU",
  pminsd: "i32x4.minS",
  pmaxsd: "i32x4.maxS",
  pminud: "i32x4.minU",
  pmaxud: "i32x4.maxU",
  pmulld: "i32x4.mul",
  packusdw: "i16x8.narrowU",
  pcmpeqq: "i64x2.eq",
  pcmpgtq: "i64x2.gtS",
};

/** Extensions: from and to which size, in bytes. */
const EXTENSIONS = [
  ["bw", ["i16x8"], 8],
  ["bd", ["i16x8", "i32x4"], 4],
  ["bq", ["i16x8", "i32x4", "i64x2"], 2],
  ["wd", ["i32x4"], 8],
  ["wq", ["i32x4", "i64x2"], 4],
  ["dq", ["i64x2"], 8],
] as const;

const extensions = EXTENSIONS.flatMap(([suffix, shapes, bytes]) =>
  (["S", "U"] as const).map((sign) =>
    unary(
      `pmov${sign === "S" ? "sx" : "zx"}${suffix}`,
      (_m, a) =>
        shapes.reduce(
          (value: Value, shape) => vector1(`${shape}.extendLow${sign}` as VectorUnaryName, value),
          a,
        ),
      bytes,
    ),
  ),
);

/** Bytes, floats or doubles of the second operand where the sign in XMM0 is set. */
const blendBySign =
  (shape: "i8x16" | "i32x4" | "i64x2", width: number): Combine =>
  (m, a, b) =>
    bitselect(b, a, vectorShift(`${shape}.shrS`, m.vectorRegister(0), i32(width - 1)));

const testBits: Meaning = (m) => {
  const b = m.pin(m.vector(1));
  const a = m.pin(m.vector(0));
  const none = i32(0);
  setSixFlags(m, {
    zero: m.pin(isZero(vectorTest("v128.anyTrue", vector2("v128.and", a, b)))),
    carry: m.pin(isZero(vectorTest("v128.anyTrue", vector2("v128.andnot", b, a)))),
    parity: none,
    adjust: none,
    sign: none,
    overflow: none,
  });
};

const rotated = (a: Value, by: number): Value =>
  shuffle(
    a,
    a,
    Array.from({ length: 16 }, (_, index) => (index + by) % 16),
  );

/** The smallest 16-bit lane and its number. */
const smallestWord = (m: Machine, a: Value): Value => {
  let smallest = a;
  for (const by of [8, 4, 2]) smallest = m.pin(vector2("i16x8.minU", smallest, rotated(smallest, by)));
  const position = ctz(vectorTest("i16x8.bitmask", vector2("i16x8.eq", a, smallest)));
  return replaceLane("i32x4", zero, 0, or(extractLane("i16x8", smallest, 0), shl(position, 16)));
};

const counting = v128(0x0f0e_0d0c_0b0a_0908_0706_0504_0302_0100n);
const countedFrom = (start: Value): Value => vector2("i8x16.add", counting, splat("i8x16", start));

/** Sums of absolute differences of four bytes of the second operand and eight runs of the first. */
const slidingDifferences = (m: Machine, a: Value, b: Value, immediate: Value): Value => {
  const runs = m.pin(vector2("i8x16.swizzle", a, countedFrom(and(immediate, 4))));
  const block = m.pin(vector2("i8x16.swizzle", b, countedFrom(shl(and(immediate, 3), 2))));
  let sum: Value = zero;
  for (let byte = 0; byte < 4; byte++) {
    const moved = vector1("i16x8.extendLowU", rotated(runs, byte));
    const other = splat("i16x8", extractLane("i8x16", block, byte));
    const difference = vector1("i16x8.abs", vector2("i16x8.sub", moved, other));
    sum = vector2("i16x8.add", sum, difference);
  }
  return sum;
};

const wordOf = (vector: Value, lane: Value): Value => {
  const indices = add(mul(lane, 0x0404_0404), 0x0302_0100);
  return extractLane("i32x4", vector2("i8x16.swizzle", vector, splat("i32x4", indices)), 0);
};

const COUNTED = {
  i8x16: counting,
  i16x8: v128(0x0007_0006_0005_0004_0003_0002_0001_0000n),
  i32x4: v128(0x0000_0003_0000_0002_0000_0001_0000_0000n),
  i64x2: v128(1n << 64n),
} as const;

type IntegerShape = keyof typeof COUNTED;

/** A vector with the lane that an immediate names replaced. */
const inserted = (a: Value, shape: IntegerShape, lane: Value, value: Value): Value => {
  if (lane.isConstant) return replaceLane(shape, a, lane.number, value);
  const number = shape === "i64x2" ? splat("i32x4", lane) : splat(shape, lane);
  const where =
    shape === "i64x2"
      ? vector2(
          "i64x2.eq",
          vector2("v128.and", number, v128((0xffff_ffffn << 64n) | 0xffff_ffffn)),
          COUNTED[shape],
        )
      : vector2(`${shape}.eq`, number, COUNTED[shape]);
  return bitselect(splat(shape, value), a, where);
};

const LANE_MASK: Readonly<Record<IntegerShape, number>> = { i8x16: 15, i16x8: 7, i32x4: 3, i64x2: 1 };

const insertion =
  (shapeOf: (m: Machine) => IntegerShape): Meaning =>
  (m) => {
    const value = m.pin(m.read(1, "any"));
    const shape = shapeOf(m);
    const lane = and(m.read(2, "zero"), LANE_MASK[shape]);
    m.setVector(0, inserted(m.pin(m.vector(0)), shape, lane.isConstant ? lane : m.pin(lane), value));
  };

/** The lane that an immediate names. */
const extracted = (m: Machine, shape: IntegerShape): Value => {
  const a = m.pin(m.vector(1));
  const lane = m.pin(and(m.read(2, "zero"), LANE_MASK[shape]));
  if (lane.isConstant) return extractLane(shape, a, lane.number);
  const bytes = 16 / (LANE_MASK[shape] + 1);
  const moved = vector2("i8x16.swizzle", a, countedFrom(mul(lane, bytes)));
  return extractLane(shape, moved, 0);
};

const extraction =
  (shapeOf: (m: Machine) => IntegerShape): Meaning =>
  (m) =>
    m.write(0, extracted(m, shapeOf(m)));

const bySize = (m: Machine): IntegerShape => (m.type === TYPE.i64 ? "i64x2" : "i32x4");

/** PINSRB, PEXTRB and their relatives, whose memory operand is shorter than the register. */
const element = (mnemonic: string, forms: readonly string[], bytes: number, meaning: Meaning): Definition =>
  vectorForms(mnemonic, forms, bytes, meaning);

/** PINSRD and PEXTRD, with REX.W PINSRQ and PEXTRQ. */
const sizedElement = (mnemonic: string, forms: readonly string[], meaning: Meaning): Definition => ({
  mnemonic,
  sizes: (wide) => (wide ? [4, 8] : [4]),
  forms,
  operandBytes: (sizeBytes, position, letter) =>
    letter === "m" ? sizeBytes : operandBytesWith(0)(sizeBytes, position, letter),
  meaning,
});

const insertSingle = (mnemonic: string, forms: readonly string[], isMemory: boolean): Definition =>
  vectorForms(mnemonic, forms, 4, (m) => {
    const b = m.pin(m.vector(1));
    const a = m.pin(m.vector(0));
    const immediate = m.pin(m.read(2, "zero"));
    const value = isMemory ? extractLane("i32x4", b, 0) : wordOf(b, and(shrU(immediate, 6), 3));
    const lane = m.pin(and(shrU(immediate, 4), 3));
    const changed = inserted(a, "i32x4", lane, m.pin(value));
    m.setVector(0, vector2("v128.andnot", changed, lanesOf(SINGLE, immediate)));
  });

const rounding = (mnemonic: string, p: Precision, isScalar: boolean): Definition =>
  ternary(
    mnemonic,
    (m, a, b, immediate) => {
      const count = isScalar ? 1 : 16 / p.bytes;
      const [result = b, outcome = b] = m.call(PACKED_INTEGRAL, i32(p.format), immediate, b, i32(count));
      raise(m, outcome);
      return isScalar ? mergeLow(p.bytes, a, result) : result;
    },
    isScalar ? p.bytes : 16,
  );

const blend =
  (maskOf: (immediate: Value) => Value) =>
  (_m: Machine, a: Value, b: Value, immediate: Value): Value =>
    bitselect(b, a, maskOf(immediate));

const tests: Definition = {
  mnemonic: "ptest",
  sizes: exactly(4),
  forms: ["xx", "xm"],
  operandBytes: operandBytesWith(16),
  meaning: testBits,
};

/** SSE3's duplications. */
const duplications: readonly Definition[] = [
  unary("movsldup", (_m, a) => shuffle(a, a, [0, 1, 2, 3, 0, 1, 2, 3, 8, 9, 10, 11, 8, 9, 10, 11])),
  unary("movshdup", (_m, a) => shuffle(a, a, [4, 5, 6, 7, 4, 5, 6, 7, 12, 13, 14, 15, 12, 13, 14, 15])),
  unary("movddup", (_m, a) => splat("i64x2", extractLane("i64x2", a, 0)), 8),
];

/** SSE4.1 and what SSE3 and SSE4.2 have beside it; string comparisons are in strings.ts. [SDM1-12.8] */
export const sse4: readonly Definition[] = [
  ...duplications,
  ...Object.entries(DIRECT).map(([mnemonic, name]) => binary(mnemonic, lanes(name))),
  ...extensions,
  binary("pmuldq", evenProducts("S")),
  binary("pblendvb", blendBySign("i8x16", 8)),
  binary("blendvps", blendBySign("i32x4", 32)),
  binary("blendvpd", blendBySign("i64x2", 64)),
  tests,
  unary("phminposuw", smallestWord),
  ternary("mpsadbw", slidingDifferences),
  ternary("pblendw", blend(laneMask)),
  ternary(
    "blendps",
    blend((immediate) => lanesOf(SINGLE, immediate)),
  ),
  ternary(
    "blendpd",
    blend((immediate) => lanesOf(DOUBLE, immediate)),
  ),
  rounding("roundps", SINGLE, false),
  rounding("roundpd", DOUBLE, false),
  rounding("roundss", SINGLE, true),
  rounding("roundsd", DOUBLE, true),
  element(
    "pinsrb",
    ["xri", "xmi"],
    1,
    insertion(() => "i8x16"),
  ),
  element(
    "pextrb",
    ["rxi", "mxi"],
    1,
    extraction(() => "i8x16"),
  ),
  element(
    "pextrw",
    ["mxi"],
    2,
    extraction(() => "i16x8"),
  ),
  element(
    "extractps",
    ["rxi", "mxi"],
    4,
    extraction(() => "i32x4"),
  ),
  sizedElement("pinsrd", ["xri", "xmi"], insertion(bySize)),
  sizedElement("pextrd", ["rxi", "mxi"], extraction(bySize)),
  insertSingle("insertps", ["xxi"], false),
  insertSingle("insertps", ["xmi"], true),
];
