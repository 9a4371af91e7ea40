import {
  and,
  eq,
  isZero,
  ne,
  TYPE,
  type Value,
  v128,
  vector1,
  vector2,
  vectorTest,
} from "@xenolith/wasm-emitter";
import { VECTOR } from "@xenolith/x86-architecture";
import type { Machine } from "../../machine/machine.ts";
import { STATE } from "../../state/layout.ts";
import { FORMAT, OUTCOME } from "../../vector-support/packed.ts";

const repeated = (bits: bigint, width: 32 | 64): Value => {
  let all = 0n;
  for (let at = 0; at < 128; at += width) all |= bits << BigInt(at);
  return v128(all);
};

const constantsOf = (
  width: 32 | 64,
  smallest: bigint,
  infinity: bigint,
  quiet: bigint,
  indefinite: bigint,
) => ({
  smallest: repeated(smallest, width),
  infinity: repeated(infinity, width),
  quiet: repeated(quiet, width),
  indefinite: repeated(indefinite, width),
  signs: repeated(1n << BigInt(width - 1), width),
});

/** One of the two formats of floats: names of its shape, and constants in every lane. */
export interface Precision {
  readonly shape: "f32x4" | "f64x2";
  readonly lanes: "i32x4" | "i64x2";
  readonly bytes: 4 | 8;
  /** `FORMAT` of packed operations. */
  readonly format: number;
  /** Smallest normal number. */
  readonly smallest: Value;
  readonly infinity: Value;
  readonly quiet: Value;
  /** What invalid operations give. */
  readonly indefinite: Value;
  readonly signs: Value;
}

/** Four numbers of 32 bits. */
export const SINGLE: Precision = {
  shape: "f32x4",
  lanes: "i32x4",
  bytes: 4,
  format: 0,
  ...constantsOf(32, 0x80_0000n, 0x7f80_0000n, 0x40_0000n, 0xffc0_0000n),
};

/** Two numbers of 64 bits. */
export const DOUBLE: Precision = {
  shape: "f64x2",
  lanes: "i64x2",
  bytes: 8,
  format: FORMAT.double,
  ...constantsOf(64, 1n << 52n, 0x7ffn << 52n, 1n << 51n, 0xfff8n << 48n),
};

/** Which lanes of an instruction count: all, the lowest, or the two lowest. */
export type Lanes = "all" | "one" | "two";

/** i32 1 unless a mask of lanes is set in all that count. */
export const isMissing = ({ lanes }: Precision, mask: Value, count: Lanes): Value => {
  if (count === "all") return isZero(vectorTest(`${lanes}.allTrue`, mask));
  const wanted = count === "one" ? 1 : 3;
  return ne(and(vectorTest(`${lanes}.bitmask`, mask), wanted), wanted);
};

/** A vector without its signs. */
export const magnitude = ({ shape }: Precision, a: Value): Value => vector1(`${shape}.abs`, a);

const both = (a: Value, b: Value): Value => vector2("v128.and", a, b);

/** Lanes in which two numbers are normal. NaN of the second may slip through. */
export const areNormal = (p: Precision, a: Value, b: Value): Value =>
  vector2(`${p.shape}.ge`, vector2(`${p.shape}.pmin`, magnitude(p, a), magnitude(p, b)), p.smallest);

/** Lanes in which a number is finite. */
export const areFinite = (p: Precision, a: Value): Value =>
  vector2(`${p.shape}.lt`, magnitude(p, a), p.infinity);

/** Lanes in which two numbers are finite, and neither denormal. */
export const areUsual = (p: Precision, a: Value, b: Value): Value => {
  const sum = vector2(`${p.shape}.add`, magnitude(p, a), magnitude(p, b));
  const finite = vector2(`${p.shape}.lt`, sum, p.infinity);
  const usual = (one: Value): Value =>
    vector2(
      "v128.or",
      vector2(`${p.shape}.ge`, magnitude(p, one), p.smallest),
      vector2(`${p.shape}.eq`, one, v128(0n)),
    );
  return both(finite, both(usual(a), usual(b)));
};

/** Lanes in which a number is normal and finite. */
export const isUsual = (p: Precision, a: Value): Value =>
  both(vector2(`${p.shape}.ge`, magnitude(p, a), p.smallest), areFinite(p, a));

/** A vector with signed zeros for its denormals. */
export const withoutDenormals = (p: Precision, a: Value): Value => {
  const small = vector2(`${p.shape}.lt`, magnitude(p, a), p.smallest);
  return vector2("v128.andnot", a, vector2("v128.andnot", small, p.signs));
};

/** MXCSR as i32. [SDM1-10.2.3] */
export const mxcsr = (m: Machine): Value => m.stateField(TYPE.i32, 4, STATE.mxcsr);

const USUAL_BITS = 0xffe0;
/** Everything masked, to nearest, denormals as they are, and inexact results already noted. */
const USUAL_MXCSR = 0x1fa0;

/** i32 1 where MXCSR asks for more than results rounded to nearest. */
export const isDemanding = (m: Machine): Value => ne(and(mxcsr(m), USUAL_BITS), USUAL_MXCSR);

const PRECISION_BITS = 0x1020;
const ROUNDING_BITS = 0x6000;

/** i32 1 unless the precision flag is masked and set (and, if asked for, rounding is to nearest). */
export const notesPrecision = (m: Machine, nearestOnly: boolean): Value =>
  ne(and(mxcsr(m), PRECISION_BITS | (nearestOnly ? ROUNDING_BITS : 0)), PRECISION_BITS);

/** The fault that a function of vector-support reports. */
export const raise = (m: Machine, outcome: Value): void => {
  m.body.if(outcome);
  m.faultIf(eq(outcome, OUTCOME.simdError), VECTOR.simdError);
  m.faultIf(eq(outcome, OUTCOME.invalidOpcode), VECTOR.invalidOpcode);
  m.body.end();
};

/** Sets a local to a fast result, and where `isSlow` to an exact one that may raise a fault. */
export const exactIf = (
  m: Machine,
  fast: Value,
  isSlow: (fast: Value) => Value,
  exact: () => readonly Value[],
): Value => {
  const result = m.temporary(fast.type);
  m.body.set(result, fast);
  m.body.if(isSlow(result));
  const [value = result, outcome = result] = exact();
  raise(m, outcome);
  m.body.set(result, value);
  m.body.end();
  return result;
};
