import { busy, periodic, simulate, simulatePool } from "@xenolith/scheduler-interface/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createCreditPool, createCreditScheduler } from "../../src/index.ts";

const MS = 1_000_000;
const SECONDS = 1_000 * MS;
const SLICE_NS = 30 * MS;

const cpus = (count: number): number[] => Array.from({ length: count }, (_, cpu) => cpu);

describe("laws of credit", () => {
  it("shares a processor by weight", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 2, maxLength: 6 }), (weights) => {
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        const load = weights.map((weight, id) => busy(id, { weight: weight * 64 }));
        const { ranNs, wastedNs } = simulate(createCreditScheduler(), load, 30 * SECONDS);
        expect(wastedNs).toBe(0);
        for (const [id, weight] of weights.entries())
          expect(Math.abs((ranNs.get(id) ?? 0) / (30 * SECONDS) - weight / total)).toBeLessThan(0.01);
      }),
      { numRuns: 30 },
    );
  });

  it("shares by weight what sleepers leave, whatever weight they have", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 2, maxLength: 4 }),
        fc.array(fc.integer({ min: 1, max: 5_000 }), { minLength: 1, maxLength: 4 }),
        (weights, sleepers) => {
          const total = weights.reduce((sum, weight) => sum + weight, 0);
          const load = [
            ...weights.map((weight, id) => busy(id, { weight: weight * 64 })),
            ...sleepers.map((weight, index) => periodic(50 + index, MS / 10, 9 * MS, { weight })),
          ];
          const { ranNs } = simulate(createCreditScheduler(), load, 20 * SECONDS);
          const computed = weights.reduce((sum, _, id) => sum + (ranNs.get(id) ?? 0), 0);
          for (const [id, weight] of weights.entries())
            expect(Math.abs((ranNs.get(id) ?? 0) / computed - weight / total)).toBeLessThan(0.02);
        },
      ),
      { numRuns: 20 },
    );
  });

  it("never lets a domain have more than its cap, and lets it have that", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 90 }),
        fc.integer({ min: 0, max: 2 }),
        fc.integer({ min: 1, max: 3 }),
        (cap, others, count) => {
          const durationNs = 10 * SECONDS;
          const capped = cpus(count).map((id) => ({ ...busy(id, { cap, weight: 60_000 }), group: 1 }));
          const load = [...capped, ...cpus(others).map((id) => ({ ...busy(10 + id), group: 10 + id }))];
          const { ranNs } = simulatePool(createCreditPool(cpus(2)), load, durationNs);
          const used = capped.reduce((sum, { id }) => sum + (ranNs.get(id) ?? 0), 0);
          const allowed = (cap / 100) * durationNs;
          expect(used).toBeLessThanOrEqual(allowed + 2 * SLICE_NS);
          expect(used).toBeGreaterThanOrEqual(allowed * 0.97 - 2 * SLICE_NS);
        },
      ),
      { numRuns: 40 },
    );
  });

  it("divides the shares of domains, not of VCPUs, over several processors", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 4 }), fc.integer({ min: 1, max: 3 }), (count, ratio) => {
        // Both domains have as many VCPUs as there are processors, or more: weights decide. Each queue is served in turn, so
        // that a few percent depend on who waits where.
        const small = cpus(count + 2).map((id) => ({ ...busy(id, { weight: 256 }), group: 1 }));
        const large = cpus(count).map((id) => ({ ...busy(50 + id, { weight: 256 * ratio }), group: 2 }));
        const durationNs = 20 * SECONDS;
        const { ranNs, wastedNs } = simulatePool(
          createCreditPool(cpus(count)),
          [...small, ...large],
          durationNs,
        );
        expect(wastedNs).toBe(0);
        const used = (of: readonly { id: number }[]): number =>
          of.reduce((sum, { id }) => sum + (ranNs.get(id) ?? 0), 0);
        expect(Math.abs(used(large) / (count * durationNs) - ratio / (ratio + 1))).toBeLessThan(0.04);
      }),
      { numRuns: 15 },
    );
  });

  it("leaves no processor idle while a VCPU waits that may run there", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.array(
          fc.record({
            runNs: fc.integer({ min: MS / 10, max: 40 * MS }),
            sleepNs: fc.integer({ min: MS / 10, max: 40 * MS }),
          }),
          { minLength: 1, maxLength: 8 },
        ),
        (count, sleepers) => {
          const load = sleepers.map(({ runNs, sleepNs }, id) => periodic(id, runNs, sleepNs));
          const { wastedNs } = simulatePool(createCreditPool(cpus(count)), [...load, busy(90)], 2 * SECONDS);
          expect(wastedNs).toBe(0);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("puts VCPUs that wake at the same instant on different idle processors", () => {
    const pool = createCreditPool(cpus(3));
    for (const id of cpus(3)) pool.admit(id, {}, { group: id, affinity: { hard: null, soft: null } });
    expect(new Set(cpus(3).map((id) => pool.wake(id, 0).cpu))).toEqual(new Set(cpus(3)));
  });

  it("runs nobody where hard affinity forbids it, and prefers what soft affinity names", () => {
    fc.assert(
      fc.property(
        fc.array(fc.subarray(cpus(4), { minLength: 1 }), { minLength: 1, maxLength: 8 }),
        (masks) => {
          const load = masks.map((hard, id) => ({ ...busy(id), affinity: { hard, soft: null } }));
          const alone = { ...periodic(90, MS, 9 * MS), affinity: { hard: null, soft: [3] } };
          const { slices } = simulatePool(createCreditPool(cpus(5)), [...load, alone], SECONDS);
          for (const { vcpu, cpu } of slices) {
            if (vcpu !== null && vcpu < 90) expect(masks[vcpu]).toContain(cpu);
          }
        },
      ),
      { numRuns: 30 },
    );
    const liking = { ...periodic(1, MS, 9 * MS), affinity: { hard: null, soft: [2] } };
    const { slices } = simulatePool(createCreditPool(cpus(4)), [liking, busy(2)], SECONDS);
    expect(slices.filter(({ vcpu, cpu }) => vcpu === 1 && cpu !== 2).length).toBeLessThan(5);
  });

  it("lets one that wakes with credit interrupt the others within the rate limit", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: MS / 10, max: 2 * MS }),
        (hogs, runNs) => {
          // It uses less than half of its share, so that it always has credit.
          const sleeper = periodic(100, runNs, 2 * (hogs + 1) * runNs);
          const load = [...cpus(hogs).map((id) => busy(id)), sleeper];
          const { wakeLatencies } = simulate(createCreditScheduler(), load, 4 * SECONDS);
          const waits = (wakeLatencies.get(100) ?? []).slice(2 * hogs + 20);
          expect(waits.length).toBeGreaterThan(10);
          expect(Math.max(...waits)).toBeLessThanOrEqual(MS);
        },
      ),
      { numRuns: 30 },
    );
  });
});
