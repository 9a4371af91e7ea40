import { EFAULT, EINVAL, ENOSPC, ENOSYS, EPERM, ESRCH } from "@xenolith/xen-abi";
import { EVTCHNOP_alloc_unbound, EVTCHNOP_bind_ipi, EVTCHNOP_send } from "@xenolith/xen-abi/event-channel";
import {
  SCHEDOP_block,
  SCHEDOP_pin_override,
  SCHEDOP_poll,
  SCHEDOP_remote_shutdown,
  SCHEDOP_shutdown,
  SCHEDOP_shutdown_code,
  SCHEDOP_watchdog,
  SCHEDOP_yield,
} from "@xenolith/xen-abi/sched";
import {
  __HYPERVISOR_event_channel_op,
  __HYPERVISOR_sched_op,
  __HYPERVISOR_sched_op_compat,
} from "@xenolith/xen-abi/xen";
import { describe, expect, it } from "vitest";
import {
  ABSENT,
  ARGUMENT,
  createHypervisorFixture,
  type FixtureGuest,
  OTHER,
} from "../support/hypervisor-fixture.ts";

const sched = (guest: FixtureGuest, command: number, ...words: readonly number[]): number => {
  guest.write(ARGUMENT, ...words);
  return guest.call(__HYPERVISOR_sched_op, command, ARGUMENT);
};

const setup = () => {
  const fixture = createHypervisorFixture();
  const guest = fixture.addGuest({ id: 1 });
  const state = (): string | undefined => fixture.hypervisor.control.describe(guest.id)?.state;
  return { fixture, guest, state };
};

describe("shutdown", () => {
  it.each([
    [0, "poweroff"],
    [1, "reboot"],
    [2, "suspend"],
    [4, "watchdog"],
    [5, "soft-reset"],
    [6, "reason 6"],
    [0x1ff, "reason 255"],
    [0x100, "poweroff"],
  ])("%i is %s", (code, reason) => {
    const { fixture, guest } = setup();
    sched(guest, SCHEDOP_shutdown, code);
    const end = fixture.hypervisor.control.describe(guest.id);
    expect(end).toMatchObject({ state: "shutdown", shutdownReason: reason, crash: null });
  });

  it("3 is a crash, with registers", () => {
    const { fixture, guest } = setup();
    sched(guest, SCHEDOP_shutdown, 3);
    expect(fixture.hypervisor.control.describe(guest.id)?.crash?.registers).toContain("eip");
  });

  it("without an argument is -EFAULT", () => {
    const { guest, state } = setup();
    expect(guest.call(__HYPERVISOR_sched_op, SCHEDOP_shutdown, ABSENT)).toBe(-EFAULT);
    expect(state()).toBe("running");
  });

  it("takes the reason that was registered before", () => {
    const { fixture, guest } = setup();
    expect(sched(guest, SCHEDOP_shutdown_code, 9)).toBe(0);
    expect(sched(guest, SCHEDOP_shutdown_code, 1)).toBe(0);
    sched(guest, SCHEDOP_shutdown, 0);
    expect(fixture.hypervisor.control.describe(guest.id)?.shutdownReason).toBe("reboot");
  });

  it("of another domain is for privileged domains", () => {
    const { fixture, guest, state } = setup();
    const control = fixture.addGuest({ id: 0, privileged: true });
    expect(sched(guest, SCHEDOP_remote_shutdown, 0, 0)).toBe(-EPERM);
    expect(sched(control, SCHEDOP_remote_shutdown, 55, 0)).toBe(-ESRCH);
    expect(sched(control, SCHEDOP_remote_shutdown, 1, 0)).toBe(0);
    expect(state()).toBe("shutdown");
  });

  it("by the older call takes its reason as the argument itself", () => {
    const { fixture, guest } = setup();
    guest.call(__HYPERVISOR_sched_op_compat, 2, 1);
    expect(fixture.hypervisor.control.describe(guest.id)?.shutdownReason).toBe("reboot");
  });
});

describe("block", () => {
  it("opens the upcall mask and waits", () => {
    const { fixture, guest, state } = setup();
    expect(fixture.memory.bytes[guest.shared + 1]).toBe(1);
    expect(sched(guest, SCHEDOP_block)).toBe(0);
    expect(fixture.memory.bytes[guest.shared + 1]).toBe(0);
    expect(state()).toBe("blocked");
  });

  it("does not wait while an event is pending", () => {
    const { fixture, guest, state } = setup();
    fixture.memory.bytes[guest.shared] = 1;
    sched(guest, SCHEDOP_block);
    expect(state()).toBe("running");
  });
});

describe("poll", () => {
  const bindIpi = (guest: FixtureGuest): number => {
    guest.write(OTHER, 0, 0);
    guest.call(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, OTHER);
    return guest.read(OTHER + 4);
  };
  const send = (guest: FixtureGuest, port: number): number => {
    guest.write(OTHER, port);
    return guest.call(__HYPERVISOR_event_channel_op, EVTCHNOP_send, OTHER);
  };
  const poll = (guest: FixtureGuest, ports: readonly number[], timeoutNs = 0): number => {
    guest.write(OTHER + 64, ...ports);
    return sched(guest, SCHEDOP_poll, OTHER + 64, ports.length, timeoutNs, 0);
  };

  it("returns at once when a port is pending", () => {
    const { guest, state } = setup();
    const port = bindIpi(guest);
    send(guest, port);
    expect(poll(guest, [port])).toBe(0);
    expect(state()).toBe("running");
  });

  it("waits for the port", () => {
    const { guest, state } = setup();
    poll(guest, [bindIpi(guest)]);
    expect(state()).toBe("blocked");
  });

  it("waits no longer than the timeout", () => {
    const { fixture, guest, state } = setup();
    poll(guest, [bindIpi(guest)], 5_000);
    expect(state()).toBe("blocked");
    const idle = fixture.hypervisor.step({ workNs: 1, untilNs: 10_000 });
    expect(idle).toEqual({ kind: "idle", nextNs: 5_000 });
    fixture.skipTo(5_000);
    expect(state()).toBe("running");
  });

  it("is -EINVAL for too many ports and for one that is not there, -EFAULT for what cannot be read", () => {
    const { guest } = setup();
    expect(sched(guest, SCHEDOP_poll, OTHER, 129, 0, 0)).toBe(-EINVAL);
    expect(poll(guest, [4000])).toBe(-EINVAL);
    expect(sched(guest, SCHEDOP_poll, ABSENT, 1, 0, 0)).toBe(-EFAULT);
    expect(guest.call(__HYPERVISOR_sched_op, SCHEDOP_poll, ABSENT)).toBe(-EFAULT);
  });

  it("ends when the other end of a channel sends", () => {
    const { fixture, guest, state } = setup();
    const other = fixture.addGuest({ id: 2 });
    guest.write(OTHER, 0x2_7ff0, 0);
    expect(guest.call(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, OTHER)).toBe(0);
    const port = guest.read(OTHER + 4);
    poll(guest, [port]);
    expect(state()).toBe("blocked");
    other.write(OTHER, 1, port, 0);
    expect(other.call(__HYPERVISOR_event_channel_op, 0, OTHER)).toBe(0);
    expect(send(other, other.read(OTHER + 8))).toBe(0);
    expect(state()).not.toBe("blocked");
  });
});

describe("watchdog", () => {
  const SECOND = 1_000_000_000;

  it("ends the domain when it is not set again", () => {
    const { fixture, guest } = setup();
    expect(sched(guest, SCHEDOP_watchdog, 0, 2)).toBe(1);
    fixture.skipTo(2 * SECOND - 1);
    expect(fixture.hypervisor.control.describe(guest.id)?.shutdownReason).toBeNull();
    fixture.skipTo(2 * SECOND + 1000);
    expect(fixture.hypervisor.control.describe(guest.id)?.shutdownReason).toBe("watchdog");
  });

  it("there are two; one that ended can be had again", () => {
    const { guest } = setup();
    expect(sched(guest, SCHEDOP_watchdog, 0, 10)).toBe(1);
    expect(sched(guest, SCHEDOP_watchdog, 0, 10)).toBe(2);
    expect(sched(guest, SCHEDOP_watchdog, 0, 10)).toBe(-ENOSPC);
    expect(sched(guest, SCHEDOP_watchdog, 1, 0)).toBe(0);
    expect(sched(guest, SCHEDOP_watchdog, 1, 5)).toBe(-EINVAL);
    expect(sched(guest, SCHEDOP_watchdog, 0, 10)).toBe(1);
    expect(sched(guest, SCHEDOP_watchdog, 2, 20)).toBe(0);
    expect(sched(guest, SCHEDOP_watchdog, 3, 20)).toBe(-EINVAL);
    expect(sched(guest, SCHEDOP_watchdog, 0, 0)).toBe(-EINVAL);
  });
});

describe("the rest", () => {
  it("yield goes to the scheduler", () => {
    const { fixture, guest } = setup();
    const before = fixture.scheduler.log.length;
    expect(sched(guest, SCHEDOP_yield)).toBe(0);
    guest.perform(() => ({ retired: 1 }));
    expect(fixture.scheduler.log.slice(before).some((line) => line.startsWith("choose"))).toBe(true);
  });

  it("pinning is not for unprivileged domains, and unknown commands are -ENOSYS", () => {
    const { guest } = setup();
    expect(sched(guest, SCHEDOP_pin_override, 0)).toBe(-EPERM);
    expect(sched(guest, 99)).toBe(-ENOSYS);
    expect(guest.call(__HYPERVISOR_sched_op_compat, 99)).toBe(-ENOSYS);
  });
});
