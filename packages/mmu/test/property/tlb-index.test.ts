import { TLB_ENTRY_COUNT, tlbIndex } from "@xenolith/machine-interface";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const PAGE_BYTES = 4096;
/** Bits 23:12 alone, which code of a lower half takes for the index. */
const plainIndex = (address: number): number => Math.floor(address / PAGE_BYTES) & (TLB_ENTRY_COUNT - 1);

/** First addresses of the pages of both halves, mostly near those where bits above the index change. */
const page = fc
  .oneof(
    fc.integer({ min: -(2 ** 35), max: 2 ** 35 - 2 }),
    fc
      .tuple(fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 }), fc.integer({ min: -2, max: 0 }))
      .map(([area, pages]) => Math.min(area * 2 ** 20 + pages, 2 ** 35 - 2)),
  )
  .map((number) => Math.max(number, -(2 ** 35)) * PAGE_BYTES);

describe("the index of a linear address in the TLB", () => {
  it("is that of no access that begins on the page before, by whichever code", () => {
    fc.assert(
      fc.property(page, (address) => {
        const next = tlbIndex(address + PAGE_BYTES);
        expect(next).not.toBe(tlbIndex(address));
        expect(next).not.toBe(plainIndex(address));
      }),
      { numRuns: 5000 },
    );
  });

  it("is made of bits 23:12 in a lower half, and differs between areas of an upper half", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 35 - 1 }), (number) => {
        expect(tlbIndex(number * PAGE_BYTES)).toBe(plainIndex(number * PAGE_BYTES));
      }),
    );
    const areas = [0x8000, 0x8880, 0xc900, 0xea00, 0xffff].map((high) => (high - 0x1_0000) * 2 ** 32);
    expect(new Set(areas.map(tlbIndex)).size).toBe(areas.length);
  });
});
