import {
  and,
  eq,
  extractLane,
  type FunctionBody,
  i32,
  isZero,
  load,
  ne,
  or,
  select,
  splat,
  TYPE,
  type Value,
  type VectorBinaryName,
  v128,
  v128Pair,
  vector1,
  vector2,
  vectorTest,
} from "@xenolith/wasm-emitter";
import { STATE } from "../state/layout.ts";
import type { LANE_OPERATION } from "./arithmetic-lane.ts";
import { MXCSR } from "./lane-format.ts";

const zero = v128(0n);

interface Format {
  readonly shape: "f32x4" | "f64x2";
  readonly lanes: "i32x4" | "i64x2";
  readonly smallest: Value;
  readonly infinity: Value;
  /** Bits of a mantissa that must be zero in both factors for a product that is surely exact. */
  readonly lowHalf: Value;
}

const pairOf = (word: bigint): Value => v128Pair((word << 32n) | word);

const SINGLE: Format = {
  shape: "f32x4",
  lanes: "i32x4",
  smallest: pairOf(0x80_0000n),
  infinity: pairOf(0x7f80_0000n),
  lowHalf: pairOf(0xfffn),
};

const DOUBLE: Format = {
  shape: "f64x2",
  lanes: "i64x2",
  smallest: v128Pair(1n << 52n),
  infinity: v128Pair(0x7ffn << 52n),
  lowHalf: v128Pair(0x7ff_ffffn),
};

/** Bits of MXCSR that must be as after a reset, but for the flags. */
const CONTROL_BITS = 0xffc0;
const USUAL_CONTROL = 0x1f80;

const BASIC = { add: 0, sub: 1, mul: 2, div: 3 } as const satisfies Partial<typeof LANE_OPERATION>;

/**
 * Returns from a function with (result, 0) where WebAssembly's own arithmetic does: rounding is to nearest, everything is
 * masked, operands are zero or normal, results are neither tiny nor infinite; and whether they are exact can be told at once,
 * or is known not to matter. Operations are add, sub, mul and div; scalars are lane 0.
 */
export const returnQuickly = (
  body: FunctionBody,
  state: number,
  parameters: {
    readonly operation: Value;
    readonly isDouble: Value;
    readonly isScalar: Value;
    readonly a: Value;
    readonly b: Value;
  },
  merge: (a: Value, result: Value, isDouble: boolean) => Value,
): void => {
  const { operation, isDouble, isScalar, a, b } = parameters;
  const mxcsr = load(TYPE.i32, 4, false, i32(state), STATE.mxcsr);
  const x = body.local(TYPE.v128);
  const y = body.local(TYPE.v128);
  const result = body.local(TYPE.v128);
  const rest = body.local(TYPE.v128);
  const emit = (format: Format): void => {
    const done = body.block();
    const lane0 = (vector: Value): Value => splat(format.shape, extractLane(format.shape, vector, 0));
    body.set(x, select(lane0(a), a, isScalar));
    body.set(y, select(lane0(b), b, isScalar));
    const name = (operator: "add" | "sub" | "mul" | "div"): VectorBinaryName => `${format.shape}.${operator}`;
    const size = (vector: Value): Value => vector1(`${format.shape}.abs`, vector);
    const isNone = (vector: Value): Value => vector2(`${format.shape}.eq`, vector, zero);
    const both = (p: Value, q: Value): Value => vector2("v128.and", p, q);
    const unless = (mask: Value): void =>
      body.branchIf(done, isZero(vectorTest(`${format.lanes}.allTrue`, mask)));
    const usual = (vector: Value): Value =>
      vector2("v128.or", vector2(`${format.shape}.ge`, size(vector), format.smallest), isNone(vector));
    unless(both(usual(x), usual(y)));
    for (const operator of ["add", "sub", "mul", "div"] as const) {
      body.if(eq(operation, BASIC[operator]));
      body.set(result, vector2(name(operator), x, y));
      body.end();
    }
    unless(vector2(`${format.shape}.lt`, size(result), format.infinity));
    const isProduct = and(operation, 2);
    body.if(isProduct);
    const noneIsRight = vector2(
      "v128.or",
      isNone(x),
      vector2("v128.andnot", isNone(y), splat("i32x4", select(i32(-1), i32(0), eq(operation, BASIC.div)))),
    );
    const isLarge = vector2(`${format.shape}.gt`, size(result), format.smallest);
    unless(vector2("v128.or", isLarge, noneIsRight));
    body.end();
    body.if(isZero(and(mxcsr, MXCSR.precision)));
    body.branchIf(done, eq(operation, BASIC.div));
    body.if(isProduct);
    const low = both(vector2("v128.or", x, y), format.lowHalf);
    body.branchIf(done, vectorTest("v128.anyTrue", low));
    body.else();
    // What a sum lacks, exactly: see Knuth's TwoSum.
    body.if(eq(operation, BASIC.sub));
    body.set(y, vector1(`${format.shape}.neg`, y));
    body.end();
    body.set(rest, vector2(name("sub"), result, x));
    const ofX = vector2(name("sub"), x, vector2(name("sub"), result, rest));
    const ofY = vector2(name("sub"), y, rest);
    body.set(rest, vector2(name("add"), ofX, ofY));
    body.if(vectorTest("v128.anyTrue", vector2(`${format.shape}.ne`, rest, zero)));
    body.store(4, i32(state), or(mxcsr, MXCSR.precision), STATE.mxcsr);
    body.end();
    body.end();
    body.end();
    body.return(select(merge(a, result, format === DOUBLE), result, isScalar), i32(0));
    body.end();
  };
  body.if(and(eq(and(mxcsr, CONTROL_BITS), USUAL_CONTROL), isZero(ne(and(operation, -4), 0))));
  body.if(isDouble);
  emit(DOUBLE);
  body.else();
  emit(SINGLE);
  body.end();
  body.end();
};
