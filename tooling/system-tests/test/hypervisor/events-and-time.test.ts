import { FLAG } from "@xenolith/x86-architecture";
import { FLAT_RING1_CS } from "@xenolith/xen-abi/arch-x86";
import {
  EVTCHN_BIND_IPI,
  EVTCHN_BIND_VIRQ,
  EVTCHNOP_bind_ipi,
  EVTCHNOP_bind_virq,
  EVTCHNOP_send,
} from "@xenolith/xen-abi/event-channel";
import { SCHEDOP_block, SCHEDOP_poll } from "@xenolith/xen-abi/sched";
import { readVcpuTimeInfo, SHARED_INFO, VCPU_INFO } from "@xenolith/xen-abi/shared-info";
import { VCPUOP_stop_periodic_timer } from "@xenolith/xen-abi/vcpu";
import {
  __HYPERVISOR_event_channel_op,
  __HYPERVISOR_iret,
  __HYPERVISOR_sched_op,
  __HYPERVISOR_set_callbacks,
  __HYPERVISOR_set_timer_op,
  __HYPERVISOR_vcpu_op,
  __HYPERVISOR_xen_version,
  VIRQ_TIMER,
} from "@xenolith/xen-abi/xen";
import { describe, expect, test } from "vitest";
import { dword, hypercall, pushImmediate, spin, store } from "./support/assemble.ts";
import { createTestGuest, page, type TestGuest } from "./support/guest.ts";
import { createTestMachine, type TestMachine } from "./support/machine.ts";

const WIDTH = "x86_32p";
const CODE = page(1);
const UPCALL = page(2);
const ARGUMENT = page(3);
const RESULT = page(4);
const STACK_TOP = page(9);
/** Time that calling a kernel for events takes. */
const UPCALL_NS = 500;
const RDTSC: readonly number[] = [0x0f, 0x31];

const setCallbacks = hypercall(__HYPERVISOR_set_callbacks, FLAT_RING1_CS, UPCALL, FLAT_RING1_CS, UPCALL);
const noPeriodicTimer = hypercall(__HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, 0, 0);
const block = hypercall(__HYPERVISOR_sched_op, SCHEDOP_block, 0);

/** Code, and behind it an iret to its own end with IF set: the way to unmask events without touching shared_info. */
const unmaskedBehind = (code: readonly number[]): readonly number[] => {
  const rest = (target: number): readonly number[] => [
    ...pushImmediate(FLAG.fixed | FLAG.if),
    ...pushImmediate(FLAT_RING1_CS),
    ...pushImmediate(target),
    ...pushImmediate(0),
    ...hypercall(__HYPERVISOR_iret),
  ];
  return [...code, ...rest(CODE + code.length + rest(0).length)];
};

interface Run {
  readonly machine: TestMachine;
  readonly guest: TestGuest;
  /** Machine address of shared_info. */
  readonly shared: number;
}

const prepare = (code: readonly number[], upcall: readonly number[], argument: ArrayLike<number>): Run => {
  const machine = createTestMachine();
  const guest = createTestGuest(machine, { entry: CODE, stackTop: STACK_TOP });
  guest.write(CODE, [...code, ...spin]);
  guest.write(UPCALL, upcall);
  guest.write(ARGUMENT, argument);
  const shared = machine.hypervisor.control.sharedInfoFrame(guest.id) * 4096;
  return { machine, guest, shared };
};

const run = (
  code: readonly number[],
  upcall: readonly number[],
  argument: ArrayLike<number>,
  untilNs = 50_000,
): Run => {
  const made = prepare(code, upcall, argument);
  made.guest.start();
  made.machine.runUntil(untilNs);
  expect(made.machine.hypervisor.control.describe(made.guest.id)?.crash).toBeNull();
  return made;
};

const bindIpi = new Uint8Array(EVTCHN_BIND_IPI.size(WIDTH));
const bindTimer = new Uint8Array(EVTCHN_BIND_VIRQ.size(WIDTH));
EVTCHN_BIND_VIRQ.write(new DataView(bindTimer.buffer), 0, WIDTH, {
  virq: VIRQ_TIMER,
  vcpu: 0,
  port: 0 as never,
});

const words = (guest: TestGuest, at: number, count: number): number[] =>
  Array.from({ length: count }, (_, index) => guest.readUint32(at + 4 * index));

describe("an event", () => {
  test("that a guest sends itself calls it at the next return from the hypervisor once it has unmasked", () => {
    // Port 1 is the first one given out. The selector at offset 4 of the argument is not read by send.
    const code = [
      ...setCallbacks,
      ...hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, ARGUMENT),
      ...hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, ARGUMENT + 4),
    ];
    const { guest, machine, shared } = run([...code, ...block], [...store("eax", RESULT), ...spin], bindIpi);
    const info = VCPU_INFO.layout[WIDTH];
    expect(machine.memory.bytes[shared + info.evtchnUpcallPending]).toBe(1);
    expect(machine.memory.bytes[shared + info.evtchnUpcallMask]).toBe(1);
    expect(machine.memory.view.getUint32(shared + SHARED_INFO[WIDTH].evtchnPending, true)).toBe(2);
    // The frame shows the mask as block left it: open.
    const [eip, cs, flags] = words(guest, STACK_TOP - 12, 3);
    expect(eip).toBe(CODE + code.length + block.length);
    expect(cs).toBe(FLAT_RING1_CS);
    expect((flags ?? 0) & FLAG.if).toBe(FLAG.if);
  });

  test("that still waits when its handler returns calls it again, each time for its price", () => {
    const code = unmaskedBehind([
      ...setCallbacks,
      ...hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, ARGUMENT),
      ...hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, ARGUMENT + 4),
    ]);
    // incl (RESULT); push %eax; iret
    const count = [0xff, 0x05, ...dword(RESULT), 0x50, ...hypercall(__HYPERVISOR_iret)];
    const untilNs = 50_000;
    const { guest } = run(code, count, bindIpi, untilNs);
    expect(guest.readUint32(RESULT)).toBeGreaterThan(50);
    expect(guest.readUint32(RESULT) * UPCALL_NS).toBeLessThanOrEqual(untilNs + UPCALL_NS);
  });

  test("wakes a polling VCPU without calling it", () => {
    const poll = new DataView(new ArrayBuffer(64));
    poll.setUint32(0, ARGUMENT + 32, true);
    poll.setUint32(4, 1, true);
    poll.setUint32(32, 1, true);
    const { guest, machine } = prepare(
      [
        ...hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, RESULT + 64),
        ...hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, ARGUMENT),
        ...store("eax", RESULT),
      ],
      spin,
      new Uint8Array(poll.buffer),
    );
    guest.writeUint32(RESULT, 77);
    guest.start();
    machine.runUntil(20_000);
    expect(machine.hypervisor.control.describe(guest.id)?.state).toBe("blocked");
    expect(guest.readUint32(RESULT)).toBe(77);
  });
});

describe("the one-shot timer", () => {
  const deadlineNs = 30_000;
  const code = [
    ...setCallbacks,
    ...noPeriodicTimer,
    ...hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, ARGUMENT),
    ...hypercall(__HYPERVISOR_set_timer_op, deadlineNs, 0),
    ...block,
  ];

  test("wakes a blocked guest exactly at its deadline", () => {
    const { guest } = run(code, [...RDTSC, ...store("eax", RESULT), ...spin], bindTimer);
    // RDTSC is the first instruction that retires after the deadline, besides the call.
    expect(guest.readUint32(RESULT) - deadlineNs - UPCALL_NS).toBeLessThan(3);
    expect(guest.readUint32(RESULT)).toBeGreaterThanOrEqual(deadlineNs + UPCALL_NS);
  });

  test("interrupts a running guest exactly at its deadline", () => {
    const running = unmaskedBehind(code.slice(0, -block.length));
    const { guest } = run(running, [...RDTSC, ...store("eax", RESULT), ...spin], bindTimer);
    expect(guest.readUint32(RESULT) - deadlineNs - UPCALL_NS).toBeLessThan(3);
    expect(guest.readUint32(RESULT)).toBeGreaterThanOrEqual(deadlineNs + UPCALL_NS);
  });
});

describe("time", () => {
  test("in vcpu_time_info is the time-stamp counter", () => {
    const { machine, shared } = run([...hypercall(__HYPERVISOR_xen_version, 0)], spin, []);
    const info = readVcpuTimeInfo(machine.memory.view, shared + VCPU_INFO.layout[WIDTH].time, WIDTH);
    expect(info.version % 2).toBe(0);
    expect(info.version).toBeGreaterThan(0);
    expect(info.systemTime).toBe(info.tscTimestamp);
    // (delta << shift) * mul / 2^32 = delta
    expect(2 ** info.tscShift * info.tscToSystemMul).toBe(2 ** 32);
  });

  test("of the wall clock at system time 0 is the clock's epoch", () => {
    const { machine, shared } = run([], spin, []);
    const { wcSec, wcNsec, wcVersion } = SHARED_INFO[WIDTH];
    expect(machine.memory.view.getUint32(shared + wcSec, true)).toBe(1_000_000_000);
    expect(machine.memory.view.getUint32(shared + wcNsec, true)).toBe(5);
    expect(machine.memory.view.getUint32(shared + wcVersion, true) % 2).toBe(0);
  });

  test("does not depend on how the processor's work is cut into steps", () => {
    // The periodic timer interrupts the spin at 10 ms; the upcall notes the time.
    const code = unmaskedBehind([
      ...setCallbacks,
      ...hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, ARGUMENT),
    ]);
    const endNs = 12_000_000;
    const trail = (workNs: number): number[] => {
      const { machine, guest } = prepare(code, [...RDTSC, ...store("eax", RESULT), ...spin], bindTimer);
      guest.start();
      let steps = 0;
      for (; machine.clock.now() < endNs; steps++) machine.hypervisor.step({ workNs, untilNs: endNs });
      expect(steps).toBeGreaterThanOrEqual(endNs / workNs);
      const end = machine.hypervisor.control.describe(guest.id);
      return [guest.readUint32(RESULT), end?.instructions ?? 0, end?.cpuNs ?? 0];
    };
    const whole = trail(endNs);
    expect(whole[0]).toBeGreaterThanOrEqual(10_000_000);
    expect(trail(7_919)).toEqual(whole);
  });
});
