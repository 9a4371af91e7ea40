import { HostError } from "@xenolith/machine-interface";
import { createManualClock } from "@xenolith/machine-interface/testing";
import { describe, expect, it } from "vitest";
import { createRealSpeed, createVirtualSpeed } from "../../src/processor-speed.ts";

describe("under a virtual clock", () => {
  it("an instruction takes a whole number of nanoseconds", () => {
    const speed = createVirtualSpeed(4);
    expect(speed.budget(103)).toBe(25);
    expect(speed.elapsed(1000, 25)).toBe(100);
    expect(speed.timestamp(1000, 25)).toBe(1100);
    for (const wrong of [0, -1, 0.5, Number.NaN]) expect(() => createVirtualSpeed(wrong)).toThrow(HostError);
  });

  it("other work takes as long as a whole number of instructions, or as none", () => {
    expect(createVirtualSpeed(4).instructionsFor(504)).toBe(126);
    expect(createVirtualSpeed(3).instructionsFor(503)).toBeNull();
  });

  it("a budget is a number the engine can count to", () => {
    expect(createVirtualSpeed(1).budget(Number.POSITIVE_INFINITY)).toBeLessThan(2 ** 31);
  });
});

describe("under a real clock", () => {
  it("time is the clock's, whatever was charged", () => {
    const clock = createManualClock();
    const speed = createRealSpeed(clock);
    clock.set(5_000);
    expect(speed.elapsed(2_000, 100)).toBe(3_000);
    expect(speed.elapsedTime(2_000, 999_999)).toBe(3_000);
    expect(speed.charged(999_999)).toBe(0);
    expect(speed.instructionsFor(999_999)).toBe(0);
    expect(speed.timestamp(2_000, 100)).toBe(5_000);
  });

  it("budgets follow the speed that was measured, and stay short", () => {
    const clock = createManualClock();
    const speed = createRealSpeed(clock);
    const first = speed.budget(1_000_000);
    // A billion instructions a second, again and again.
    for (let round = 1; round <= 60; round++) {
      clock.set(round * 1_000_000);
      speed.elapsed((round - 1) * 1_000_000, 1_000_000);
    }
    expect(speed.budget(1_000_000)).toBeGreaterThan(first);
    expect(speed.budget(1_000_000)).toBeCloseTo(1_000_000, -4);
    expect(speed.budget(Number.POSITIVE_INFINITY)).toBeLessThan(3_000_000);
    expect(speed.budget(-5)).toBeGreaterThan(0);
  });

  it("turns of loops that were done at once make no budget longer", () => {
    const clock = createManualClock();
    const speed = createRealSpeed(clock);
    const first = speed.budget(1_000_000);
    clock.set(1_000);
    speed.elapsed(0, 1_000_000_000);
    speed.elapsed(1_000, 1_000_000_000);
    expect(speed.budget(1_000_000)).toBe(first);
  });
});
