import {
  busy,
  periodic,
  type SimulatedVcpu,
  type Slice,
  simulate,
} from "@xenolith/scheduler-interface/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createAtroposScheduler } from "../../src/index.ts";

const MS = 1_000_000;

interface Claim {
  readonly periodNs: number;
  readonly sliceNs: number;
}

/** Claims that together fit: each takes a part of what is left. */
const claims = fc
  .array(
    fc.record({
      periodMs: fc.integer({ min: 5, max: 100 }),
      part: fc.double({ min: 0.05, max: 0.5, noNaN: true }),
    }),
    { minLength: 1, maxLength: 5 },
  )
  .map((all): Claim[] => {
    let left = 1;
    return all.map(({ periodMs, part }) => {
      const share = left * part;
      left -= share;
      return { periodNs: periodMs * MS, sliceNs: Math.floor(periodMs * MS * share) };
    });
  });

const guaranteed = (all: readonly Claim[], extratime: boolean): SimulatedVcpu[] =>
  all.map(({ periodNs, sliceNs }, id) => busy(id, { periodNs, sliceNs, latencyNs: periodNs, extratime }));

/** Others, with next to no guarantee, who sleep and wake as they like. */
const others = fc
  .array(
    fc.record({
      runNs: fc.integer({ min: MS / 10, max: 20 * MS }),
      sleepNs: fc.integer({ min: MS / 10, max: 50 * MS }),
    }),
    { maxLength: 4 },
  )
  .map((all) =>
    all.map(({ runNs, sleepNs }, index) => periodic(100 + index, runNs, sleepNs, { sliceNs: 0 })),
  );

/** Time of a VCPU on the processor from `fromNs` to `untilNs`. */
const ranBetween = (slices: readonly Slice[], vcpu: number, fromNs: number, untilNs: number): number =>
  slices.reduce(
    (sum, slice) =>
      slice.vcpu === vcpu
        ? sum + Math.max(0, Math.min(slice.endNs, untilNs) - Math.max(slice.startNs, fromNs))
        : sum,
    0,
  );

describe("laws of Atropos", () => {
  it("gives every VCPU its slice in every period while all slices fit, whatever the others do", () => {
    fc.assert(
      fc.property(claims, others, fc.boolean(), (all, more, extratime) => {
        const durationNs = 1000 * MS;
        const { slices } = simulate(
          createAtroposScheduler(),
          [...guaranteed(all, extratime), ...more],
          durationNs,
        );
        for (const [id, { periodNs, sliceNs }] of all.entries()) {
          for (let from = 0; from + periodNs <= durationNs; from += periodNs)
            expect(ranBetween(slices, id, from, from + periodNs)).toBeGreaterThanOrEqual(sliceNs - 1);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("keeps guarantees beside sleepers that have guarantees too", () => {
    fc.assert(
      fc.property(
        claims.filter((all) => all.length > 1),
        fc.integer({ min: MS / 10, max: 10 * MS }),
        fc.integer({ min: MS / 10, max: 80 * MS }),
        fc.integer({ min: 1, max: 100 }),
        (all, runNs, sleepNs, latencyMs) => {
          const durationNs = 1000 * MS;
          const [first, ...rest] = guaranteed(all, true);
          if (first === undefined) return;
          const sleeper = periodic(first.id, runNs, sleepNs, {
            ...first.parameters,
            latencyNs: latencyMs * MS,
          });
          const { slices } = simulate(createAtroposScheduler(), [sleeper, ...rest], durationNs);
          for (const { id } of rest) {
            const { periodNs, sliceNs } = all[id] as Claim;
            for (let from = 0; from + periodNs <= durationNs; from += periodNs)
              expect(ranBetween(slices, id, from, from + periodNs)).toBeGreaterThanOrEqual(sliceNs - 1);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it("gives nobody without extra time more than its slices", () => {
    fc.assert(
      fc.property(claims, others, (all, more) => {
        const durationNs = 1000 * MS;
        const { ranNs } = simulate(
          createAtroposScheduler(),
          [...guaranteed(all, false), ...more],
          durationNs,
        );
        for (const [id, { periodNs, sliceNs }] of all.entries())
          expect(ranNs.get(id) ?? 0).toBeLessThanOrEqual((Math.floor(durationNs / periodNs) + 1) * sliceNs);
      }),
      { numRuns: 40 },
    );
  });

  it("lets a long sleeper do what its slice allows within its latency", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 20 }),
        fc.integer({ min: 2, max: 5 }),
        others,
        (latencyMs, hogs, more) => {
          const periodNs = 100 * MS;
          const sliceNs = 20 * MS;
          const runNs = Math.floor((sliceNs * latencyMs * MS) / periodNs);
          const sleeper = periodic(50, runNs, 300 * MS, { periodNs, sliceNs, latencyNs: latencyMs * MS });
          const claim = busy(51, { periodNs: 10 * MS, sliceNs: 7 * MS });
          const load = [
            sleeper,
            claim,
            ...Array.from({ length: hogs }, (_, id) => busy(id, { sliceNs: 0 })),
            ...more,
          ];
          const { wakeLatencies } = simulate(createAtroposScheduler(), load, 3000 * MS);
          const waits = wakeLatencies.get(50) ?? [];
          expect(waits.length).toBeGreaterThan(5);
          expect(Math.max(...waits)).toBeLessThanOrEqual(latencyMs * MS - runNs);
        },
      ),
      { numRuns: 40 },
    );
  });

  it("shares what is left over in turn", () => {
    const load = [
      busy(1, { periodNs: 10 * MS, sliceNs: 4 * MS, extratime: false }),
      busy(2),
      busy(3),
      busy(4),
    ];
    const { ranNs, wastedNs } = simulate(createAtroposScheduler(), load, 6000 * MS);
    expect(wastedNs).toBe(0);
    for (const id of [2, 3, 4]) expect(Math.abs((ranNs.get(id) ?? 0) / (1200 * MS) - 1)).toBeLessThan(0.03);
  });
});
