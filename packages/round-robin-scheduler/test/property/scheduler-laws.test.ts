import { SCHEDULER_LAWS } from "@xenolith/scheduler-interface/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRoundRobinScheduler } from "../../src/index.ts";

describe("round robin keeps the laws of every scheduler", () => {
  it.each(SCHEDULER_LAWS)("$name", (law) => {
    fc.assert(
      fc.property(
        fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })),
        (numbers) => {
          const random = (): number => numbers.next().value;
          expect(law.check(() => createRoundRobinScheduler(), random)).toBeNull();
        },
      ),
      { numRuns: 25 },
    );
  });
});
