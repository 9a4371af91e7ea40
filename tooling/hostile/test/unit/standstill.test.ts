import { describe, expect, it } from "vitest";
import { createFailures } from "../../src/scene/failures.ts";
import { createStandstillWatch } from "../../src/scene/standstill.ts";
import type { Progress } from "../../src/traffic/progress.ts";

const MOST_SLICES = 3;

const part = (what: string, done: number): Progress => ({ what, done, wanted: 10, details: {} });

/** What is said of an attack of which this many calls and slots were done after each slice. */
const failuresOf = (slices: readonly (readonly [calls: number, slots: number])[]): readonly string[] => {
  const failures = createFailures();
  const watch = createStandstillWatch(failures, MOST_SLICES);
  for (const [calls, slots] of slices) watch.look([part("calls", calls), part("slots", slots)]);
  return failures.all;
};

describe("an attack", () => {
  it("fails where one part does not come on, whatever the others do", () => {
    const stalled = [5, 6, 7, 8, 9].map((calls) => [calls, 4] as const);
    expect(failuresOf(stalled)).toEqual(["slots do not come on: 4 of 10 for 3 slices of time"]);
  });

  it("may pause for less than that, again and again", () => {
    const pausing = [1, 1, 1, 2, 2, 2, 3, 3, 3].map((done) => [done, done] as const);
    expect(failuresOf(pausing)).toEqual([]);
  });

  it("does not wait for a part that is finished", () => {
    const finished = [1, 2, 3, 4, 5, 6, 7].map((calls) => [calls, 10] as const);
    expect(failuresOf(finished)).toEqual([]);
  });
});
