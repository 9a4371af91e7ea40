import { CR0, VECTOR } from "@xenolith/x86-architecture";
import { describe, expect, it } from "vitest";
import { I686_MODEL } from "../../../src/index.ts";
import type { EngineBench } from "../../support/engine-bench.ts";
import { createTrappingBench, vectorOf } from "../../support/trapping-bench.ts";

const DATA = 0x8000;

/** A bench behind FNINIT. */
const bench = (code: string): EngineBench => {
  const made = createTrappingBench();
  made.load(`dbe3 ${code}`);
  made.step(1);
  return made;
};

const double = ({ memory }: EngineBench, at = DATA): number => memory.view.getFloat64(at, true);
const setDouble = ({ memory }: EngineBench, value: number, at = DATA): void =>
  memory.view.setFloat64(at, value, true);

/** Loads a double, does something, stores a double. */
const through = (value: number, instructions: string, count: number): number => {
  const made = bench(`dd0500800000 ${instructions} dd1d00800000`);
  setDouble(made, value);
  made.step(count + 2);
  return double(made);
};

describe("x87 arithmetic", () => {
  it("computes in 80 bits what doubles cannot hold", () => {
    // fld m ; fld1 ; faddp ; fld m ; fsubp ; fstp m: (x + 1) - x with x = 2^60
    const made = bench("dd0500800000 d9e8 dec1 dd0500800000 dee9 dd1d00800000");
    setDouble(made, 2 ** 60);
    made.step(6);
    expect(double(made)).toBe(1);
  });

  it("rounds to double precision when the control word says so", () => {
    const made = bench("dd0500800000 d9e8 dec1 dd0500800000 dee9 dd1d00800000");
    made.context.floatingPoint.control = 0x27f;
    setDouble(made, 2 ** 60);
    made.step(6);
    expect(double(made)).toBe(0);
  });

  const transcendental: readonly (readonly [string, string, (x: number) => number])[] = [
    ["FSIN", "d9fe", Math.sin],
    ["FCOS", "d9ff", Math.cos],
    ["FSQRT", "d9fa", Math.sqrt],
    ["F2XM1", "d9f0", (x) => Math.expm1(x * Math.LN2)],
    ["FPATAN over 1", "d9e8 d9f3", Math.atan],
    ["FYL2X of 1 times", "d9e8 d9c9 d9f1", Math.log2],
    ["FPTAN", "d9f2 ddd8", Math.tan],
  ];
  for (const [name, instructions, exact] of transcendental) {
    it(`${name} agrees with the host's function`, () => {
      for (const x of [0.001, 0.3, 0.5, 0.75, 0.9375]) {
        const got = through(x, instructions, instructions.split(" ").length);
        expect(Math.abs(got - exact(x)) / Math.abs(exact(x))).toBeLessThan(5e-15);
      }
    });
  }

  it("FSIN leaves an argument of 2^63 alone and says so in C2", () => {
    const made = bench("dd0500800000 d9fe");
    setDouble(made, 2 ** 63);
    made.step(2);
    expect(made.context.floatingPoint.status & 0x400).toBe(0x400);
    expect(made.context.floatingPoint.register(7) >> 64n).toBe(0x403en);
  });
});

describe("the x87 stack", () => {
  it("gives the indefinite where it overflows, and says so in C1", () => {
    const made = bench("d9e8".repeat(9));
    made.step(9);
    const { floatingPoint } = made.context;
    expect(floatingPoint.status & 0x241).toBe(0x241);
    expect(floatingPoint.register(7)).toBe(0xffffc000000000000000n);
  });

  it("gives the indefinite where a register is empty", () => {
    const made = bench("dd1d00800000");
    made.step(1);
    expect(made.memory.view.getBigUint64(DATA, true)).toBe(0xfff8_0000_0000_0000n);
    expect(made.context.floatingPoint.status & 0x241).toBe(0x41);
  });

  it("keeps an unmasked fault pending until an instruction that waits", () => {
    // fld1 ; fldz ; fdivp ; nop
    const made = bench("d9e8 d9ee def9 90");
    made.context.floatingPoint.control = 0x37b;
    made.step(4);
    expect(made.context.floatingPoint.status & 0x8084).toBe(0x8084);
    expect(vectorOf(made, "dfe0 9b")).toBe(VECTOR.x87Error);
  });

  it("stores nothing where an unmasked fault prevents it", () => {
    const made = bench("dd1d00800000");
    made.context.floatingPoint.control = 0x37e;
    setDouble(made, 42);
    made.step(1);
    expect(double(made)).toBe(42);
    expect(made.context.floatingPoint.status & 0x80).toBe(0x80);
  });
});

describe("x87 units that are switched off", () => {
  it("raise #NM with CR0.TS, and WAIT does only with CR0.MP too", () => {
    for (const [code, control, fault] of [
      ["d9e8", CR0.ts, VECTOR.deviceNotAvailable],
      ["d9e8", CR0.em, VECTOR.deviceNotAvailable],
      ["9b", CR0.ts, -1],
      ["9b", CR0.ts | CR0.mp, VECTOR.deviceNotAvailable],
      ["0fae0500800000", CR0.ts, VECTOR.deviceNotAvailable],
    ] as const) {
      const made = createTrappingBench();
      made.context.setControl(0, made.context.control(0) | control);
      expect(vectorOf(made, code)).toBe(fault);
    }
  });
});

describe("x87 state in memory", () => {
  const fill = ({ context }: EngineBench): void => {
    const { floatingPoint } = context;
    floatingPoint.control = 0x27f;
    floatingPoint.status = 0x1a20;
    floatingPoint.tags = 0xf8;
    floatingPoint.mxcsr = 0x1fa0;
    for (let n = 0; n < 8; n++) {
      floatingPoint.setRegister(n, (BigInt(0x3fff + n) << 64n) | (1n << 63n) | BigInt(n));
      floatingPoint.setVector(n, BigInt(n + 1) << 100n);
    }
  };
  const state = ({ context: { floatingPoint } }: EngineBench): readonly unknown[] => [
    floatingPoint.control,
    floatingPoint.status,
    floatingPoint.tags,
    ...Array.from({ length: 8 }, (_, n) => floatingPoint.register(n)),
  ];
  const vectors = ({ context: { floatingPoint } }: EngineBench): readonly unknown[] => [
    floatingPoint.mxcsr,
    ...Array.from({ length: 8 }, (_, n) => floatingPoint.vector(n)),
  ];

  for (const [name, prefix] of [
    ["32-bit", ""],
    ["16-bit", "66"],
  ] as const) {
    it(`FRSTOR brings back what FNSAVE stored, in the ${name} format`, () => {
      const made = bench(`${prefix}dd3500800000 ${prefix}dd2500800000`);
      fill(made);
      const before = state(made);
      made.step(1);
      expect(made.context.floatingPoint.tags).toBe(0);
      made.step(1);
      expect(state(made)).toEqual(before);
    });
  }

  it("FXRSTOR brings back what FXSAVE stored, vector registers included", () => {
    // fxsave ; fninit ; fxrstor
    const made = bench("0fae0500800000 dbe3 0fae0d00800000");
    fill(made);
    const before = [...state(made), ...vectors(made)];
    made.step(2);
    for (let n = 0; n < 8; n++) made.context.floatingPoint.setVector(n, 0n);
    made.step(1);
    expect([...state(made), ...vectors(made)]).toEqual(before);
  });

  it("FXRSTOR refuses bits of MXCSR that do not exist, and addresses off 16 bytes", () => {
    const made = createTrappingBench();
    expect(vectorOf(made, "0fae0d00800000")).toBe(-1);
    made.memory.view.setUint32(DATA + 24, 0x1_0000, true);
    expect(vectorOf(made, "0fae0d00800000")).toBe(VECTOR.generalProtection);
    expect(vectorOf(made, "0fae0d08800000")).toBe(VECTOR.generalProtection);
  });

  it("FXSAVE is undefined on a processor without it", () => {
    expect(vectorOf(createTrappingBench(I686_MODEL), "0fae0500800000")).toBe(VECTOR.invalidOpcode);
  });

  it("FNSTENV masks all exceptions behind what it stores", () => {
    const made = bench("d93500800000");
    made.context.floatingPoint.control = 0x340;
    made.step(1);
    expect(made.memory.view.getUint16(DATA, true)).toBe(0x340);
    expect(made.context.floatingPoint.control).toBe(0x37f);
  });
});
