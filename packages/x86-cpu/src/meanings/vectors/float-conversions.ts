import {
  add,
  and,
  constant,
  conversion,
  convert,
  extractLane,
  float1,
  floatCompare,
  gtU,
  i32,
  isZero,
  or,
  replaceLane,
  type Shape,
  shuffle,
  TYPE,
  type Value,
  v128,
  vector1,
  vector2,
  wrap,
} from "@xenolith/wasm-emitter";
import type { Machine } from "../../machine/machine.ts";
import { beginMmx, enterMmx } from "../../machine/mmx.ts";
import { TO_INTEGER } from "../../vector-support/convert-lane.ts";
import {
  PACKED_FROM_INTEGER,
  PACKED_RESIZE,
  PACKED_TO_INTEGER,
  SCALAR_FROM_INTEGER,
  SCALAR_RESIZE,
  SCALAR_TO_INTEGER,
} from "../../vector-support/packed.ts";
import type { Definition, Meaning } from "../definition.ts";
import { binary, operandBytesWith, unary, vectorForms } from "./forms.ts";
import { mergeLow } from "./moves.ts";
import {
  areUsual,
  DOUBLE,
  exactIf,
  isDemanding,
  isMissing,
  magnitude,
  notesPrecision,
  type Precision,
  SINGLE,
} from "./precision.ts";

const zero = v128(0n);
const SMALLEST_SINGLE = v128(0x3810_0000_0000_0000_3810_0000_0000_0000n);

/** Doubles that are zero, or normal and finite when they are singles (given widened again). */
const areNormalSingles = (a: Value, widened: Value): Value => {
  const size = magnitude(DOUBLE, widened);
  const normal = vector2(
    "v128.and",
    vector2("f64x2.gt", size, SMALLEST_SINGLE),
    vector2("f64x2.lt", size, DOUBLE.infinity),
  );
  return vector2("v128.or", normal, vector2("f64x2.eq", a, zero));
};

// Between the formats

const widened = (m: Machine, a: Value): Value =>
  exactIf(
    m,
    vector1("f64x2.promoteLow", a),
    () => isMissing(SINGLE, areUsual(SINGLE, a, a), "two"),
    () => m.call(PACKED_RESIZE, i32(1), a),
  );

const narrowed = (m: Machine, a: Value): Value =>
  exactIf(
    m,
    vector1("f32x4.demoteZero", a),
    (result) =>
      or(isDemanding(m), isMissing(DOUBLE, areNormalSingles(a, vector1("f64x2.promoteLow", result)), "all")),
    () => m.call(PACKED_RESIZE, i32(0), a),
  );

const scalarWidened = (m: Machine, a: Value, b: Value): Value => {
  const low = convert(extractLane("i32x4", b, 0), TYPE.i64);
  const fast = extractLane("i64x2", vector1("f64x2.promoteLow", b), 0);
  const bits = exactIf(
    m,
    fast,
    () => isMissing(SINGLE, areUsual(SINGLE, b, b), "one"),
    () => m.call(SCALAR_RESIZE, i32(1), low),
  );
  return replaceLane("i64x2", a, 0, bits);
};

const scalarNarrowed = (m: Machine, a: Value, b: Value): Value => {
  const small = m.pin(vector1("f32x4.demoteZero", b));
  const bits = exactIf(
    m,
    convert(extractLane("i32x4", small, 0), TYPE.i64),
    () =>
      or(isDemanding(m), isMissing(DOUBLE, areNormalSingles(b, vector1("f64x2.promoteLow", small)), "one")),
    () => m.call(SCALAR_RESIZE, i32(0), extractLane("i64x2", b, 0)),
  );
  return replaceLane("i32x4", a, 0, wrap(bits));
};

// From integers

/** Integers up to this are floats of 32 bits. */
const EXACT_SINGLES = v128(0x0100_0000_0100_0000_0100_0000_0100_0000n);

const fromIntegers = (m: Machine, a: Value, lanes: 2 | 4): Value =>
  exactIf(
    m,
    vector1("f32x4.convertI32S", a),
    () => {
      const exact = vector2("i32x4.leU", vector1("i32x4.abs", a), EXACT_SINGLES);
      return and(isDemanding(m), isMissing(SINGLE, exact, lanes === 2 ? "two" : "all"));
    },
    () => m.call(PACKED_FROM_INTEGER, a, i32(lanes)),
  );

const exactDoubles = (_m: Machine, a: Value): Value => vector1("f64x2.convertLowI32S", a);

const fromGeneral =
  (p: Precision): Meaning =>
  (m) => {
    const integer = m.pin(m.read(1, "signed"));
    const isWide = integer.type === TYPE.i64;
    const a = m.pin(m.vector(0));
    if (p === DOUBLE && !isWide) {
      m.setVector(0, replaceLane("f64x2", a, 0, conversion("f64.convertI32S", integer)));
      return;
    }
    const bits = exactIf(
      m,
      floatBits(p, integer),
      () => and(isDemanding(m), isInexact(p, integer)),
      () => m.call(SCALAR_FROM_INTEGER, i32(p.format), convert(integer, TYPE.i64, true)),
    );
    m.setVector(0, p === DOUBLE ? replaceLane("i64x2", a, 0, bits) : replaceLane("i32x4", a, 0, wrap(bits)));
  };

const floatBits = (p: Precision, integer: Value): Value => {
  const isWide = integer.type === TYPE.i64;
  if (p === DOUBLE) return conversion("i64.reinterpretF64", conversion("f64.convertI64S", integer));
  const single = conversion(isWide ? "f32.convertI64S" : "f32.convertI32S", integer);
  return convert(conversion("i32.reinterpretF32", single), TYPE.i64);
};

/** Whether an integer has more bits than a float. */
const isInexact = (p: Precision, integer: Value): Value => {
  const limit = p === DOUBLE ? 2 ** 53 : 2 ** 24;
  return gtU(add(integer, constant(integer.type, limit)), constant(integer.type, 2 * limit));
};

// To integers

const LIMIT = {
  f32x4: v128(0x4f00_0000_4f00_0000_4f00_0000_4f00_0000n),
  f64x2: v128(0x41e0_0000_0000_0000_41e0_0000_0000_0000n),
} as const;

/** Floats as 32-bit integers in the lowest lanes, zeros above. */
const toIntegers = (m: Machine, p: Precision, a: Value, truncates: boolean, lanes: 2 | 4): Value => {
  const whole = m.pin(vector1(`${p.shape}.${truncates ? "trunc" : "nearest"}`, a));
  const saturated = vector1(p === SINGLE ? "i32x4.truncSatF32S" : "i32x4.truncSatF64SZero", whole);
  const fast = p === SINGLE && lanes === 2 ? shuffle(saturated, zero, LOW_HALF) : saturated;
  return exactIf(
    m,
    fast,
    () => {
      const fits = vector2(`${p.shape}.lt`, magnitude(p, whole), LIMIT[p.shape]);
      const count = p === SINGLE && lanes === 2 ? "two" : "all";
      return or(notesPrecision(m, !truncates), isMissing(p, fits, count));
    },
    () => m.call(PACKED_TO_INTEGER, i32(p.format), a, i32(truncates ? TO_INTEGER.truncate : 0), i32(lanes)),
  );
};

const LOW_HALF = [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23];

const toGeneral =
  (p: Precision, truncates: boolean): Meaning =>
  (m) => {
    const b = m.pin(m.vector(1));
    const isWide = m.sizeBytes === 8;
    const low = extractLane(p.shape, b, 0);
    const number = m.pin(p === DOUBLE ? low : conversion("f64.promoteF32", low));
    const whole = m.pin(float1(truncates ? "trunc" : "nearest", number));
    const integer = conversion(isWide ? "i64.truncSatF64S" : "i32.truncSatF64S", whole);
    const result = exactIf(
      m,
      convert(integer, TYPE.i64, true),
      () => {
        const limit = constant(TYPE.f64, isWide ? 2 ** 63 : 2 ** 31);
        const fits = floatCompare("lt", float1("abs", whole), limit);
        const changes = floatCompare("ne", whole, number);
        const asks = truncates ? and(notesPrecision(m, false), changes) : notesPrecision(m, true);
        return or(isZero(fits), asks);
      },
      () => {
        const shape: Shape = p === DOUBLE ? "i64x2" : "i32x4";
        const bits = convert(extractLane(shape, b, 0), TYPE.i64);
        const how = (truncates ? TO_INTEGER.truncate : 0) | (isWide ? TO_INTEGER.wide : 0);
        return m.call(SCALAR_TO_INTEGER, i32(p.format), bits, i32(how));
      },
    );
    m.write(0, convert(result, m.type));
  };

const general = (
  mnemonic: string,
  forms: readonly string[],
  bytes: number,
  meaning: Meaning,
): Definition => ({
  mnemonic,
  sizes: (wide) => (wide ? [4, 8] : [4]),
  forms,
  operandBytes: (sizeBytes, position, letter) =>
    letter === "m" && bytes === 0 ? sizeBytes : operandBytesWith(bytes)(sizeBytes, position, letter),
  meaning,
});

/** The x87 state changes even where the conversion then raises an exception. */
const toMmx = (mnemonic: string, p: Precision, truncates: boolean): Definition =>
  vectorForms(mnemonic, ["nx", "nm"], 2 * p.bytes, (m) => {
    beginMmx(m);
    const b = m.pin(m.vector(1));
    enterMmx(m);
    m.setVector(0, toIntegers(m, p, b, truncates, 2));
  });

/** From MMX registers the x87 state changes, from memory it does not. */
const fromMmx = (
  mnemonic: string,
  compute: (m: Machine, a: Value, b: Value) => Value,
): readonly Definition[] => [
  vectorForms(mnemonic, ["xn"], 8, (m) => {
    beginMmx(m);
    const b = m.pin(m.vector(1));
    enterMmx(m);
    m.setVector(0, compute(m, m.pin(m.vector(0)), b));
  }),
  binary(mnemonic, compute, 8),
];

/** Conversions of SSE and SSE2. [SDM1-11.4.1.6] */
export const floatConversions: readonly Definition[] = [
  unary("cvtps2pd", widened, 8),
  unary("cvtpd2ps", narrowed),
  binary("cvtss2sd", scalarWidened, 4),
  binary("cvtsd2ss", scalarNarrowed, 8),
  unary("cvtdq2ps", (m, a) => fromIntegers(m, a, 4)),
  unary("cvtdq2pd", exactDoubles, 8),
  unary("cvtps2dq", (m, a) => toIntegers(m, SINGLE, a, false, 4)),
  unary("cvttps2dq", (m, a) => toIntegers(m, SINGLE, a, true, 4)),
  unary("cvtpd2dq", (m, a) => toIntegers(m, DOUBLE, a, false, 2)),
  unary("cvttpd2dq", (m, a) => toIntegers(m, DOUBLE, a, true, 2)),
  general("cvtsi2ss", ["xr", "xm"], 0, fromGeneral(SINGLE)),
  general("cvtsi2sd", ["xr", "xm"], 0, fromGeneral(DOUBLE)),
  general("cvtss2si", ["rx", "rm"], 4, toGeneral(SINGLE, false)),
  general("cvttss2si", ["rx", "rm"], 4, toGeneral(SINGLE, true)),
  general("cvtsd2si", ["rx", "rm"], 8, toGeneral(DOUBLE, false)),
  general("cvttsd2si", ["rx", "rm"], 8, toGeneral(DOUBLE, true)),
  ...fromMmx("cvtpi2ps", (m, a, b) => mergeLow(8, a, fromIntegers(m, b, 2))),
  ...fromMmx("cvtpi2pd", (m, _a, b) => exactDoubles(m, b)),
  toMmx("cvtps2pi", SINGLE, false),
  toMmx("cvttps2pi", SINGLE, true),
  toMmx("cvtpd2pi", DOUBLE, false),
  toMmx("cvttpd2pi", DOUBLE, true),
];
