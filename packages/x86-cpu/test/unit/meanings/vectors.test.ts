import { EXIT } from "@xenolith/machine-interface";
import { CR0, CR4, REGISTER, VECTOR } from "@xenolith/x86-architecture";
import { describe, expect, it } from "vitest";
import { I686_MODEL, MAX_MODEL, X86_64_MODEL } from "../../../src/index.ts";
import { createTrappingBench as createVectorBench, vectorOf } from "../../support/trapping-bench.ts";

const MOVAPS_ODD = "0f 28 05 08 20 00 00";
const MOVUPS_ODD = "0f 10 05 08 20 00 00";
const ADDPS = "0f 58 c1";
const PADDB_MMX = "0f fc c1";

describe("vector instructions", () => {
  it("fault on unaligned memory, unless they are made for it", () => {
    const bench = createVectorBench();
    expect(vectorOf(bench, MOVAPS_ODD)).toBe(VECTOR.generalProtection);
    expect(vectorOf(bench, MOVUPS_ODD)).toBe(-1);
    expect(vectorOf(bench, "66 0f fc 05 08 20 00 00")).toBe(VECTOR.generalProtection);
    expect(vectorOf(bench, "66 0f 3a 63 05 08 20 00 00 00")).toBe(-1);
  });

  it("are undefined or not available where the system says so", () => {
    const bench = createVectorBench();
    expect(vectorOf(bench, ADDPS)).toBe(-1);
    bench.context.setControl(0, CR0.pe | CR0.et | CR0.ts);
    expect(vectorOf(bench, ADDPS)).toBe(VECTOR.deviceNotAvailable);
    expect(vectorOf(bench, PADDB_MMX)).toBe(VECTOR.deviceNotAvailable);
    bench.context.setControl(0, CR0.pe | CR0.et | CR0.em);
    expect(vectorOf(bench, ADDPS)).toBe(VECTOR.invalidOpcode);
    expect(vectorOf(bench, PADDB_MMX)).toBe(VECTOR.invalidOpcode);
    bench.context.setControl(0, CR0.pe | CR0.et);
    bench.context.setControl(4, 0);
    expect(vectorOf(bench, ADDPS)).toBe(VECTOR.invalidOpcode);
    expect(vectorOf(bench, PADDB_MMX)).toBe(-1);
    expect(vectorOf(bench, "f2 0f 38 f1 c1")).toBe(-1);
  });

  it("wait for an x87 exception when they use MMX registers", () => {
    const bench = createVectorBench();
    bench.context.setControl(0, CR0.pe | CR0.et | CR0.ne);
    bench.context.floatingPoint.status = 0x81;
    bench.context.floatingPoint.control = 0x37e;
    expect(vectorOf(bench, PADDB_MMX)).toBe(VECTOR.x87Error);
    expect(vectorOf(bench, ADDPS)).toBe(-1);
  });

  it("raise what MXCSR does not mask, as #XM or #UD, before they change anything but flags", () => {
    const nan = 0x7f80_0001n;
    for (const [control4, vector] of [
      [CR4.osfxsr | CR4.osxmmexcpt, VECTOR.simdError],
      [CR4.osfxsr, VECTOR.invalidOpcode],
    ] as const) {
      const bench = createVectorBench(MAX_MODEL, control4);
      const { floatingPoint } = bench.context;
      floatingPoint.mxcsr = 0x1f00;
      floatingPoint.setVector(0, nan);
      expect(vectorOf(bench, ADDPS)).toBe(vector);
      expect(floatingPoint.vector(0)).toBe(nan);
      expect(floatingPoint.mxcsr).toBe(0x1f01);
    }
  });

  it("refuse reserved bits of MXCSR", () => {
    const bench = createVectorBench();
    bench.memory.view.setUint32(0x2000, 0x1_1f80, true);
    expect(vectorOf(bench, "0f ae 15 00 20 00 00")).toBe(VECTOR.generalProtection);
    bench.memory.view.setUint32(0x2000, 0x7fc0, true);
    expect(vectorOf(bench, "0f ae 15 00 20 00 00")).toBe(-1);
    expect(bench.context.floatingPoint.mxcsr).toBe(0x7fc0);
  });

  it("cross pages like all others", () => {
    const bench = createVectorBench();
    for (let byte = 0; byte < 16; byte++) bench.memory.bytes[0x2ff8 + byte] = byte + 1;
    bench.load(`0f 10 05 f8 2f 00 00  0f 11 05 f9 1f 00 00  f4`);
    expect(bench.run(100).kind).toBe(EXIT.halt);
    expect([...bench.memory.bytes.subarray(0x1ff9, 0x1ff9 + 16)]).toEqual(
      Array.from({ length: 16 }, (_, byte) => byte + 1),
    );
  });
});

describe("a model", () => {
  it("decides which instructions there are", () => {
    expect(vectorOf(createVectorBench(I686_MODEL), ADDPS)).toBe(VECTOR.invalidOpcode);
    expect(vectorOf(createVectorBench(X86_64_MODEL), ADDPS)).toBe(-1);
    expect(vectorOf(createVectorBench(X86_64_MODEL), "66 0f 38 00 c1")).toBe(VECTOR.invalidOpcode);
    expect(vectorOf(createVectorBench(X86_64_MODEL), "f3 0f b8 c1")).toBe(VECTOR.invalidOpcode);
    expect(vectorOf(createVectorBench(X86_64_MODEL), "0f c7 f0")).toBe(VECTOR.invalidOpcode);
    expect(vectorOf(createVectorBench(MAX_MODEL), "0f c7 f0")).toBe(-1);
  });

  it("without LZCNT and BMI takes LZCNT and TZCNT for the older scans", () => {
    for (const [model, leading] of [
      [X86_64_MODEL, 4],
      [MAX_MODEL, 27],
    ] as const) {
      const bench = createVectorBench(model);
      bench.context.setRegister(REGISTER.rcx, 0x10);
      expect(vectorOf(bench, "f3 0f bd c1")).toBe(-1);
      expect(bench.context.register(REGISTER.rax)).toBe(leading);
    }
  });

  it("has the features that its CPUID tells of", () => {
    const [, , ecx] = MAX_MODEL.leaves.get("1") ?? [0, 0, 0, 0];
    const sse42 = 1 << 20;
    expect(ecx & sse42).toBe(sse42);
    expect((X86_64_MODEL.leaves.get("1")?.[2] ?? 0) & sse42).toBe(0);
  });
});
