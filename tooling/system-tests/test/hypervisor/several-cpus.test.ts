import type { CpuAffinity, DomainControl } from "@xenolith/domain-interface/control";
import { EBUSY, EEXIST, EINVAL, ENOENT, ESRCH, toDomId, toVcpuIndex } from "@xenolith/xen-abi";
import { describe, expect, test } from "vitest";
import { spin } from "./support/assemble.ts";
import { createTestGuest, page, type TestGuest } from "./support/guest.ts";
import { createTestMachine, type TestMachine } from "./support/machine.ts";

const MS = 1_000_000;
const FIRST = toVcpuIndex(0);

/** A machine of so many CPUs with domains that never sleep, run for `forNs`. */
const spinning = (
  cpuCount: number,
  domains: number,
  forNs: number,
  prepare: (control: DomainControl) => void = () => {},
) => {
  const machine = createTestMachine({ cpuCount });
  const guests = Array.from({ length: domains }, () => {
    const guest = createTestGuest(machine, { entry: page(1), stackTop: page(9) });
    guest.write(page(1), spin);
    return guest;
  });
  prepare(machine.hypervisor.control);
  for (const guest of guests) guest.start();
  machine.runUntil(forNs);
  return { machine, guests, used: () => guests.map((guest) => cpuOf(machine, guest)) };
};

const cpuOf = (machine: TestMachine, { id }: TestGuest): number =>
  machine.hypervisor.control.describe(id)?.cpuNs ?? 0;

const pinned = (...hard: number[]): CpuAffinity => ({ hard, soft: null });

describe("several physical CPUs", () => {
  test("run as many VCPUs at once as there are of them", () => {
    const { used } = spinning(2, 2, 20 * MS);
    for (const ns of used()) expect(ns).toBeGreaterThan(19.9 * MS);
  });

  test("together do no more than time times CPUs", () => {
    const { used } = spinning(3, 5, 60 * MS);
    const total = used().reduce((sum, ns) => sum + ns, 0);
    expect(Math.abs(total - 180 * MS)).toBeLessThan(MS);
  });

  test("do the same twice", () => {
    const once = (): string => {
      const { machine, guests } = spinning(3, 4, 30 * MS);
      return JSON.stringify(guests.map(({ id }) => machine.hypervisor.control.describe(id)));
    };
    expect(once()).toBe(once());
  });

  test("account for all of a VCPU's time, whichever CPU it is on", () => {
    const { machine, guests } = spinning(2, 3, 50 * MS);
    machine.hypervisor.control.pause(guests[0]?.id ?? toDomId(0));
    machine.runUntil(60 * MS);
    const [paused] = machine.hypervisor.control.vcpusOf(guests[0]?.id ?? toDomId(0));
    expect(paused?.state).toBe(3);
    expect(paused?.cpuNs).toBeLessThanOrEqual(50 * MS);
  });

  test("keep VCPUs where their hard affinity wants them, changed while they run", () => {
    const { machine, guests, used } = spinning(2, 2, 20 * MS);
    const { control } = machine.hypervisor;
    for (const { id } of guests) expect(control.setAffinity(id, FIRST, pinned(1))).toBe(0);
    const before = used().reduce((sum, ns) => sum + ns, 0);
    machine.runUntil(40 * MS);
    expect(Math.abs(used().reduce((sum, ns) => sum + ns, 0) - before - 20 * MS)).toBeLessThan(MS / 2);
    for (const { id } of guests) expect(control.vcpusOf(id)[0]?.cpu).toBe(1);
  });

  test("refuse affinities that name no CPU there is, and VCPUs that are not there", () => {
    const { machine, guests } = spinning(2, 1, MS);
    const { control } = machine.hypervisor;
    const [guest] = guests;
    if (guest === undefined) throw new Error("no guest");
    expect(control.setAffinity(guest.id, FIRST, pinned(7))).toBe(-EINVAL);
    expect(control.setAffinity(guest.id, toVcpuIndex(3), pinned(0))).toBe(-EINVAL);
    expect(control.setAffinity(toDomId(99), FIRST, pinned(0))).toBe(-ESRCH);
  });
});

describe("pools of CPUs", () => {
  test("have a policy each, and domains that move between them", () => {
    const { machine, guests, used } = spinning(3, 3, 10 * MS);
    const { control } = machine.hypervisor;
    const { pools } = control;
    expect(pools.removeCpu(0, 2)).toBe(0);
    const pool = pools.create("capped", "credit", [2]);
    expect(pool).toBeGreaterThan(0);
    const [first, second] = guests;
    if (first === undefined || second === undefined) throw new Error("no guests");
    expect(pools.moveDomain(first.id, pool)).toBe(0);
    expect(pools.moveDomain(second.id, pool)).toBe(0);
    expect(control.schedulingOf(first.id)).toEqual({ weight: 256, cap: 0 });
    expect(control.adjustScheduling(first.id, { cap: 20 })).toBeNull();
    expect(pools.list().map(({ scheduler, cpus, domains }) => ({ scheduler, cpus, domains }))).toEqual([
      { scheduler: "bvt", cpus: [0, 1], domains: [guests[2]?.id] },
      { scheduler: "credit", cpus: [2], domains: [first.id, second.id] },
    ]);
    const before = used();
    machine.runUntil(machine.clock.now() + 600 * MS);
    const [capped = 0, other = 0, alone = 0] = used().map((ns, index) => ns - (before[index] ?? 0));
    expect(Math.abs(capped - 120 * MS)).toBeLessThan(15 * MS);
    expect(Math.abs(other - 480 * MS)).toBeLessThan(15 * MS);
    expect(Math.abs(alone - 600 * MS)).toBeLessThan(MS);
  });

  test("give back their CPUs, which idle until another pool takes them", () => {
    const { machine, guests, used } = spinning(2, 2, 10 * MS);
    const { pools } = machine.hypervisor.control;
    expect(pools.removeCpu(0, 0)).toBe(0);
    let before = used().reduce((sum, ns) => sum + ns, 0);
    const passed = (): number => {
      machine.runUntil(machine.clock.now() + 20 * MS);
      const now = used().reduce((sum, ns) => sum + ns, 0);
      const ran = now - before;
      before = now;
      return ran;
    };
    expect(Math.abs(passed() - 20 * MS)).toBeLessThan(MS);
    expect(pools.addCpu(0, 0)).toBe(0);
    expect(Math.abs(passed() - 40 * MS)).toBeLessThan(MS);
    expect(guests).toHaveLength(2);
  });

  test("say why they refuse", () => {
    const { machine, guests } = spinning(2, 1, MS);
    const { pools } = machine.hypervisor.control;
    expect(pools.create("Pool-0", "bvt", [1])).toBe(-EEXIST);
    expect(pools.create("other", "bvt", [1])).toBe(-EBUSY);
    expect(pools.create("other", "bvt", [9])).toBe(-EINVAL);
    expect(pools.removeCpu(0, 1)).toBe(0);
    expect(pools.removeCpu(0, 0)).toBe(-EBUSY);
    expect(pools.removeCpu(0, 1)).toBe(-ENOENT);
    expect(pools.create("other", "lottery", [1])).toBe(-EINVAL);
    const other = pools.create("other", "rrobin", [1]);
    expect(pools.addCpu(other, 0)).toBe(-EBUSY);
    expect(pools.moveDomain(guests[0]?.id ?? toDomId(0), other)).toBe(0);
    expect(pools.destroy(other)).toBe(-EBUSY);
    expect(pools.moveDomain(guests[0]?.id ?? toDomId(0), 0)).toBe(0);
    expect(pools.destroy(other)).toBe(0);
    expect(pools.destroy(0)).toBe(-EINVAL);
    expect(pools.moveDomain(toDomId(99), 0)).toBe(-ESRCH);
  });
});
