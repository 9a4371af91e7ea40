import { EFAULT, EINVAL, ENOSYS, toVcpuIndex } from "@xenolith/xen-abi";
import {
  __HYPERVISOR_alarm_op,
  ALARMOP_cancel_real,
  ALARMOP_cancel_virtual,
  ALARMOP_get_times,
  ALARMOP_set_real,
  ALARMOP_set_virtual,
  VIRQ_VIRTUAL_TIMER,
} from "@xenolith/xen-abi/alarm";
import { EVTCHNOP_bind_virq } from "@xenolith/xen-abi/event-channel";
import { VCPUOP_get_runstate_info, VCPUOP_stop_periodic_timer } from "@xenolith/xen-abi/vcpu";
import { __HYPERVISOR_event_channel_op, __HYPERVISOR_vcpu_op, VIRQ_TIMER } from "@xenolith/xen-abi/xen";
import { beforeEach, describe, expect, it } from "vitest";
import { act } from "../support/fake-processor.ts";
import {
  ABSENT,
  ARGUMENT,
  createHypervisorFixture,
  type FixtureGuest,
  type HypervisorFixture,
  OTHER,
} from "../support/hypervisor-fixture.ts";

let fixture: HypervisorFixture;
let guest: FixtureGuest;

const alarmOp = (command: number, deadlineNs = 0): number => {
  guest.write(ARGUMENT, deadlineNs, 0);
  return guest.call(__HYPERVISOR_alarm_op, command, ARGUMENT);
};
const bind = (virq: number): void => {
  guest.write(OTHER, virq, 0, 0);
  expect(guest.call(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, OTHER)).toBeGreaterThanOrEqual(0);
};
const times = (): { real: number; virtual: number } => {
  expect(alarmOp(ALARMOP_get_times)).toBe(0);
  return { real: guest.read(ARGUMENT), virtual: guest.read(ARGUMENT + 8) };
};
const isPending = (): boolean => (fixture.memory.bytes[guest.shared] ?? 0) !== 0;

beforeEach(() => {
  fixture = createHypervisorFixture();
  guest = fixture.addGuest({ id: 1, alarms: true });
  guest.call(__HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, 0);
});

describe("alarm_op", () => {
  it("is there only in domains that were created with it", () => {
    guest = fixture.addGuest({ id: 2 });
    for (const command of [ALARMOP_get_times, ALARMOP_set_virtual, ALARMOP_cancel_real, 99])
      expect(alarmOp(command)).toBe(-ENOSYS);
    guest.write(OTHER, VIRQ_VIRTUAL_TIMER, 1, 0);
    expect(guest.call(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, OTHER)).toBe(-EINVAL);
  });

  it("knows five commands, and reads and writes with the rights of the guest", () => {
    expect(alarmOp(5)).toBe(-EINVAL);
    expect(alarmOp(0xffff_ffff)).toBe(-EINVAL);
    for (const command of [ALARMOP_get_times, ALARMOP_set_real, ALARMOP_set_virtual])
      for (const at of [ABSENT, ABSENT - 4, 0xf580_0000, 0xffff_fffc])
        expect(guest.call(__HYPERVISOR_alarm_op, command, at)).toBe(-EFAULT);
    for (const command of [ALARMOP_cancel_real, ALARMOP_cancel_virtual])
      expect(guest.call(__HYPERVISOR_alarm_op, command, ABSENT)).toBe(0);
  });

  it("tells both clocks: virtual time is what the runstate says, and is passed by nobody else", () => {
    guest.perform(act.work(1000));
    const before = times();
    fixture.hypervisor.control.pause(guest.id);
    fixture.skipTo(before.real + 50_000);
    fixture.hypervisor.control.unpause(guest.id);
    const other = fixture.addGuest({ id: 2 });
    other.perform(act.work(7000));
    guest.perform(act.work(300));
    const after = times();
    expect(after.real - before.real).toBeGreaterThanOrEqual(57_300);
    expect(after.virtual).toBeLessThan(after.real - 7000);
    guest.call(__HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 0, OTHER);
    expect(guest.read(OTHER + 12) - times().virtual).toBeLessThan(5);
    const { cpuNs } = fixture.hypervisor.control.describe(guest.id) ?? {};
    expect(times().virtual - (cpuNs ?? 0)).toBeLessThan(5);
  });
});

describe("the real-time alarm", () => {
  it("is the one-shot timer: VIRQ_TIMER at its deadline, and not when it was stopped", () => {
    bind(VIRQ_TIMER);
    expect(alarmOp(ALARMOP_set_real, 50_000)).toBe(0);
    expect(alarmOp(ALARMOP_cancel_real)).toBe(0);
    fixture.skipTo(60_000);
    expect(isPending()).toBe(false);
    alarmOp(ALARMOP_set_real, 70_000);
    fixture.skipTo(70_000);
    expect(isPending()).toBe(true);
  });
});

describe("the virtual-time alarm", () => {
  beforeEach(() => bind(VIRQ_VIRTUAL_TIMER));

  /** Lets the guest execute as far as it may each time until the alarm fires. @returns when that was, by its virtual clock */
  const firesAt = (): number => {
    for (let run = 0; run < 10_000 && !isPending(); run++)
      guest.perform((vcpu, budget) => act.work(budget)(vcpu, budget));
    return times().virtual;
  };

  it("fires when the VCPU has executed for so long, to the instruction, however often it was interrupted", () => {
    const deadline = times().virtual + 5000;
    expect(alarmOp(ALARMOP_set_virtual, deadline)).toBe(0);
    const other = fixture.addGuest({ id: 2 });
    for (let turn = 0; turn < 20; turn++) {
      other.perform(act.work(10_000));
      guest.perform(act.work(200));
      expect(isPending()).toBe(false);
    }
    // The call that looks is an instruction itself.
    expect(firesAt() - 1).toBe(deadline);
  });

  it("fires at once for what has passed, replaces what was armed, and is stopped", () => {
    guest.perform(act.work(500));
    alarmOp(ALARMOP_set_virtual, 100_000);
    alarmOp(ALARMOP_set_virtual, times().virtual + 1000);
    expect(alarmOp(ALARMOP_cancel_virtual)).toBe(0);
    guest.perform(act.work(200_000));
    expect(isPending()).toBe(false);
    alarmOp(ALARMOP_set_virtual, 0);
    guest.perform(act.work(1));
    expect(isPending()).toBe(true);
  });

  it("does not see the time of a domain that is paused, and goes with one that is destroyed", () => {
    const { control } = fixture.hypervisor;
    alarmOp(ALARMOP_set_virtual, times().virtual + 5000);
    control.pause(guest.id);
    fixture.skipTo(1_000_000);
    expect(isPending()).toBe(false);
    control.unpause(guest.id);
    guest.perform(act.work(4500));
    expect(isPending()).toBe(false);
    guest.perform(act.work(600), act.work(1));
    expect(isPending()).toBe(true);

    alarmOp(ALARMOP_set_virtual, times().virtual + 5000);
    control.destroy(guest.id);
    expect(fixture.timers.next()).toBeNull();
  });

  it("counts for each domain's services as well", () => {
    const { control } = fixture.hypervisor;
    guest.perform(act.work(1000));
    const { virtual } = times();
    expect(control.inside(guest.id).executed()).toBeGreaterThanOrEqual(virtual);
    expect(control.vcpusOf(guest.id)[toVcpuIndex(0)]?.cpuNs).toBeGreaterThanOrEqual(virtual);
    control.destroy(guest.id);
  });
});
