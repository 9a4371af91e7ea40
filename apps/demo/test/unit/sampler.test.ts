import type { DomainControl, DomainDescription } from "@xenolith/domain-interface/control";
import { type Clock, toNanoseconds } from "@xenolith/machine-interface";
import { toDomId } from "@xenolith/xen-abi";
import { describe, expect, it } from "vitest";
import { createSampler } from "../../src/model/sampler.ts";

const SECOND_NS = 1_000_000_000;

const description = (id: number, cpuNs: number, instructions = 0): DomainDescription => ({
  id: toDomId(id),
  width: "x86_32p",
  privileged: false,
  state: "blocked",
  shutdownReason: null,
  crash: null,
  pages: 256,
  maximumPages: 256,
  vcpus: 1,
  cpuNs: toNanoseconds(cpuNs),
  instructions,
});

/** A host whose figures the test sets. */
const setUp = (windowNs: number, report: Record<string, number | boolean> | null = null) => {
  let nowNs = 0;
  let list: DomainDescription[] = [description(1, 0), description(2, 0)];
  const control = {
    list: () => list,
    schedulingReport: () => report,
    schedulingOf: () => ({ weight: 77 }),
  } as Partial<DomainControl> as DomainControl;
  const clock = { mode: "virtual", now: () => toNanoseconds(nowNs) } as Partial<Clock> as Clock;
  const sampler = createSampler({ host: { control, clock }, nameOf: (id) => `d${id}`, windowNs });
  return {
    sampleAt: (seconds: number, ...domains: DomainDescription[]) => {
      nowNs = seconds * SECOND_NS;
      list = domains;
      return sampler.sample();
    },
  };
};

describe("a snapshot", () => {
  it("gives each domain its part of the time that passed", () => {
    const { sampleAt } = setUp(0);
    const first = sampleAt(2, description(1, SECOND_NS / 2), description(2, SECOND_NS));
    expect(first.domains.map(({ share }) => share)).toEqual([0.25, 0.5]);
    const second = sampleAt(3, description(1, SECOND_NS / 2), description(2, 2 * SECOND_NS));
    expect(second.domains.map(({ share }) => share)).toEqual([0, 1]);
  });

  it("keeps shares until its window has passed", () => {
    const { sampleAt } = setUp(SECOND_NS);
    sampleAt(1, description(1, SECOND_NS));
    expect(sampleAt(1.5, description(1, SECOND_NS)).domains[0]?.share).toBe(1);
    expect(sampleAt(2, description(1, SECOND_NS)).domains[0]?.share).toBe(0);
  });

  it("counts a domain that came meanwhile from nothing", () => {
    const { sampleAt } = setUp(0);
    expect(sampleAt(1, description(3, SECOND_NS / 4)).domains[0]?.share).toBe(0.25);
  });

  it("gives the rate of instructions over all domains", () => {
    const { sampleAt } = setUp(0);
    expect(sampleAt(2, description(1, 0, 600), description(2, 0, 400)).instructionRate).toBe(500);
  });

  it("takes virtual times and weight from the scheduler's report", () => {
    const { sampleAt } = setUp(0, { avtMcu: 20, evtMcu: 10, svtMcu: 15, weight: 512, warped: true });
    const { schedulerMcu, domains } = sampleAt(1, description(1, 0));
    expect(schedulerMcu).toBe(15);
    expect(domains[0]).toMatchObject({
      name: "d1",
      weight: 512,
      virtualTime: { actualMcu: 20, effectiveMcu: 10, warped: true },
    });
  });

  it("has no virtual time where the scheduler has none, and the weight it was given", () => {
    const { sampleAt } = setUp(0, null);
    const { schedulerMcu, domains } = sampleAt(1, description(1, 0));
    expect(schedulerMcu).toBeNull();
    expect(domains[0]).toMatchObject({ weight: 77, virtualTime: null });
  });
});
