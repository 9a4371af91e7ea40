import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ANYWHERE, allowedCpus, firstCpuOf, partitioned } from "../../src/index.ts";
import { busy, periodic, SCHEDULER_LAWS, simulatePool } from "../../src/testing/index.ts";
import { createTurns } from "../turns.ts";

const MS = 1_000_000;
const cpus = (count: number): number[] => Array.from({ length: count }, (_, cpu) => cpu);

describe("a pool of processors with a scheduler each", () => {
  it.each(SCHEDULER_LAWS)("keeps, on one processor, the law: $name", (law) => {
    let state = 7;
    const random = (): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state / 2 ** 32;
    };
    expect(law.check(() => firstCpuOf(partitioned([0], createTurns)), random)).toBeNull();
  });

  it("spreads VCPUs evenly, so that as many run as there are processors", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 12 }), (count, vcpus) => {
        const { ranNs } = simulatePool(
          partitioned(cpus(count), createTurns),
          cpus(vcpus).map((id) => busy(id)),
          600 * MS,
        );
        const total = [...ranNs.values()].reduce((sum, ran) => sum + ran, 0);
        expect(total).toBe(600 * MS * Math.min(count, vcpus));
      }),
    );
  });

  it("runs VCPUs only where they may, whatever else happens to CPUs and affinities", () => {
    const mask = fc.subarray(cpus(4), { minLength: 1 });
    const step = fc.oneof(
      fc.record({ kind: fc.constant("pin" as const), vcpu: fc.nat(5), hard: mask }),
      fc.record({ kind: fc.constant("add" as const), cpu: fc.nat(3) }),
      fc.record({ kind: fc.constant("remove" as const), cpu: fc.nat(3) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const pool = partitioned([0, 1], createTurns);
        const masks = new Map<number, readonly number[] | null>();
        for (const vcpu of cpus(6)) {
          pool.admit(vcpu, {}, { group: vcpu, affinity: ANYWHERE });
          pool.wake(vcpu, 0);
          masks.set(vcpu, null);
        }
        for (const change of steps) {
          const present = pool.cpus();
          if (change.kind === "pin") {
            masks.set(change.vcpu, change.hard);
            pool.setAffinity(change.vcpu, { hard: change.hard, soft: null });
          } else if (change.kind === "add" && !present.includes(change.cpu)) pool.addCpu(change.cpu);
          else if (change.kind === "remove" && present.includes(change.cpu) && present.length > 1)
            pool.removeCpu(change.cpu);
          // Every VCPU is found on exactly one processor, which it may be on.
          const found: number[] = [];
          for (const cpu of pool.cpus()) {
            const seen = new Set<number>();
            for (let turn = 0; turn < 12; turn++) {
              const { vcpu } = pool.choose(cpu, 0, MS);
              if (vcpu !== null) seen.add(vcpu);
            }
            for (const vcpu of seen) {
              found.push(vcpu);
              const hard = masks.get(vcpu) ?? null;
              const possible = allowedCpus(pool.cpus(), { hard, soft: null });
              if (change.kind === "pin" && change.vcpu === vcpu) expect(possible).toContain(cpu);
            }
          }
          expect(found.sort((a, b) => a - b)).toEqual(cpus(6));
        }
      }),
    );
  });

  it("gives a new CPU its part of those that were there", () => {
    const pool = partitioned([0], createTurns);
    for (const vcpu of cpus(4)) pool.admit(vcpu, {}, { group: 0, affinity: ANYWHERE });
    for (const vcpu of cpus(4)) pool.wake(vcpu, 0);
    pool.addCpu(1);
    const onNew = new Set([0, 1, 2].map(() => pool.choose(1, 0, MS).vcpu));
    expect(onNew.size).toBe(2);
  });

  it("finds out who gives one VCPU to two processors", () => {
    const pool = partitioned([0, 1], () => ({
      ...createTurns(),
      choose: () => ({ vcpu: 1, sliceNs: MS }),
    }));
    expect(() => simulatePool(pool, [busy(1), periodic(2, MS, MS)], 10 * MS)).toThrow("runs already");
  });

  it("has at least one CPU", () => {
    expect(() => partitioned([], createTurns)).toThrow("at least one");
    expect(() => partitioned([0], createTurns).removeCpu(0)).toThrow("the last");
  });
});
