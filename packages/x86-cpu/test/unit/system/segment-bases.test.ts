import { CR4, REGISTER, SEGMENT } from "@xenolith/x86-architecture";
import { describe, expect, it } from "vitest";
import type { EngineBench } from "../../support/engine-bench.ts";
import { createLongTrappingBench, createTrappingBench, vectorOf } from "../../support/trapping-bench.ts";

const { rax, r9 } = REGISTER;
const UD = 6;
const GP = 13;

const base = ({ context }: EngineBench, segment: number): number => context.segment(segment).base;

describe("RDFSBASE and its kin", () => {
  it("write and read all of a base, or 32 bits of it", () => {
    const bench = createLongTrappingBench(CR4.fsgsbase);
    bench.context.setWideRegister(rax, 0xffff_8000_1234_5678n);
    bench.context.setWideRegister(r9, 0x1_8765_4321n);
    // wrfsbase rax ; wrgsbase r9d ; rdfsbase r9 ; rdgsbase rax
    expect(vectorOf(bench, "f3 48 0f ae d0  f3 41 0f ae d9  f3 49 0f ae c1  f3 48 0f ae c8")).toBe(-1);
    expect(bench.context.wideRegister(r9)).toBe(0xffff_8000_1234_5678n);
    expect(bench.context.wideRegister(rax)).toBe(0x8765_4321n);
    expect(base(bench, SEGMENT.gs)).toBe(0x8765_4321);
    expect(vectorOf(bench, "f3 41 0f ae c1")).toBe(-1);
    expect(bench.context.wideRegister(r9)).toBe(0x1234_5678n);
  });

  it("are where accesses through FS begin from then on", () => {
    const bench = createLongTrappingBench(CR4.fsgsbase);
    bench.memory.view.setBigUint64(0x8010, 77n, true);
    bench.context.setWideRegister(rax, 0x8000n);
    // wrfsbase rax ; mov rax, fs:[0x10]
    expect(vectorOf(bench, "f3 48 0f ae d0  64 48 8b 04 25 10 00 00 00")).toBe(-1);
    expect(bench.context.wideRegister(rax)).toBe(77n);
  });

  it("fault with a base that is not canonical", () => {
    const bench = createLongTrappingBench(CR4.fsgsbase);
    bench.context.setWideRegister(rax, 0x8000_0000_0000n);
    expect(vectorOf(bench, "f3 48 0f ae d0")).toBe(GP);
    expect(base(bench, SEGMENT.fs)).toBe(0);
  });

  it.each(["c0", "c8", "d0", "d8"])(
    "are undefined where CR4.FSGSBASE is clear, and outside 64-bit code: %s",
    (modRm) => {
      expect(vectorOf(createLongTrappingBench(), `f3 48 0f ae ${modRm}`)).toBe(UD);
      expect(vectorOf(createTrappingBench(undefined, CR4.fsgsbase), `f3 0f ae ${modRm}`)).toBe(UD);
    },
  );
});
