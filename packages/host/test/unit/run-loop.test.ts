import type { StepLimits, StepResult } from "@xenolith/hypervisor-core";
import { createVirtualClock } from "@xenolith/machine";
import { toNanoseconds } from "@xenolith/machine-interface";
import { describe, expect, it } from "vitest";
import { createHolds } from "../../src/holds.ts";
import { createRunLoop } from "../../src/run-loop.ts";

/** A processor with one piece of work at each deadline, each taking 1000 ns. */
const setUp = (deadlines: number[]) => {
  const clock = createVirtualClock({ seconds: 0, nanoseconds: 0 });
  const holds = createHolds();
  const ranAt: number[] = [];
  const step = (): StepResult => {
    const next = deadlines[0];
    if (next === undefined) return { kind: "idle", nextNs: null };
    if (next > clock.now()) return { kind: "idle", nextNs: toNanoseconds(next) };
    deadlines.shift();
    ranAt.push(clock.now());
    clock.advance(toNanoseconds(1000));
    return { kind: "ran", isSteady: false };
  };
  const breathe = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return { clock, holds, ranAt, loop: createRunLoop({ clock, holds, step, breathe }) };
};

describe("run loop under a virtual clock", () => {
  it("skips idle time and ends when nothing is left that could happen", async () => {
    const { loop, ranAt, clock } = setUp([0, 1_000_000_000]);
    expect(await loop.run(Number.POSITIVE_INFINITY)).toBe("idle");
    expect([ranAt, clock.now()]).toEqual([[0, 1_000_000_000], 1_000_001_000]);
  });

  it("stops at the time asked for and goes on from there", async () => {
    const { loop, ranAt, clock } = setUp([0, 5_000_000]);
    expect(await loop.run(2_000_000)).toBe("until");
    expect([ranAt, clock.now()]).toEqual([[0], 2_000_000]);
    expect(await loop.run(9_000_000)).toBe("until");
    expect(ranAt).toEqual([0, 5_000_000]);
  });

  it("waits for holds before it goes on", async () => {
    const { loop, holds, ranAt } = setUp([0, 10]);
    const release = holds.open();
    const run = loop.run(Number.POSITIVE_INFINITY);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(ranAt).toEqual([0]);
    release();
    await run;
    expect(ranAt).toHaveLength(2);
  });

  it("ends when it is stopped", async () => {
    const { loop } = setUp(Array.from({ length: 1_000_000 }, (_, index) => index));
    const run = loop.run(Number.POSITIVE_INFINITY);
    loop.stop();
    expect(await run).toBe("stopped");
  });

  it("goes on as long at a time as before when it was stopped in between", async () => {
    const clock = createVirtualClock({ seconds: 0, nanoseconds: 0 });
    const asked: number[] = [];
    const step = ({ workNs }: StepLimits): StepResult => {
      asked.push(workNs);
      clock.advance(toNanoseconds(1000));
      if (asked.length % 20 === 0) loop.stop();
      return { kind: "ran", isSteady: true };
    };
    const breathe = async (): Promise<void> => {};
    const loop = createRunLoop({ clock, holds: createHolds(), step, breathe });
    for (let run = 0; run < 2; run++) expect(await loop.run(Number.POSITIVE_INFINITY)).toBe("stopped");
    expect(asked[20]).toBe(asked[19]);
  });

  it("works longer at a time while guests only compute, until one waits or something comes from outside", async () => {
    const clock = createVirtualClock({ seconds: 0, nanoseconds: 0 });
    const asked: number[] = [];
    const waitsIn = 20;
    const wakesBefore = 40;
    const last = 44;
    const step = ({ workNs }: StepLimits): StepResult => {
      asked.push(workNs / 1_000_000);
      clock.advance(toNanoseconds(1000));
      return asked.length < last
        ? { kind: "ran", isSteady: asked.length !== waitsIn }
        : { kind: "idle", nextNs: null };
    };
    const breathe = async (): Promise<void> => {
      if (asked.length === wakesBefore) loop.wake();
    };
    const loop = createRunLoop({ clock, holds: createHolds(), step, breathe });
    expect(await loop.run(Number.POSITIVE_INFINITY)).toBe("idle");
    const stretches = [
      asked.slice(0, waitsIn),
      asked.slice(waitsIn, wakesBefore),
      asked.slice(wakesBefore + 1, last),
    ];
    for (const [first, ...others] of stretches) {
      expect(first).toBe(16);
      let done = 16;
      // No longer than half of the time that they have computed already.
      for (const ms of others) {
        expect(ms).toBe(Math.min(Math.max(16, done / 2), 256));
        done += ms;
      }
    }
    expect([asked[waitsIn - 1], asked[wakesBefore]]).toEqual([256, 16]);
  });
});
