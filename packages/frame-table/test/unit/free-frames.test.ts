import { createEntropy } from "@xenolith/machine";
import { describe, expect, it } from "vitest";
import { createFreeFrames } from "../../src/free-frames.ts";

const takeOneByOne = (pool: ReturnType<typeof createFreeFrames>, count: number) =>
  Array.from({ length: count }, () => pool.take()).filter((frame) => frame !== null);

describe("free frames", () => {
  it.each([
    [0, 256],
    [5, 201],
    [70, 100],
    [66, 130],
    [64, 64],
    [300, 64],
  ])("from %i up to %i are all there at first", (first, end) => {
    const pool = createFreeFrames(first, end, createEntropy(7));
    const all = Array.from({ length: Math.max(end - first, 0) }, (_unused, index) => first + index);
    expect(pool.list()).toEqual(all);
    expect(pool.count).toBe(all.length);
    expect(takeOneByOne(pool, all.length + 1).sort((a, b) => a - b)).toEqual(all);
    expect(pool.take()).toBe(null);
  });

  it.each([1, 63, 64, 100, 1000])("are taken %i at a time in the order of single ones", (count) => {
    const [single, several] = [1, 2].map(() => createFreeFrames(5, 777, createEntropy(7)));
    if (single === undefined || several === undefined) throw new Error("two pools");
    for (let round = 0; round < 4; round++) {
      const taken = several.takeSeveral(count);
      expect(taken).toEqual(takeOneByOne(single, count));
      for (const frame of taken.filter((_frame, index) => index % 3 === 0)) {
        single.give(frame);
        several.give(frame);
      }
      expect(several.list()).toEqual(single.list());
      expect(several.count).toBe(single.count);
    }
  });
});
