import { HostError } from "@xenolith/machine-interface";
import { ENTROPY_LAWS } from "@xenolith/machine-interface/testing";
import { describe, expect, it } from "vitest";
import { createEntropy } from "../../src/index.ts";

describe("createEntropy", () => {
  it.each(ENTROPY_LAWS)("$name", ({ check }) => check(() => createEntropy(42)));

  it("keeps its streams from version to version", () => {
    const source = createEntropy(1);
    expect([source.next32(), source.next32(), source.fork("disk").next32()]).toMatchInlineSnapshot(`
      [
        1695105466,
        1423115009,
        2926543629,
      ]
    `);
  });

  it("spreads its bits: every bit of 4096 words is set about half the time", () => {
    const source = createEntropy(3);
    const counts = new Array<number>(32).fill(0);
    for (let i = 0; i < 4096; i++) {
      const word = source.next32();
      for (let bit = 0; bit < 32; bit++) counts[bit] = (counts[bit] ?? 0) + ((word >>> bit) & 1);
    }
    for (const count of counts) expect(Math.abs(count - 2048)).toBeLessThan(200);
  });

  it.each([-1, 0.5, Number.NaN, 2 ** 53])("refuses the seed %d", (seed) => {
    expect(() => createEntropy(seed)).toThrow(HostError);
  });

  it.each([0, -1, 1.5, 2 ** 32 + 1])("refuses the bound %d", (bound) => {
    expect(() => createEntropy(1).below(bound)).toThrow(HostError);
  });

  it("draws from the full range of 32 bits", () => {
    const source = createEntropy(5);
    const twin = createEntropy(5);
    for (let i = 0; i < 10; i++) expect(source.below(2 ** 32)).toBe(twin.next32());
  });
});
