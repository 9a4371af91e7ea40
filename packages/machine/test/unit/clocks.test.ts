import { HostError, toNanoseconds } from "@xenolith/machine-interface";
import { VIRTUAL_CLOCK_LAWS } from "@xenolith/machine-interface/testing";
import { describe, expect, it } from "vitest";
import { createEntropy, createRealClock, createVirtualClock, epochFromEntropy } from "../../src/index.ts";

const epoch = { seconds: 1_750_000_000, nanoseconds: 5 };

describe("virtual clock", () => {
  it.each(VIRTUAL_CLOCK_LAWS)("$name", ({ check }) => check(createVirtualClock(epoch)));

  it.each([0, 2 ** 53, 2 ** 62, 2 ** 64])("loses no time in small steps at %d ns", (start) => {
    const clock = createVirtualClock(epoch);
    clock.skipTo(toNanoseconds(start));
    for (let step = 0; step < 100_000; step++) clock.advance(toNanoseconds(7));
    expect(Math.abs(clock.now() - start - 700_000)).toBeLessThanOrEqual(4096);
  });

  it("refuses to go backwards", () => {
    expect(() => createVirtualClock(epoch).advance(toNanoseconds(-1))).toThrow(HostError);
    expect(() => createVirtualClock(epoch).advance(toNanoseconds(Number.NaN))).toThrow(HostError);
  });
});

describe("real clock", () => {
  it("counts from its construction, whole nanoseconds, and is not moved by advance and skipTo", () => {
    let source = 1000;
    const clock = createRealClock({ nowNs: () => source, epoch });
    expect([clock.now(), clock.mode, clock.epoch]).toEqual([0, "real", epoch]);
    source = 1500.75;
    clock.advance(toNanoseconds(10_000));
    clock.skipTo(toNanoseconds(10_000));
    expect(clock.now()).toBe(500);
  });

  it("stands still while its source is behind", () => {
    let source = 1000;
    const clock = createRealClock({ nowNs: () => source, epoch });
    source = 1200;
    expect(clock.now()).toBe(200);
    source = 900;
    expect(clock.now()).toBe(200);
  });
});

describe("epochFromEntropy", () => {
  it("is a second of 2025, the same for the same seed", () => {
    const drawn = epochFromEntropy(createEntropy(7));
    expect(new Date(drawn.seconds * 1000).getUTCFullYear()).toBe(2025);
    expect(epochFromEntropy(createEntropy(7))).toEqual(drawn);
    expect(epochFromEntropy(createEntropy(8))).not.toEqual(drawn);
  });
});
