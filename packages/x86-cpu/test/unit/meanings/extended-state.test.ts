import { CR0, CR4, REGISTER } from "@xenolith/x86-architecture";
import { beforeEach, describe, expect, it } from "vitest";
import type { EngineBench } from "../../support/engine-bench.ts";
import { createLongTrappingBench, createTrappingBench, vectorOf } from "../../support/trapping-bench.ts";

const { rax, rcx, rdx } = REGISTER;
const AREA = 0x8000;
const [UD, NM, GP] = [6, 7, 13];
const ENABLED = CR4.osfxsr | CR4.osxsave;

/** XSETBV with 3, behind which both components are there. */
const enable = (bench: EngineBench): void => {
  ask(bench, 3);
  bench.context.setRegister(rcx, 0);
  expect(vectorOf(bench, "0f 01 d1")).toBe(-1);
};

/** Puts the components that are asked for into EDX:EAX. */
const ask = ({ context }: EngineBench, components: number): void => {
  context.setRegister(rax, components);
  context.setRegister(rdx, 0);
};

/** fxsave, xsave, xrstor … of the area, in 64-bit code with REX.W where `isLong` says so. */
const onArea = (operation: number, isLong = false): string =>
  `${isLong ? "48 " : ""}0f ae ${((operation << 3) | 4).toString(16).padStart(2, "0")} 25 00 80 00 00`;
const FXSAVE = 0;
const FXRSTOR = 1;
const XSAVE = 4;
const XRSTOR = 5;
const XSAVEOPT = 6;

const fillState = ({ context: { floatingPoint } }: EngineBench): void => {
  floatingPoint.control = 0x27f;
  floatingPoint.status = 0x3800;
  floatingPoint.tags = 0x80;
  floatingPoint.mxcsr = 0x1fa0;
  floatingPoint.setRegister(7, (0xc001n << 64n) | 0x8000_0000_0000_0001n);
  for (let index = 0; index < 16; index++)
    floatingPoint.setVector(index, (BigInt(index + 1) << 100n) | BigInt(index));
};

const clearState = ({ context: { floatingPoint } }: EngineBench): void => {
  floatingPoint.control = 0x37f;
  floatingPoint.status = 0;
  floatingPoint.tags = 0;
  floatingPoint.mxcsr = 0x1f80;
  for (let index = 0; index < 8; index++) floatingPoint.setRegister(index, 0n);
  for (let index = 0; index < 16; index++) floatingPoint.setVector(index, 0n);
};

const stateOf = ({ context: { floatingPoint } }: EngineBench, vectors: number): readonly unknown[] => [
  floatingPoint.control,
  floatingPoint.status,
  floatingPoint.tags,
  floatingPoint.mxcsr,
  floatingPoint.register(7),
  Array.from({ length: vectors }, (_, index) => floatingPoint.vector(index)),
];

describe("FXSAVE in 64-bit code", () => {
  it.each([false, true])("saves what FXRSTOR restores, all sixteen registers (REX.W: %s)", (isLong) => {
    const bench = createLongTrappingBench();
    fillState(bench);
    const before = stateOf(bench, 16);
    expect(vectorOf(bench, onArea(FXSAVE, isLong))).toBe(-1);
    clearState(bench);
    expect(stateOf(bench, 16)).not.toEqual(before);
    expect(vectorOf(bench, onArea(FXRSTOR, isLong))).toBe(-1);
    expect(stateOf(bench, 16)).toEqual(before);
  });

  it("puts each field where the manual has it", () => {
    const bench = createLongTrappingBench();
    fillState(bench);
    bench.memory.bytes.fill(0xcc, AREA, AREA + 512);
    vectorOf(bench, onArea(FXSAVE));
    const { view } = bench.memory;
    expect(view.getUint16(AREA, true)).toBe(0x27f);
    expect(view.getUint16(AREA + 2, true)).toBe(0x3800);
    expect(view.getUint8(AREA + 4)).toBe(0x80);
    expect(view.getUint32(AREA + 24, true)).toBe(0x1fa0);
    expect(view.getUint32(AREA + 28, true)).toBe(0xffff);
    // Stack order: with TOP at 7, ST(0) is register 7.
    expect(view.getBigUint64(AREA + 32, true)).toBe(0x8000_0000_0000_0001n);
    expect(view.getUint16(AREA + 40, true)).toBe(0xc001);
    expect(view.getBigUint64(AREA + 160 + 16 * 15, true)).toBe(15n);
    expect(view.getBigUint64(AREA + 160 + 16 * 15 + 8, true)).toBe(16n << 36n);
    expect(view.getUint8(AREA + 416)).toBe(0xcc);
  });

  it("has 64-bit pointers with REX.W, and selectors without", () => {
    const bench = createLongTrappingBench();
    // Pointers are those of the last instruction that left an exception pending: fld dword [0x8400], a signalling NaN.
    bench.memory.view.setUint32(0x8400, 0x7f80_0001, true);
    const unmask = (): void => {
      clearState(bench);
      bench.context.floatingPoint.control = 0x37e;
    };
    unmask();
    const load = "d9 04 25 00 84 00 00";
    vectorOf(bench, `${load} ${onArea(FXSAVE, true)}`);
    const { view } = bench.memory;
    expect(view.getBigUint64(AREA + 8, true)).toBe(0x1000n);
    expect(view.getBigUint64(AREA + 16, true)).toBe(0x8400n);
    unmask();
    vectorOf(bench, `${load} ${onArea(FXSAVE)}`);
    expect(view.getUint32(AREA + 8, true)).toBe(0x1000);
    expect(view.getUint16(AREA + 12, true)).toBe(0x18);
    expect(view.getUint32(AREA + 16, true)).toBe(0x8400);
  });

  it("leaves the upper eight registers alone outside 64-bit code", () => {
    const bench = createTrappingBench();
    fillState(bench);
    bench.memory.bytes.fill(0xcc, AREA, AREA + 512);
    vectorOf(bench, "0f ae 05 00 80 00 00");
    expect(bench.memory.view.getUint8(AREA + 160 + 127)).not.toBe(0xcc);
    expect(bench.memory.view.getUint8(AREA + 160 + 128)).toBe(0xcc);
  });

  it("needs an aligned area, and FXRSTOR a legal MXCSR", () => {
    const bench = createLongTrappingBench();
    expect(vectorOf(bench, "0f ae 04 25 08 80 00 00")).toBe(GP);
    vectorOf(bench, onArea(FXSAVE));
    bench.memory.view.setUint32(AREA + 24, 0x1_0000, true);
    fillState(bench);
    const before = stateOf(bench, 16);
    expect(vectorOf(bench, onArea(FXRSTOR))).toBe(GP);
    expect(stateOf(bench, 16)).toEqual(before);
  });
});

describe("XSAVE and XRSTOR", () => {
  let bench = createLongTrappingBench(ENABLED);
  const header = (at: number): number => bench.memory.view.getUint32(AREA + 512 + at, true);

  beforeEach(() => {
    bench = createLongTrappingBench(ENABLED);
    enable(bench);
    fillState(bench);
  });

  it.each([XSAVE, XSAVEOPT])("save what XRSTOR restores (operation %i)", (operation) => {
    const before = stateOf(bench, 16);
    ask(bench, 7);
    expect(vectorOf(bench, onArea(operation, true))).toBe(-1);
    expect([header(0), header(4)]).toEqual([3, 0]);
    clearState(bench);
    expect(vectorOf(bench, onArea(XRSTOR, true))).toBe(-1);
    expect(stateOf(bench, 16)).toEqual(before);
  });

  it("leaves what lies behind the registers as it was", () => {
    const behind = (): Uint8Array => bench.memory.bytes.slice(AREA + 416, AREA + 512);
    bench.memory.bytes.fill(0xcc, AREA + 416, AREA + 512);
    const before = behind();
    ask(bench, 3);
    expect(vectorOf(bench, onArea(XSAVE))).toBe(-1);
    expect(behind()).toEqual(before);
  });

  it("save and restore only what is asked for", () => {
    bench.memory.bytes.fill(0xcc, AREA, AREA + 512);
    bench.memory.view.setUint32(AREA + 512, 1, true);
    ask(bench, 2);
    vectorOf(bench, onArea(XSAVE));
    expect(header(0)).toBe(3);
    expect(bench.memory.view.getUint16(AREA, true)).toBe(0xcccc);
    expect(bench.memory.view.getUint32(AREA + 24, true)).toBe(0x1fa0);
    ask(bench, 1);
    vectorOf(bench, onArea(XSAVE));
    expect(bench.memory.view.getUint16(AREA, true)).toBe(0x27f);
    clearState(bench);
    vectorOf(bench, onArea(XRSTOR));
    expect(bench.context.floatingPoint.control).toBe(0x27f);
    expect(bench.context.floatingPoint.vector(3)).toBe(0n);
    expect(bench.context.floatingPoint.mxcsr).toBe(0x1f80);
  });

  it("give what is not in the area its initial state, but for MXCSR", () => {
    ask(bench, 3);
    vectorOf(bench, onArea(XSAVE));
    bench.memory.view.setUint32(AREA + 512, 0, true);
    expect(vectorOf(bench, onArea(XRSTOR))).toBe(-1);
    const { floatingPoint } = bench.context;
    expect([floatingPoint.control, floatingPoint.status, floatingPoint.tags]).toEqual([0x37f, 0, 0]);
    expect(floatingPoint.register(7)).toBe(0n);
    expect(floatingPoint.vector(9)).toBe(0n);
    expect(floatingPoint.mxcsr).toBe(0x1fa0);
  });

  it.each([
    ["components that are not enabled", 512, 4],
    ["components beyond 32 bits", 516, 1],
    ["a compacted format", 524, 0x8000_0000],
    ["reserved bytes of the header", 532, 1],
    ["reserved bits of MXCSR", 24, 0x1_0000],
  ])("XRSTOR faults with %s", (_name, at, value) => {
    ask(bench, 3);
    vectorOf(bench, onArea(XSAVE));
    bench.memory.view.setUint32(AREA + at, value, true);
    const before = stateOf(bench, 16);
    expect(vectorOf(bench, onArea(XRSTOR))).toBe(GP);
    expect(stateOf(bench, 16)).toEqual(before);
  });

  it("need an area at a multiple of 64", () => {
    expect(vectorOf(bench, "0f ae 24 25 20 80 00 00")).toBe(GP);
    expect(vectorOf(bench, "0f ae 2c 25 20 80 00 00")).toBe(GP);
  });

  it("are undefined without CR4.OSXSAVE, and wait for a switched task, but not for an emulated unit", () => {
    const { context } = bench;
    const control0 = context.control(0);
    context.setControl(0, control0 | CR0.em);
    expect(vectorOf(bench, onArea(XSAVE))).toBe(-1);
    context.setControl(0, control0 | CR0.ts);
    expect(vectorOf(bench, onArea(XSAVE))).toBe(NM);
    expect(vectorOf(bench, onArea(XRSTOR))).toBe(NM);
    context.setControl(4, context.control(4) & ~CR4.osxsave);
    for (const operation of [XSAVE, XRSTOR, XSAVEOPT]) expect(vectorOf(bench, onArea(operation))).toBe(UD);
    expect(vectorOf(bench, "0f 01 d0")).toBe(UD);
  });

  it("follow XCR0, which XGETBV reads and XSETBV checks", () => {
    bench.context.setRegister(rcx, 0);
    expect(vectorOf(bench, "0f 01 d0")).toBe(-1);
    expect([bench.context.register(rax), bench.context.register(rdx)]).toEqual([3, 0]);
    for (const illegal of [0, 2, 5]) {
      ask(bench, illegal);
      expect(vectorOf(bench, "0f 01 d1")).toBe(GP);
    }
    ask(bench, 1);
    expect(vectorOf(bench, "0f 01 d1")).toBe(-1);
    ask(bench, 3);
    bench.memory.bytes.fill(0, AREA, AREA + 576);
    vectorOf(bench, onArea(XSAVE));
    expect(header(0)).toBe(1);
  });

  it("are announced by CPUID as far as CR4 has them enabled", () => {
    const ecx = (): number => {
      bench.context.setRegister(rax, 1);
      expect(vectorOf(bench, "0f a2")).toBe(-1);
      return (bench.context.register(rcx) >>> 26) & 3;
    };
    expect(ecx()).toBe(3);
    bench.context.setControl(4, bench.context.control(4) & ~CR4.osxsave);
    expect(ecx()).toBe(1);
  });
});
