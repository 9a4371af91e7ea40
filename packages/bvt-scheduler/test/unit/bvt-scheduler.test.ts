import { HostError } from "@xenolith/machine-interface";
import { describe, expect, it } from "vitest";
import { createBvtScheduler } from "../../src/index.ts";

const MS = 1_000_000;

describe("BVT", () => {
  it("gives a slice of (E2 - E1) / advance mcu plus C [BVT 3.2]", () => {
    const bvt = createBvtScheduler();
    bvt.admit(1, {});
    bvt.admit(2, { weight: 512 });
    bvt.wake(1, 0);
    bvt.wake(2, 0);
    expect(bvt.choose(0, 0)).toEqual({ vcpu: 1, sliceNs: 5 * MS });
    // 1 has run 10 ms = 100 mcu; 2 advances half as fast, so it may run 200 mcu to draw level, and C more.
    expect(bvt.choose(10 * MS, 10 * MS)).toEqual({ vcpu: 2, sliceNs: 20 * MS + 5 * MS });
  });

  it("charges whole mcu, rounded up", () => {
    const bvt = createBvtScheduler();
    bvt.admit(1, {});
    bvt.wake(1, 0);
    bvt.choose(0, 0);
    bvt.choose(1, 1);
    expect(bvt.report(1)["avtMcu"]).toBe(1);
    bvt.choose(100_001, 100_000);
    expect(bvt.report(1)["avtMcu"]).toBe(2);
  });

  it("lets a sleeper start again at SVT, not where it fell asleep [BVT 3.1]", () => {
    const bvt = createBvtScheduler();
    bvt.admit(1, {});
    bvt.admit(2, {});
    bvt.wake(1, 0);
    bvt.choose(0, 0);
    bvt.choose(500 * MS, 500 * MS);
    bvt.wake(2, 500 * MS);
    expect(bvt.report(2)["avtMcu"]).toBe(5000);
  });

  it("lets a sleeper keep its lead", () => {
    const bvt = createBvtScheduler();
    bvt.admit(1, {});
    bvt.admit(2, {});
    bvt.wake(1, 0);
    bvt.wake(2, 0);
    expect(bvt.choose(0, 0).vcpu).toBe(1);
    bvt.sleep(1, 40 * MS);
    expect(bvt.choose(40 * MS, 40 * MS).vcpu).toBe(2);
    bvt.wake(1, 41 * MS);
    expect(bvt.report(1)["avtMcu"]).toBe(400);
  });

  it("preempts at once for a warped sleeper, and within slice rules for one that is not", () => {
    const bvt = createBvtScheduler();
    bvt.admit(1, {});
    bvt.admit(2, { warp: true });
    bvt.admit(3, {});
    bvt.wake(1, 0);
    bvt.choose(0, 0);
    expect(bvt.wake(3, 0)).toBe(5 * MS);
    expect(bvt.wake(2, 1 * MS)).toBe(1 * MS);
    expect(bvt.choose(1 * MS, 1 * MS).vcpu).toBe(2);
    expect(bvt.report(2)["warped"]).toBe(true);
  });

  it("keeps order when virtual times are moved back", () => {
    const bvt = createBvtScheduler();
    bvt.admit(1, {});
    bvt.admit(2, {});
    bvt.wake(1, 0);
    bvt.wake(2, 0);
    const tenDays = 864_000_000 * MS;
    let now = 0;
    const order: (number | null)[] = [];
    for (let turn = 0; turn < 12; turn++) {
      order.push(bvt.choose(now, turn === 0 ? 0 : tenDays / 5).vcpu);
      now += tenDays / 5;
    }
    expect(order).toEqual([1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2]);
    expect(Math.abs(Number(bvt.report(1)["avtMcu"]))).toBeLessThan(2 ** 34);
  });

  it("ends a warp whose parameters are taken away, and goes on giving slices", () => {
    const bvt = createBvtScheduler();
    bvt.admit(1, { warp: true, warpLimitNs: 100 * MS });
    bvt.admit(2, {});
    bvt.wake(2, 0);
    bvt.wake(1, 0);
    bvt.choose(0, 0);
    bvt.choose(50 * MS, 50 * MS);
    expect(bvt.report(1)["warped"]).toBe(true);
    expect(bvt.adjust(1, { warpLimitNs: 10 * MS })).toBeNull();
    expect(bvt.report(1)["warped"]).toBe(false);
    expect(bvt.choose(50 * MS, 0)).toMatchObject({ vcpu: 2 });
    expect(bvt.choose(60 * MS, 10 * MS).sliceNs).toBeGreaterThan(0);
  });

  it("counts running against the warp limit once, also when it slept and woke before it was charged", () => {
    const bvt = createBvtScheduler();
    bvt.admit(1, { warp: true, warpLimitNs: 10 * MS, warpMcu: 10_000 });
    bvt.admit(2, {});
    bvt.wake(2, 0);
    bvt.wake(1, 0);
    expect(bvt.choose(0, 0)).toEqual({ vcpu: 1, sliceNs: 10 * MS });
    bvt.sleep(1, 4 * MS);
    bvt.wake(1, 4 * MS);
    expect(bvt.choose(4 * MS, 4 * MS)).toEqual({ vcpu: 1, sliceNs: 6 * MS });
  });

  it("charges one that is alone every 10 C, though it runs for longer, so that who wakes is not further behind", () => {
    const bvt = createBvtScheduler();
    bvt.admit(1, {});
    bvt.admit(2, {});
    bvt.wake(1, 0);
    expect(bvt.choose(0, 0)).toEqual({ vcpu: 1, sliceNs: 500 * MS });
    expect(bvt.wake(2, 320 * MS)).toBe(320 * MS);
    expect([bvt.report(1)["avtMcu"], bvt.report(2)["avtMcu"]]).toEqual([3000, 3000]);
    // 20 ms behind and C on top; nothing has been charged twice.
    expect(bvt.choose(320 * MS, 320 * MS)).toEqual({ vcpu: 2, sliceNs: 25 * MS });
    expect(bvt.report(1)["avtMcu"]).toBe(3200);
    expect(bvt.choose(345 * MS, 25 * MS)).toEqual({ vcpu: 1, sliceNs: 10 * MS });
  });

  it("refuses parameters that are none", () => {
    const bvt = createBvtScheduler();
    bvt.admit(1, {});
    expect(bvt.adjust(1, { weight: 0 })).toContain("weight: 0 is not a whole number from 1");
    expect(bvt.adjust(1, { weight: 1.5 })).not.toBeNull();
    expect(() => bvt.admit(1, {})).toThrow(HostError);
    expect(() => bvt.admit(2, { warpMcu: -1 })).toThrow(HostError);
    expect(() => createBvtScheduler({ contextSwitchAllowanceNs: 1 })).toThrow(HostError);
  });
});
