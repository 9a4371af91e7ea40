import type { Scheduler } from "@xenolith/scheduler-interface";
import { busy, periodic, simulate } from "@xenolith/scheduler-interface/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createBvtScheduler } from "../../src/index.ts";

const MS = 1_000_000;
const MCU = 100_000;
const ALLOWANCE_MCU = 50;
const make = (): Scheduler => createBvtScheduler();
const weights = fc.array(fc.integer({ min: 1, max: 1024 }), { minLength: 2, maxLength: 6 });
const sleepers = fc.array(
  fc.record({
    runNs: fc.integer({ min: 10_000, max: 20 * MS }),
    sleepNs: fc.integer({ min: MS, max: 50 * MS }),
    warp: fc.boolean(),
  }),
  { maxLength: 3 },
);
const load = (
  all: readonly number[],
  others: readonly { runNs: number; sleepNs: number; warp: boolean }[],
) => [
  ...all.map((weight, id) => busy(id, { weight })),
  ...others.map(({ runNs, sleepNs, warp }, index) => periodic(100 + index, runNs, sleepNs, { warp })),
];

describe("laws of BVT", () => {
  it("bounds the lag between VCPUs that are always runnable by C and one mcu of the one ahead", () => {
    fc.assert(
      fc.property(weights, (all) => {
        const bvt = make();
        simulate(bvt, load(all, []), 2000 * MS, () => {
          const reports = all.map((_, id) => bvt.report(id));
          const least = Math.min(...reports.map((report) => Number(report["avtMcu"])));
          for (const report of reports) {
            const oneMcu = 256 / Number(report["weight"]);
            expect(Number(report["avtMcu"]) - least).toBeLessThanOrEqual(
              (ALLOWANCE_MCU + 1) * oneMcu * 1.001,
            );
          }
        });
      }),
      { numRuns: 40 },
    );
  });

  it("shares the processor by weight", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 2, maxLength: 6 }), (all) => {
        const total = all.reduce((sum, weight) => sum + weight, 0);
        const { ranNs } = simulate(
          make(),
          load(
            all.map((weight) => weight * 64),
            [],
          ),
          60_000 * MS,
        );
        for (const [id, weight] of all.entries()) {
          expect(Math.abs((ranNs.get(id) ?? 0) / (60_000 * MS) - weight / total)).toBeLessThan(0.02);
        }
      }),
      { numRuns: 20 },
    );
  });

  it("conserves work and starves nobody", () => {
    fc.assert(
      fc.property(weights, sleepers, (all, others) => {
        const { ranNs, wastedNs } = simulate(make(), load(all, others), 20_000 * MS);
        expect(wastedNs).toBe(0);
        const most = Math.max(...all) * all.length + 256 * others.length;
        for (const [id, weight] of all.entries()) {
          expect(ranNs.get(id) ?? 0).toBeGreaterThan((20_000 * MS * weight) / most / 4 - 60 * MS);
        }
      }),
      { numRuns: 30 },
    );
  });

  it("dispatches a warped sleeper at once while it stays within its share", () => {
    fc.assert(
      fc.property(weights, fc.integer({ min: 10_000, max: 2 * MS }), (all, runNs) => {
        const heaviest = Math.max(...all);
        const sleepNs = runNs * 20 + (runNs * 20 * heaviest * all.length) / 1024;
        const sleeper = periodic(100, runNs, sleepNs, { warp: true, warpMcu: 500_000, weight: 1024 });
        const { wakeLatencies } = simulate(make(), [...load(all, []), sleeper], 3000 * MS);
        expect(Math.max(0, ...(wakeLatencies.get(100) ?? []))).toBe(0);
      }),
      { numRuns: 30 },
    );
  });

  it("ends warping after L of running, and not before U has passed does it begin again", () => {
    const warpLimitNs = 10 * MS;
    const greedy = {
      id: 100,
      parameters: { warp: true, warpMcu: 1_000_000, warpLimitNs, unwarpRequirementNs: 500 * MS },
      burst: () => ({ runNs: 3 * MS, sleepNs: 1000 }),
      startNs: 20 * MS,
    };
    const bvt = make();
    let warpedNs = 0;
    let lastWarpedAt = Number.NEGATIVE_INFINITY;
    const { slices } = simulate(bvt, [busy(1, {}), greedy], 2000 * MS, (now) => {
      if (bvt.report(100)["warped"] === true) lastWarpedAt = now;
    });
    for (const slice of slices) {
      if (slice.vcpu === 100 && slice.startNs < 500 * MS) warpedNs += slice.endNs - slice.startNs;
    }
    expect(lastWarpedAt).toBeGreaterThan(0);
    // In the first half second: its fair half, and at most L and C more.
    expect(warpedNs).toBeLessThanOrEqual(250 * MS + warpLimitNs + ALLOWANCE_MCU * MCU + 3 * MS);
  });
});
