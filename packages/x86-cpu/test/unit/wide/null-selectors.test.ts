import { REGISTER, SEGMENT } from "@xenolith/x86-architecture";
import { expect, test } from "vitest";
import { createLongTrappingBench, vectorOf } from "../../support/trapping-bench.ts";

const GP = 13;
const NULL = { base: 0, limit: 0, attributes: 0 };

/** mov REGISTER, eax, and from the word at 0x8000. */
const LOADS = [
  ["ES", SEGMENT.es, "8e c0", "8e 04 25 00 80 00 00"],
  ["DS", SEGMENT.ds, "8e d8", "8e 1c 25 00 80 00 00"],
  ["FS", SEGMENT.fs, "8e e0", "8e 24 25 00 80 00 00"],
  ["GS", SEGMENT.gs, "8e e8", "8e 2c 25 00 80 00 00"],
] as const;

test.each(LOADS)("%s takes one null selector after another", (_name, index, fromRegister, fromMemory) => {
  const bench = createLongTrappingBench();
  const { context, memory } = bench;
  for (const selector of [0, 3, 1]) {
    context.setRegister(REGISTER.rax, selector);
    expect(vectorOf(bench, `${fromRegister} 48 ${fromRegister}`)).toBe(-1);
    expect(context.segment(index)).toEqual({ ...NULL, selector });
  }
  memory.view.setUint16(0x8000, 2, true);
  expect(vectorOf(bench, fromMemory)).toBe(-1);
  expect(context.segment(index)).toEqual({ ...NULL, selector: 2 });
});

test("a null selector takes the base of FS away, which another may have set", () => {
  const bench = createLongTrappingBench();
  const { context } = bench;
  context.setRegister(REGISTER.rax, 0);
  expect(vectorOf(bench, "8e e0")).toBe(-1);
  // mov ecx, IA32_FS_BASE; mov eax, 0x1234; xor edx, edx; wrmsr
  expect(vectorOf(bench, "b9 00 01 00 c0 b8 34 12 00 00 31 d2 0f 30")).toBe(-1);
  expect(context.segment(SEGMENT.fs).base).toBe(0x1234);
  expect(vectorOf(bench, "31 c0 8e e0")).toBe(-1);
  expect(context.segment(SEGMENT.fs)).toEqual({ ...NULL, selector: 0 });
});

test("any other selector is looked up", () => {
  const bench = createLongTrappingBench();
  const { context } = bench;
  context.setRegister(REGISTER.rax, 0);
  expect(vectorOf(bench, "8e e0")).toBe(-1);
  context.setRegister(REGISTER.rax, 0x18);
  expect(vectorOf(bench, "8e e0")).toBe(-1);
  expect(context.segment(SEGMENT.fs).attributes).not.toBe(0);
  context.setRegister(REGISTER.rax, 0xff8);
  expect(vectorOf(bench, "8e e0")).toBe(GP);
});

test("such a load is one instruction of several", () => {
  const bench = createLongTrappingBench();
  // xor eax, eax; mov fs, eax; mov fs, eax; three times inc eax
  bench.load("31 c0 8e e0 8e e0 ff c0 ff c0 ff c0 eb fe");
  expect(bench.run(4).retired).toBe(4);
  expect(bench.context.register(REGISTER.rax)).toBe(1);
  expect(bench.run(2).retired).toBe(2);
  expect(bench.context.register(REGISTER.rax)).toBe(3);
});
