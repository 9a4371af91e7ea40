import {
  and,
  extractLane,
  type FloatComparisonName,
  floatCompare,
  gtU,
  i32,
  isZero,
  ne,
  or,
  select,
  splat,
  sub,
  TYPE,
  type Value,
  vector1,
  vector2,
} from "@xenolith/wasm-emitter";
import { VECTOR } from "@xenolith/x86-architecture";
import { setSixFlags } from "../../machine/flag-updates.ts";
import type { Machine } from "../../machine/machine.ts";
import { STATE } from "../../state/layout.ts";
import { LANE_OPERATION } from "../../vector-support/arithmetic-lane.ts";
import { MXCSR } from "../../vector-support/lane-format.ts";
import { FORMAT, PACKED_ARITHMETIC } from "../../vector-support/packed.ts";
import { type Definition, exactly, type Meaning } from "../definition.ts";
import { operandBytesWith } from "./forms.ts";
import { mergeLow } from "./moves.ts";
import {
  areUsual,
  DOUBLE,
  isMissing,
  type Lanes,
  mxcsr,
  type Precision,
  raise,
  SINGLE,
  withoutDenormals,
} from "./precision.ts";
import { ternary } from "./shuffles.ts";

/** Copies of two vectors that are ready to be compared: exceptions are raised, denormals are zeros where they are to be. */
const prepared = (
  m: Machine,
  p: Precision,
  count: Lanes,
  operation: Value,
  a: Value,
  b: Value,
): readonly [Value, Value] => {
  const x = m.temporary(TYPE.v128);
  const y = m.temporary(TYPE.v128);
  m.body.set(x, a);
  m.body.set(y, b);
  m.body.if(isMissing(p, areUsual(p, x, y), count));
  const format = i32(p.format | (count === "one" ? FORMAT.scalar : 0));
  const [, outcome = x] = m.call(PACKED_ARITHMETIC, operation, format, x, y);
  raise(m, outcome);
  m.body.if(and(mxcsr(m), MXCSR.denormalsAreZero));
  m.body.set(x, withoutDenormals(p, x));
  m.body.set(y, withoutDenormals(p, y));
  m.body.end();
  m.body.end();
  return [x, y];
};

/** Whether the lanes are ordered: neither is NaN. */
const unordered = (p: Precision, a: Value, b: Value): Value =>
  vector2("v128.or", vector2(`${p.shape}.ne`, a, a), vector2(`${p.shape}.ne`, b, b));

/** The four plain predicates by the low bits of the immediate. */
const plainPredicate = (p: Precision, a: Value, b: Value, predicate: number): Value => {
  if (predicate === 3) return unordered(p, a, b);
  return vector2(`${p.shape}.${(["eq", "lt", "le"] as const)[predicate] ?? "eq"}`, a, b);
};

/** Lanes for which a predicate holds: equal, less, less or equal, unordered, and their opposites. */
const predicateLanes = (m: Machine, p: Precision, a: Value, b: Value, immediate: Value): Value => {
  if (immediate.isConstant) {
    const plain = plainPredicate(p, a, b, immediate.number & 3);
    return immediate.number & 4 ? vector1("v128.not", plain) : plain;
  }
  const bit = (number: number): Value => and(immediate, 1 << number);
  const choose = (low: number): Value =>
    select(plainPredicate(p, a, b, low + 1), plainPredicate(p, a, b, low), bit(0));
  const plain = m.pin(select(choose(2), choose(0), bit(1)));
  return vector2("v128.xor", plain, splat("i32x4", select(i32(-1), i32(0), bit(2))));
};

const compareLanes =
  (p: Precision, count: Lanes) =>
  (m: Machine, a: Value, b: Value, immediate: Value): Value => {
    // Less, less or equal and their opposites are invalid for quiet NaN too.
    const isSignalling = ltTwo(sub(and(immediate, 3), 1));
    const operation = select(i32(LANE_OPERATION.compare), i32(LANE_OPERATION.compareQuietly), isSignalling);
    const [x, y] = prepared(m, p, count, m.pin(operation), a, b);
    const result = predicateLanes(m, p, x, y, immediate);
    return count === "one" ? mergeLow(p.bytes, a, result) : result;
  };

const ltTwo = (value: Value): Value => isZero(gtU(value, 1));

/** COMIS and UCOMIS: ZF, PF and CF say how the lowest numbers compare. */
const compareFlags =
  (p: Precision, operation: number): Meaning =>
  (m) => {
    const b = m.pin(m.vector(1));
    const [x, y] = prepared(m, p, "one", i32(operation), m.pin(m.vector(0)), b);
    const low = (vector: Value): Value => extractLane(p.shape, vector, 0);
    const a0 = m.pin(low(x));
    const b0 = m.pin(low(y));
    const compare = (name: FloatComparisonName): Value => floatCompare(name, a0, b0);
    const zero = i32(0);
    setSixFlags(m, {
      carry: m.pin(isZero(compare("ge"))),
      zero: m.pin(isZero(or(compare("lt"), compare("gt")))),
      parity: m.pin(or(floatCompare("ne", a0, a0), floatCompare("ne", b0, b0))),
      adjust: zero,
      sign: zero,
      overflow: zero,
    });
  };

const flagComparison = (mnemonic: string, p: Precision, operation: number): Definition => ({
  mnemonic,
  sizes: exactly(4),
  forms: ["xx", "xm"],
  operandBytes: operandBytesWith(p.bytes),
  meaning: compareFlags(p, operation),
});

/** Bits of MXCSR that must be zero. [SDM1-10.2.3] */
const RESERVED = 0xffff_0000 | 0;

const loadControl: Meaning = (m) => {
  const value = m.pin(m.read(0, "any"));
  m.faultIf(ne(and(value, RESERVED), 0), VECTOR.generalProtection);
  m.setStateField(4, STATE.mxcsr, value);
};

/** Comparisons of floats. [SDM1-10.4] [SDM1-11.4] */
export const floatComparisons: readonly Definition[] = [
  ternary("cmpps", compareLanes(SINGLE, "all")),
  ternary("cmppd", compareLanes(DOUBLE, "all")),
  ternary("cmpss", compareLanes(SINGLE, "one"), 4),
  ternary("cmpsd", compareLanes(DOUBLE, "one"), 8),
  flagComparison("comiss", SINGLE, LANE_OPERATION.compare),
  flagComparison("comisd", DOUBLE, LANE_OPERATION.compare),
  flagComparison("ucomiss", SINGLE, LANE_OPERATION.compareQuietly),
  flagComparison("ucomisd", DOUBLE, LANE_OPERATION.compareQuietly),
];

/** What kernels do with MXCSR. [SDM1-10.2.3] */
export const floatControl: readonly Definition[] = [
  { mnemonic: "ldmxcsr", sizes: exactly(4), forms: ["m"], meaning: loadControl },
  {
    mnemonic: "stmxcsr",
    sizes: exactly(4),
    forms: ["m"],
    meaning: (m) => m.write(0, mxcsr(m)),
  },
];
