import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  bitselect,
  EmitterError,
  extractLane,
  i32,
  load,
  loadSplat,
  ModuleBuilder,
  replaceLane,
  type Shape,
  shuffle,
  splat,
  TYPE,
  type Value,
  type VectorBinaryName,
  type VectorShiftName,
  type VectorUnaryName,
  v128,
  v128Pair,
  vector1,
  vector2,
  vectorShift,
  vectorTest,
} from "../../src/index.ts";

const MEMORY = new WebAssembly.Memory({ initial: 1 });
const VIEW = new DataView(MEMORY.buffer);

const putVector = (at: number, bits: bigint): void => {
  VIEW.setBigUint64(at, BigInt.asUintN(64, bits), true);
  VIEW.setBigUint64(at + 8, bits >> 64n, true);
};
const getVector = (at: number): bigint =>
  (VIEW.getBigUint64(at + 8, true) << 64n) | VIEW.getBigUint64(at, true);

/** A function that computes a vector of those at 0, 16 and 32 and a count at 48, and leaves it at 64. */
const operation = (
  result: (a: Value, b: Value, c: Value, count: Value) => Value,
): ((...inputs: bigint[]) => bigint) => {
  const module = new ModuleBuilder();
  module.importMemory("host", "memory", 1);
  const body = module.function([], [], "run");
  const at = (offset: number): Value => load(TYPE.v128, 16, false, i32(0), offset);
  const value = result(at(0), at(16), at(32), load(TYPE.i32, 4, false, i32(0), 48));
  if (value.type === TYPE.v128) body.store(16, i32(0), value, 64);
  else body.store(4, i32(0), value, 64);
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.finish()), {
    host: { memory: MEMORY },
  });
  const run = instance.exports["run"] as () => void;
  return (...inputs) => {
    putVector(64, 0n);
    for (const [index, input] of inputs.entries()) putVector(16 * index, input);
    run();
    return getVector(64);
  };
};

const lanesOf = (bits: bigint, width: number): bigint[] =>
  Array.from({ length: 128 / width }, (_, lane) => BigInt.asUintN(width, bits >> BigInt(lane * width)));
const joined = (lanes: readonly bigint[], width: number): bigint =>
  lanes.reduceRight((rest, lane) => (rest << BigInt(width)) | BigInt.asUintN(width, lane), 0n);

const vectors = fc.oneof(
  fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }),
  fc
    .array(fc.constantFrom(0n, 1n, 0x7fn, 0x80n, 0xffn), { minLength: 16, maxLength: 16 })
    .map((bytes) => joined(bytes, 8)),
);

type Lane = (a: bigint, b: bigint, width: number) => bigint;
const signed = (a: bigint, width: number): bigint => BigInt.asIntN(width, a);
const clamp = (value: bigint, low: bigint, high: bigint): bigint =>
  value > high ? high : value < low ? low : value;
const clampSigned = (value: bigint, width: number): bigint => {
  const half = 1n << BigInt(width - 1);
  return clamp(value, -half, half - 1n);
};
const clampUnsigned = (value: bigint, width: number): bigint => clamp(value, 0n, (1n << BigInt(width)) - 1n);
const onSigned =
  (lane: Lane): Lane =>
  (a, b, width) =>
    lane(signed(a, width), signed(b, width), width);
const lesser: Lane = (a, b) => clamp(a, a, b);
const greater: Lane = (a, b) => clamp(a, b, a);
const all = (truth: boolean): bigint => (truth ? -1n : 0n);

const LANES: Readonly<Record<string, Lane>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  addSatS: onSigned((a, b, width) => clampSigned(a + b, width)),
  addSatU: (a, b, width) => clampUnsigned(a + b, width),
  subSatS: onSigned((a, b, width) => clampSigned(a - b, width)),
  subSatU: (a, b, width) => clampUnsigned(a - b, width),
  minS: onSigned(lesser),
  minU: lesser,
  maxS: onSigned(greater),
  maxU: greater,
  avgrU: (a, b) => (a + b + 1n) >> 1n,
  eq: (a, b) => all(a === b),
  ne: (a, b) => all(a !== b),
  ltS: onSigned((a, b) => all(a < b)),
  ltU: (a, b) => all(a < b),
  gtS: onSigned((a, b) => all(a > b)),
  gtU: (a, b) => all(a > b),
  leS: onSigned((a, b) => all(a <= b)),
  leU: (a, b) => all(a <= b),
  geS: onSigned((a, b) => all(a >= b)),
  geU: (a, b) => all(a >= b),
  and: (a, b) => a & b,
  andnot: (a, b) => a & ~b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
};

const WIDTH: Readonly<Record<string, number>> = { i8x16: 8, i16x8: 16, i32x4: 32, i64x2: 64, v128: 128 };

const INTEGER_NAMES: readonly VectorBinaryName[] = (
  [
    ["i8x16", "add sub addSatS addSatU subSatS subSatU minS minU maxS maxU avgrU"],
    ["i16x8", "add sub mul addSatS addSatU subSatS subSatU minS minU maxS maxU avgrU"],
    ["i32x4", "add sub mul minS minU maxS maxU"],
    ["i64x2", "add sub mul eq ne ltS gtS leS geS"],
    ["i8x16", "eq ne ltS ltU gtS gtU leS leU geS geU"],
    ["i16x8", "eq ne ltS ltU gtS gtU leS leU geS geU"],
    ["i32x4", "eq ne ltS ltU gtS gtU leS leU geS geU"],
    ["v128", "and andnot or xor"],
  ] as const
).flatMap(([shape, names]) => names.split(" ").map((name) => `${shape}.${name}` as VectorBinaryName));

describe("vectors", () => {
  it.each(INTEGER_NAMES)("%s works on lanes as on integers", (name) => {
    const [shape = "", operator = ""] = name.split(".");
    const width = WIDTH[shape] ?? 0;
    const lane = LANES[operator];
    const run = operation((a, b) => vector2(name, a, b));
    fc.assert(
      fc.property(vectors, vectors, (a, b) => {
        const others = lanesOf(b, width);
        const expected = lanesOf(a, width).map((one, index) => lane?.(one, others[index] ?? 0n, width) ?? 0n);
        expect(run(a, b)).toBe(joined(expected, width));
      }),
      { numRuns: 40 },
    );
  });

  it("shifts lanes by a count modulo their width", () => {
    for (const shape of ["i8x16", "i16x8", "i32x4", "i64x2"] as const) {
      const width = WIDTH[shape] ?? 0;
      for (const operator of ["shl", "shrS", "shrU"] as const) {
        const name: VectorShiftName = `${shape}.${operator}`;
        const run = operation((a, _b, _c, count) => vectorShift(name, a, count));
        fc.assert(
          fc.property(vectors, fc.bigInt({ min: 0n, max: 255n }), (a, count) => {
            const by = count % BigInt(width);
            const expected = lanesOf(a, width).map((one) =>
              operator === "shl" ? one << by : (operator === "shrS" ? signed(one, width) : one) >> by,
            );
            expect(run(a, 0n, 0n, count)).toBe(joined(expected, width));
          }),
          { numRuns: 20 },
        );
      }
    }
  });

  it("narrows with saturation and extends halves", () => {
    fc.assert(
      fc.property(vectors, vectors, (a, b) => {
        for (const [name, width, clampLane] of [
          ["i8x16.narrowS", 8, clampSigned],
          ["i8x16.narrowU", 8, clampUnsigned],
          ["i16x8.narrowS", 16, clampSigned],
          ["i16x8.narrowU", 16, clampUnsigned],
        ] as const) {
          const wide = [...lanesOf(a, 2 * width), ...lanesOf(b, 2 * width)];
          const expected = wide.map((lane) => clampLane(signed(lane, 2 * width), width));
          expect(operation((x, y) => vector2(name, x, y))(a, b)).toBe(joined(expected, width));
        }
        for (const [shape, width] of [
          ["i16x8", 8],
          ["i32x4", 16],
          ["i64x2", 32],
        ] as const) {
          for (const half of ["Low", "High"] as const) {
            for (const sign of ["S", "U"] as const) {
              const name: VectorUnaryName = `${shape}.extend${half}${sign}`;
              const lanes = lanesOf(half === "Low" ? a : a >> 64n, width).slice(0, 64 / width);
              const expected = lanes.map((lane) => (sign === "S" ? signed(lane, width) : lane));
              expect(operation((x) => vector1(name, x))(a)).toBe(joined(expected, 2 * width));
            }
          }
        }
      }),
      { numRuns: 10 },
    );
  });

  it("sums products of pairs and picks bytes by index", () => {
    const dot = operation((a, b) => vector2("i32x4.dotS", a, b));
    const swizzle = operation((a, b) => vector2("i8x16.swizzle", a, b));
    fc.assert(
      fc.property(vectors, vectors, (a, b) => {
        const products = lanesOf(a, 16).map(
          (lane, i) => signed(lane, 16) * signed(lanesOf(b, 16)[i] ?? 0n, 16),
        );
        const sums = [0, 2, 4, 6].map((i) => (products[i] ?? 0n) + (products[i + 1] ?? 0n));
        expect(dot(a, b)).toBe(joined(sums, 32));
        const picked = lanesOf(b, 8).map((index) =>
          index < 16n ? (lanesOf(a, 8)[Number(index)] ?? 0n) : 0n,
        );
        expect(swizzle(a, b)).toBe(joined(picked, 8));
      }),
    );
  });

  it("shuffles, selects by bits, reads and replaces lanes", () => {
    const bytes = fc.array(fc.integer({ min: 0, max: 31 }), { minLength: 16, maxLength: 16 });
    fc.assert(
      fc.property(vectors, vectors, vectors, bytes, (a, b, c, order) => {
        const both = [...lanesOf(a, 8), ...lanesOf(b, 8)];
        const expected = joined(
          order.map((index) => both[index] ?? 0n),
          8,
        );
        expect(operation((x, y) => shuffle(x, y, order))(a, b)).toBe(expected);
        expect(operation((x, y, z) => bitselect(x, y, z))(a, b, c)).toBe((a & c) | (b & ~c));
        const lane = (order[0] ?? 0) & 7;
        const moved = operation((x, y) => replaceLane("i16x8", x, lane, extractLane("i16x8", y, 7 - lane)));
        const lanes = lanesOf(a, 16);
        lanes[lane] = lanesOf(b, 16)[7 - lane] ?? 0n;
        expect(moved(a, b)).toBe(joined(lanes, 16));
      }),
      { numRuns: 15 },
    );
  });

  it("tests vectors", () => {
    const run = (name: Parameters<typeof vectorTest>[0]) => operation((a) => vectorTest(name, a));
    const mask = run("i8x16.bitmask");
    const any = run("v128.anyTrue");
    const every = run("i16x8.allTrue");
    fc.assert(
      fc.property(vectors, (a) => {
        const bits = lanesOf(a, 8).map((byte) => byte >> 7n);
        expect(mask(a)).toBe(joined(bits, 1));
        expect(any(a)).toBe(a === 0n ? 0n : 1n);
        expect(every(a)).toBe(lanesOf(a, 16).every((lane) => lane !== 0n) ? 1n : 0n);
      }),
    );
  });

  it("holds constants and loads and stores parts", () => {
    fc.assert(
      fc.property(vectors, (a) => {
        expect(operation(() => v128(a))()).toBe(a);
        expect(operation(() => v128Pair(a))()).toBe(joined([a & 0xffff_ffff_ffff_ffffn, a], 64));
        const low = (bytes: number): bigint => BigInt.asUintN(8 * bytes, a);
        for (const bytes of [4, 8]) {
          expect(operation(() => load(TYPE.v128, bytes, false, i32(0)))(a)).toBe(low(bytes));
        }
        for (const bytes of [1, 2, 4, 8]) {
          const repeated = joined(Array<bigint>(16 / bytes).fill(low(bytes)), 8 * bytes);
          expect(operation(() => loadSplat(bytes, i32(0)))(a)).toBe(repeated);
        }
      }),
      { numRuns: 10 },
    );
    const module = new ModuleBuilder();
    module.importMemory("host", "memory", 1);
    const body = module.function([], [], "run");
    for (const bytes of [1, 2, 4, 8]) body.store(bytes, i32(64), v128((1n << 128n) - 1n), 16 * bytes);
    const compiled = new WebAssembly.Module(module.finish());
    const { exports } = new WebAssembly.Instance(compiled, { host: { memory: MEMORY } });
    for (const bytes of [1, 2, 4, 8]) putVector(64 + 16 * bytes, 0n);
    (exports["run"] as () => void)();
    for (const bytes of [1, 2, 4, 8]) expect(getVector(64 + 16 * bytes)).toBe((1n << BigInt(8 * bytes)) - 1n);
  });

  it("splats scalars", () => {
    for (const [shape, width] of [
      ["i8x16", 8],
      ["i16x8", 16],
      ["i32x4", 32],
    ] as const satisfies readonly (readonly [Shape, number])[]) {
      const run = operation((_a, _b, _c, count) => splat(shape, count));
      const expected = joined(Array<bigint>(128 / width).fill(0x8142_83f4n), width);
      expect(run(0n, 0n, 0n, 0x8142_83f4n)).toBe(expected);
    }
  });

  it("refuses wrong types, lanes and orders", () => {
    const vector = v128(0n);
    expect(() => vector2("i8x16.add", vector, i32(0))).toThrow(EmitterError);
    expect(() => extractLane("i64x2", vector, 2)).toThrow(EmitterError);
    expect(() => shuffle(vector, vector, [1, 2])).toThrow(EmitterError);
    expect(() => splat("i64x2", i32(0))).toThrow(EmitterError);
  });
});
