import {
  bitselect,
  i32,
  or,
  shrU,
  shuffle,
  splat,
  type Value,
  v128,
  vector1,
  vector2,
} from "@xenolith/wasm-emitter";
import type { Machine } from "../../machine/machine.ts";
import { LANE_OPERATION } from "../../vector-support/arithmetic-lane.ts";
import { FORMAT, PACKED_ARITHMETIC, SUBTRACT_AND_ADD } from "../../vector-support/packed.ts";
import type { Definition } from "../definition.ts";
import { binary, type Combine, vectorForms } from "./forms.ts";
import { interleave, lanes } from "./integer.ts";
import { mergeLow } from "./moves.ts";
import {
  areFinite,
  areNormal,
  areUsual,
  DOUBLE,
  exactIf,
  isDemanding,
  isMissing,
  type Lanes,
  magnitude,
  type Precision,
  SINGLE,
  withoutDenormals,
} from "./precision.ts";
import { ternary } from "./shuffles.ts";

type ArithmeticName = "add" | "sub" | "mul" | "div";

const formatOf = (p: Precision, count: Lanes): Value => i32(p.format | (count === "one" ? FORMAT.scalar : 0));

/** The lanes that count are new, the others are those of the first operand. */
const merged = (p: Precision, count: Lanes, a: Value, result: Value): Value =>
  count === "one" ? mergeLow(p.bytes, a, result) : result;

/**
 * Lanes whose result is right and raises nothing but the precision flag: operands are normal, and so is the result. Of sums the
 * result may be anything finite, as small ones are exact.
 */
const isPlain = (p: Precision, name: ArithmeticName, a: Value, b: Value, result: Value): Value => {
  const finite = areFinite(p, result);
  if (name === "add" || name === "sub") return vector2("v128.and", areNormal(p, a, b), finite);
  const operands = vector2(`${p.shape}.pmin`, magnitude(p, a), magnitude(p, b));
  const smallest = vector2(`${p.shape}.pmin`, operands, magnitude(p, result));
  return vector2("v128.and", vector2(`${p.shape}.gt`, smallest, p.smallest), finite);
};

/** A sum, difference, product or quotient of pinned vectors. */
const calculate = (m: Machine, p: Precision, name: ArithmeticName, count: Lanes, a: Value, b: Value): Value =>
  exactIf(
    m,
    merged(p, count, a, vector2(`${p.shape}.${name}`, a, b)),
    (result) => or(isDemanding(m), isMissing(p, isPlain(p, name, a, b, result), count)),
    () => m.call(PACKED_ARITHMETIC, i32(LANE_OPERATION[name]), formatOf(p, count), a, b),
  );

const calculation =
  (p: Precision, name: ArithmeticName, count: Lanes): Combine =>
  (m, a, b) =>
    calculate(m, p, name, count, a, b);

/** MIN and MAX give the second operand where neither is less. */
const choice =
  (p: Precision, name: "min" | "max", count: Lanes): Combine =>
  (m, a, b) =>
    exactIf(
      m,
      merged(p, count, a, vector2(`${p.shape}.p${name}`, b, a)),
      () => isMissing(p, areUsual(p, a, b), count),
      () => m.call(PACKED_ARITHMETIC, i32(LANE_OPERATION[name]), formatOf(p, count), a, b),
    );

const squareRoot =
  (p: Precision, count: Lanes): Combine =>
  (m, a, b) =>
    exactIf(
      m,
      merged(p, count, a, vector1(`${p.shape}.sqrt`, b)),
      () => {
        const positive = vector2(`${p.shape}.ge`, b, p.smallest);
        return or(isDemanding(m), isMissing(p, vector2("v128.and", positive, areFinite(p, b)), count));
      },
      () => {
        const source = m.pin(merged(p, count, a, b));
        return m.call(PACKED_ARITHMETIC, i32(LANE_OPERATION.sqrt), formatOf(p, count), source, source);
      },
    );

/** The four forms of an operation: packed and scalar, single and double. */
const fourForms = (name: string, combine: (p: Precision, count: Lanes) => Combine): readonly Definition[] => [
  binary(`${name}ps`, combine(SINGLE, "all")),
  binary(`${name}pd`, combine(DOUBLE, "all")),
  binary(`${name}ss`, combine(SINGLE, "one"), 4),
  binary(`${name}sd`, combine(DOUBLE, "one"), 8),
];

const EVEN_SIGNS = {
  f32x4: v128(0x8000_0000_0000_0000_8000_0000n),
  f64x2: v128(1n << 63n),
} as const;

const alternating =
  (p: Precision): Combine =>
  (m, a, b) =>
    exactIf(
      m,
      vector2(`${p.shape}.add`, a, vector2("v128.xor", b, EVEN_SIGNS[p.shape])),
      (result) => or(isDemanding(m), isMissing(p, isPlain(p, "add", a, b, result), "all")),
      () => m.call(PACKED_ARITHMETIC, i32(SUBTRACT_AND_ADD), i32(p.format), a, b),
    );

/** Lanes with even and with odd numbers of two vectors. */
const everySecond = (p: Precision, a: Value, b: Value, first: 0 | 1): Value =>
  shuffle(
    a,
    b,
    Array.from({ length: 16 }, (_, index) => {
      const lane = 2 * Math.floor(index / p.bytes) + first;
      return lane * p.bytes + (index % p.bytes);
    }),
  );

const horizontal = (m: Machine, p: Precision, name: "add" | "sub", a: Value, b: Value): Value =>
  calculate(m, p, name, "all", m.pin(everySecond(p, a, b, 0)), m.pin(everySecond(p, a, b, 1)));

const WORD_BITS = v128(0x0000_0008_0000_0004_0000_0002_0000_0001n);
const PAIR_BITS = v128(0x0000_0000_0000_0002_0000_0000_0000_0001n);

/** Bits of an immediate as a mask of lanes. */
export const lanesOf = (p: Precision, immediate: Value): Value => {
  const bits = p.bytes === 4 ? WORD_BITS : PAIR_BITS;
  const spread = vector2("v128.and", splat("i32x4", immediate), bits);
  return vector2(`${p.lanes}.eq`, spread, bits);
};

const dotProduct =
  (p: Precision) =>
  (m: Machine, a: Value, b: Value, immediate: Value): Value => {
    const factors = m.pin(lanesOf(p, m.pin(shrU(immediate, 4))));
    const x = m.pin(vector2("v128.and", a, factors));
    const y = m.pin(vector2("v128.and", b, factors));
    let sum = calculate(m, p, "mul", "all", x, y);
    for (let lanesLeft = 16 / p.bytes; lanesLeft > 1; lanesLeft /= 2) sum = horizontal(m, p, "add", sum, sum);
    return vector2("v128.and", sum, lanesOf(p, immediate));
  };

/** What is not a number stays, made quiet. */
const orQuieted = (a: Value, result: Value): Value =>
  bitselect(vector2("v128.or", a, SINGLE.quiet), result, vector2("f32x4.ne", a, a));

const ONES = v128(0x3f80_0000_3f80_0000_3f80_0000_3f80_0000n);

/** Denormals count as zeros, and come out as such. No flags. */
const reciprocal = (m: Machine, a: Value): Value => {
  const source = m.pin(withoutDenormals(SINGLE, a));
  const result = m.pin(vector2("f32x4.div", ONES, source));
  return orQuieted(a, withoutDenormals(SINGLE, result));
};

const reciprocalRoot = (m: Machine, a: Value): Value => {
  const source = m.pin(withoutDenormals(SINGLE, a));
  const result = vector2("f32x4.div", ONES, vector1("f32x4.sqrt", source));
  const isNegative = vector2("f32x4.lt", source, v128(0n));
  return orQuieted(a, bitselect(SINGLE.indefinite, result, isNegative));
};

const approximation = (name: string, compute: (m: Machine, a: Value) => Value): readonly Definition[] => [
  vectorForms(`${name}ps`, ["xx", "xm"], 16, (m) => m.setVector(0, compute(m, m.pin(m.vector(1))))),
  binary(`${name}ss`, (m, a, b) => mergeLow(4, a, compute(m, b)), 4),
];

const BITWISE = { and: "v128.and", or: "v128.or", xor: "v128.xor" } as const;

/** Arithmetic of SSE and SSE2 on floats, and what SSE3 and SSE4.1 added to it. [SDM1-10.4] [SDM1-11.4] */
export const floatArithmetic: readonly Definition[] = [
  ...fourForms("add", (p, count) => calculation(p, "add", count)),
  ...fourForms("sub", (p, count) => calculation(p, "sub", count)),
  ...fourForms("mul", (p, count) => calculation(p, "mul", count)),
  ...fourForms("div", (p, count) => calculation(p, "div", count)),
  ...fourForms("min", (p, count) => choice(p, "min", count)),
  ...fourForms("max", (p, count) => choice(p, "max", count)),
  ...fourForms("sqrt", squareRoot),
  ...(["ps", "pd"] as const).flatMap((suffix) => {
    const p = suffix === "ps" ? SINGLE : DOUBLE;
    return [
      binary(`addsub${suffix}`, alternating(p)),
      binary(`hadd${suffix}`, (m, a, b) => horizontal(m, p, "add", a, b)),
      binary(`hsub${suffix}`, (m, a, b) => horizontal(m, p, "sub", a, b)),
      ternary(`dp${suffix}`, dotProduct(p)),
    ];
  }),
  ...approximation("rcp", reciprocal),
  ...approximation("rsqrt", reciprocalRoot),
];

/** Instructions on floats that do not look at them. */
export const floatBits: readonly Definition[] = (["ps", "pd"] as const).flatMap((suffix) => {
  const { bytes } = suffix === "ps" ? SINGLE : DOUBLE;
  return [
    ...Object.entries(BITWISE).map(([name, operation]) => binary(name + suffix, lanes(operation))),
    binary(`andn${suffix}`, (_m, a, b) => vector2("v128.andnot", b, a)),
    binary(`unpckl${suffix}`, interleave(bytes, 0)),
    binary(`unpckh${suffix}`, interleave(bytes, 8)),
  ];
});
