import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  add,
  constant,
  conversion,
  EmitterError,
  extractLane,
  type FloatBinaryName,
  type FloatComparisonName,
  type FloatUnaryName,
  float,
  float1,
  floatCompare,
  i32,
  ModuleBuilder,
  splat,
  TYPE,
  type Value,
  type ValueType,
  vector2,
} from "../../src/index.ts";

const compiled = (
  parameters: readonly ValueType[],
  value: (...values: Value[]) => Value,
): ((...inputs: (number | bigint)[]) => number | bigint) => {
  const module = new ModuleBuilder();
  const probe = new ModuleBuilder().function(parameters, []);
  const { type } = value(...parameters.map((_, index) => probe.parameter(index)));
  const body = module.function(parameters, [type], "run");
  body.push(value(...parameters.map((_, index) => body.parameter(index))));
  return new WebAssembly.Instance(new WebAssembly.Module(module.finish())).exports["run"] as (
    ...inputs: (number | bigint)[]
  ) => number | bigint;
};

const nearest = (a: number): number => {
  const floor = Math.floor(a);
  const rest = a - floor;
  if (Number.isNaN(a) || !Number.isFinite(a) || rest === 0) return a;
  const up = rest > 0.5 || (rest === 0.5 && floor % 2 !== 0);
  const result = up ? floor + 1 : floor;
  return result === 0 && a < 0 ? -0 : result;
};

const BINARY: Readonly<Record<FloatBinaryName, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  min: Math.min,
  max: Math.max,
  copysign: (a, b) => (b < 0 || Object.is(b, -0) ? -Math.abs(a) : Math.abs(a)),
};
const UNARY: Readonly<Record<FloatUnaryName, (a: number) => number>> = {
  abs: Math.abs,
  neg: (a) => -a,
  ceil: Math.ceil,
  floor: Math.floor,
  trunc: Math.trunc,
  nearest,
  sqrt: Math.sqrt,
};
const COMPARE: Readonly<Record<FloatComparisonName, (a: number, b: number) => boolean>> = {
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  lt: (a, b) => a < b,
  gt: (a, b) => a > b,
  le: (a, b) => a <= b,
  ge: (a, b) => a >= b,
};

const names = <Name extends string>(table: Readonly<Record<Name, unknown>>): readonly Name[] =>
  Object.keys(table) as Name[];

describe("floats", () => {
  it.each([
    [TYPE.f64, (value: number): number => value],
    [TYPE.f32, Math.fround],
  ] as const)("of type %s follow IEEE 754", (type, round) => {
    const any = fc
      .oneof(
        fc.double(),
        fc.integer({ min: -9, max: 9 }).map((n) => n / 2),
      )
      .map(round);
    for (const name of names(BINARY)) {
      const run = compiled([type, type], (a = i32(0), b = i32(0)) => float(name, a, b));
      const isCopy = name === "copysign";
      fc.assert(
        fc.property(any, any, (a, b) => {
          if (isCopy && Number.isNaN(b)) return;
          expect(run(a, b)).toBe(round(BINARY[name](a, b)));
        }),
      );
    }
    for (const name of names(UNARY)) {
      const run = compiled([type], (a = i32(0)) => float1(name, a));
      fc.assert(
        fc.property(any, (a) => {
          expect(run(a)).toBe(round(UNARY[name](a)));
        }),
      );
    }
    for (const name of names(COMPARE)) {
      const run = compiled([type, type], (a = i32(0), b = i32(0)) => floatCompare(name, a, b));
      fc.assert(
        fc.property(any, any, (a, b) => {
          expect(run(a, b)).toBe(COMPARE[name](a, b) ? 1 : 0);
        }),
      );
    }
  });

  it("convert with saturation, and reinterpret bits", () => {
    const toWord = compiled([TYPE.f64], (a = i32(0)) => conversion("i32.truncSatF64S", a));
    expect([1e10, -1e10, Number.NaN, -1.9].map((a) => toWord(a))).toEqual([0x7fff_ffff, -0x8000_0000, 0, -1]);
    const wide = compiled([TYPE.f64], (a = i32(0)) => conversion("i64.truncSatF64U", a));
    expect(wide(2 ** 63)).toBe(-(2n ** 63n));
    const bits = compiled([TYPE.f64], (a = i32(0)) => conversion("i64.reinterpretF64", a));
    fc.assert(
      fc.property(fc.double({ noNaN: true }), (a) => {
        const view = new DataView(new ArrayBuffer(8));
        view.setFloat64(0, a);
        expect(bits(a)).toBe(view.getBigInt64(0));
      }),
    );
    const demoted = compiled([TYPE.f64], (a = i32(0)) => conversion("f32.demoteF64", a));
    fc.assert(
      fc.property(fc.double(), (a) => {
        expect(demoted(a)).toBe(Math.fround(a));
      }),
    );
  });

  it("are constants of both types", () => {
    expect(compiled([], () => constant(TYPE.f32, 1.5))()).toBe(1.5);
    expect(compiled([], () => constant(TYPE.f64, -1e300))()).toBe(-1e300);
  });

  it("fill vectors", () => {
    const run = compiled([TYPE.f64, TYPE.f64], (a = i32(0), b = i32(0)) =>
      extractLane("f64x2", vector2("f64x2.div", splat("f64x2", a), splat("f64x2", b)), 1),
    );
    expect(run(1, 3)).toBe(1 / 3);
  });

  it("are no integers", () => {
    const one = constant(TYPE.f32, 1);
    expect(() => add(one, one)).toThrow(EmitterError);
    expect(() => float("add", one, constant(TYPE.f64, 1))).toThrow(EmitterError);
    expect(() => conversion("f64.promoteF32", i32(1))).toThrow(EmitterError);
  });
});
