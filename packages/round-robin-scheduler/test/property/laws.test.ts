import { busy, periodic, simulate } from "@xenolith/scheduler-interface/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRoundRobinScheduler } from "../../src/index.ts";

const MS = 1_000_000;
const slice = fc.integer({ min: MS / 10, max: 20 * MS });

describe("laws of round robin", () => {
  it("gives all that never sleep the same number of turns, to one", () => {
    fc.assert(
      fc.property(slice, fc.integer({ min: 1, max: 12 }), (sliceNs, count) => {
        const scheduler = createRoundRobinScheduler({ sliceNs });
        const load = Array.from({ length: count }, (_, id) => busy(id));
        simulate(scheduler, load, 1000 * MS);
        const turns = load.map(({ id }) => Number(scheduler.report(id)["turns"]));
        expect(Math.max(...turns) - Math.min(...turns)).toBeLessThanOrEqual(1);
      }),
      { numRuns: 40 },
    );
  });

  it("lets one that wakes wait for no more than a turn of each of the others", () => {
    fc.assert(
      fc.property(slice, fc.integer({ min: 1, max: 6 }), (sliceNs, count) => {
        const load = [
          ...Array.from({ length: count }, (_, id) => busy(id)),
          periodic(100, Math.min(sliceNs, MS / 10), 37 * MS),
        ];
        const { wakeLatencies } = simulate(createRoundRobinScheduler({ sliceNs }), load, 2000 * MS);
        const waits = wakeLatencies.get(100) ?? [];
        expect(waits.length).toBeGreaterThan(10);
        expect(Math.max(...waits)).toBeLessThanOrEqual(count * sliceNs);
      }),
      { numRuns: 40 },
    );
  });
});
