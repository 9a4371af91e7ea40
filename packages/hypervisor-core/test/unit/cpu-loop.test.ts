import { toNanoseconds } from "@xenolith/machine-interface";
import { describe, expect, it } from "vitest";
import { act } from "../support/fake-processor.ts";
import { createHypervisorFixture } from "../support/hypervisor-fixture.ts";

const FOREVER = Number.POSITIVE_INFINITY;

describe("a step", () => {
  it("without a domain is idle", () => {
    const { step } = createHypervisorFixture().hypervisor;
    expect(step({ workNs: 100, untilNs: FOREVER })).toEqual({ kind: "idle", nextNs: null });
  });

  it("runs as much as it was asked to, and no longer than it was asked to", () => {
    const { hypervisor, addGuest, clock } = createHypervisorFixture();
    addGuest();
    expect(hypervisor.step({ workNs: 1234, untilNs: FOREVER })).toEqual({ kind: "ran", isSteady: true });
    expect(clock.now()).toBe(1234);
    hypervisor.step({ workNs: 1_000_000, untilNs: 2000 });
    expect(clock.now()).toBe(2000);
  });

  it("runs a guest exactly to the next deadline and fires what is due there", () => {
    const { hypervisor, addGuest, clock, timers } = createHypervisorFixture();
    const guest = addGuest();
    const fired: number[] = [];
    timers.at(toNanoseconds(77), () => fired.push(clock.now()));
    timers.at(toNanoseconds(78), () => fired.push(clock.now()));
    hypervisor.step({ workNs: 90, untilNs: FOREVER });
    expect(fired).toEqual([77, 78]);
    expect(guest.vcpu.budgets.slice(0, 2)).toEqual([77, 1]);
  });

  it("charges the scheduler's choice with the time it ran, slice by slice", () => {
    const { hypervisor, addGuest, scheduler } = createHypervisorFixture();
    addGuest();
    addGuest();
    scheduler.log.splice(0);
    hypervisor.step({ workNs: 400, untilNs: FOREVER });
    expect(scheduler.log).toEqual([
      "choose 1 at 0 ran 0",
      "choose 0 at 100 ran 100",
      "choose 1 at 200 ran 100",
      "choose 0 at 300 ran 100",
    ]);
  });

  it("lets time pass for a fault, beyond that of the instruction, so that endless faults come to an end", () => {
    const { addGuest, clock } = createHypervisorFixture();
    const guest = addGuest();
    guest.perform(act.fault(6));
    expect(clock.now()).toBeGreaterThan(1);
  });

  it("shows the guest the time of each instruction", () => {
    const { hypervisor, addGuest } = createHypervisorFixture();
    const guest = addGuest();
    const seen: number[] = [];
    guest.vcpu.script.push(act.work(30), ({ options }) => {
      seen.push(options.timestamp(0), options.timestamp(5));
      return { retired: 10 };
    });
    hypervisor.step({ workNs: 40, untilNs: FOREVER });
    expect(seen).toEqual([30, 35]);
  });

  it("does not run a guest without a page-table base: it ends", () => {
    const { hypervisor, addDomain } = createHypervisorFixture();
    const { control } = hypervisor;
    const id = addDomain();
    control.setStartContext(id, 0 as never, { instructionPointer: 0, stackPointer: 0, startInfo: 0 });
    control.unpause(id);
    hypervisor.step({ workNs: 10, untilNs: FOREVER });
    expect(control.describe(id)?.crash?.reason).toBe("there is no page-table base");
  });

  it("leaves nothing of a domain running that was destroyed while it ran", () => {
    const { hypervisor, addGuest } = createHypervisorFixture();
    const guest = addGuest();
    guest.vcpu.script.push(() => {
      hypervisor.control.destroy(guest.id);
      return { retired: 5 };
    });
    hypervisor.step({ workNs: 100, untilNs: FOREVER });
    expect(hypervisor.step({ workNs: 100, untilNs: FOREVER })).toEqual({ kind: "idle", nextNs: null });
    expect(guest.vcpu.budgets).toHaveLength(1);
  });
});
