import { REGISTER } from "@xenolith/x86-architecture";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createLongTrappingBench, vectorOf } from "../support/trapping-bench.ts";

/** An area in one page, which generated code saves and restores, and one on two pages, which is left to the reference. */
const WITHIN = 0x8000;
const ACROSS = 0xaf10;
const AREA_BYTES = 512;
const MXCSR = 24;
const MXCSR_HIGH = 26;
const FXSAVE = 0;
const FXRSTOR = 1;

const on = (operation: number, area: number, isLong: boolean): string => {
  const address = [area & 0xff, area >> 8, 0, 0].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return `${isLong ? "48 " : ""}0f ae ${(4 + 8 * operation).toString(16).padStart(2, "0")} 25 ${address}`;
};

test("FXSAVE and FXRSTOR in generated code do what the reference does", () => {
  const bench = createLongTrappingBench();
  const { bytes, view } = bench.memory;
  const saved = (area: number, isLong: boolean): Uint8Array => {
    bytes.fill(0xcc, area, area + AREA_BYTES);
    expect(vectorOf(bench, on(FXSAVE, area, isLong))).toBe(-1);
    return bytes.slice(area, area + AREA_BYTES);
  };
  /** All of the state after an image has been restored, as the reference saves it. */
  const restored = (image: Uint8Array, area: number, isLong: boolean): readonly Uint8Array[] => {
    bytes.set(image, area);
    view.setUint16(area + MXCSR_HIGH, 0, true);
    expect(vectorOf(bench, on(FXRSTOR, area, isLong))).toBe(-1);
    return [saved(ACROSS, true), saved(ACROSS, false)];
  };
  const images = fc.uint8Array({ minLength: AREA_BYTES, maxLength: AREA_BYTES });
  fc.assert(
    fc.property(images, fc.boolean(), fc.boolean(), (image, restoresLong, savesLong) => {
      expect(restored(image, WITHIN, restoresLong)).toEqual(restored(image, ACROSS, restoresLong));
      expect(saved(WITHIN, savesLong)).toEqual(saved(ACROSS, savesLong));
    }),
    { numRuns: 200 },
  );
});

test("an MXCSR with bits that do not exist changes nothing", () => {
  const bench = createLongTrappingBench();
  const { bytes, view } = bench.memory;
  expect(vectorOf(bench, on(FXSAVE, ACROSS, true))).toBe(-1);
  const before = bytes.slice(ACROSS, ACROSS + AREA_BYTES);
  bytes.fill(0x55, WITHIN, WITHIN + AREA_BYTES);
  view.setUint32(WITHIN + MXCSR, 0x1_0000, true);
  expect(vectorOf(bench, on(FXRSTOR, WITHIN, true))).toBe(13);
  vectorOf(bench, on(FXSAVE, ACROSS, true));
  expect(bytes.slice(ACROSS, ACROSS + AREA_BYTES)).toEqual(before);
});

test("a segment's base counts", () => {
  const bench = createLongTrappingBench();
  const { bytes } = bench.memory;
  // mov ecx, IA32_GS_BASE; mov eax, WITHIN - 0x100; xor edx, edx; wrmsr; fxsave gs:[0x100]
  const code = "b9 01 01 00 c0 b8 00 7f 00 00 31 d2 0f 30 65 48 0f ae 04 25 00 01 00 00";
  expect(vectorOf(bench, code)).toBe(-1);
  const within = bytes.slice(WITHIN, WITHIN + AREA_BYTES);
  vectorOf(bench, on(FXSAVE, ACROSS, true));
  expect(within.subarray(0, 416)).toEqual(bytes.slice(ACROSS, ACROSS + 416));
});

test.each([FXSAVE, FXRSTOR])("one of several instructions (%s) retires once", (operation) => {
  for (const area of [WITHIN, ACROSS]) {
    const bench = createLongTrappingBench();
    // xor eax, eax; …; four times inc eax
    bench.load(`31 c0 ${on(operation, area, true)} ff c0 ff c0 ff c0 ff c0 eb fe`);
    for (const [budget, wanted] of [
      [3, 1],
      [2, 3],
    ] as const) {
      expect(bench.run(budget).retired).toBe(budget);
      expect(bench.context.register(REGISTER.rax)).toBe(wanted);
    }
  }
});
