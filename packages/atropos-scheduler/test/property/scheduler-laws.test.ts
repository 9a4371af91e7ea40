import { SCHEDULER_LAWS } from "@xenolith/scheduler-interface/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createAtroposScheduler } from "../../src/index.ts";

describe("Atropos keeps the laws of every scheduler", () => {
  it.each(SCHEDULER_LAWS)("$name", (law) => {
    fc.assert(
      fc.property(
        fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })),
        (numbers) => {
          const random = (): number => numbers.next().value;
          expect(law.check(() => createAtroposScheduler(), random)).toBeNull();
        },
      ),
      { numRuns: 25 },
    );
  });
});
