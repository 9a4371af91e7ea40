import { EEXIST, EFAULT, EINVAL, ENOENT, ENOSYS, ENXIO, ETIME, toVcpuIndex } from "@xenolith/xen-abi";
import {
  FLAT_RING1_CS,
  VCPU_GUEST_CONTEXT_32,
  VGCF_i387_valid,
  VGCF_in_kernel,
  xenPfnToCr3,
} from "@xenolith/xen-abi/arch-x86";
import { EVTCHNOP_bind_virq } from "@xenolith/xen-abi/event-channel";
import { readVcpuTimeInfo, VCPU_INFO } from "@xenolith/xen-abi/shared-info";
import {
  VCPUOP_down,
  VCPUOP_get_physid,
  VCPUOP_get_runstate_info,
  VCPUOP_initialise,
  VCPUOP_is_up,
  VCPUOP_register_runstate_memory_area,
  VCPUOP_register_vcpu_info,
  VCPUOP_register_vcpu_time_memory_area,
  VCPUOP_send_nmi,
  VCPUOP_set_periodic_timer,
  VCPUOP_set_singleshot_timer,
  VCPUOP_stop_periodic_timer,
  VCPUOP_stop_singleshot_timer,
  VCPUOP_up,
} from "@xenolith/xen-abi/vcpu";
import {
  __HYPERVISOR_event_channel_op,
  __HYPERVISOR_set_timer_op,
  __HYPERVISOR_vcpu_op,
  __HYPERVISOR_vm_assist,
  VIRQ_TIMER,
} from "@xenolith/xen-abi/xen";
import { beforeEach, describe, expect, it } from "vitest";
import { HYPERCALL_COST_NS } from "../../src/delivery/exit-cost.ts";
import { act } from "../support/fake-processor.ts";
import {
  ABSENT,
  ARGUMENT,
  createHypervisorFixture,
  ENTRY,
  type FixtureGuest,
  type HypervisorFixture,
  OTHER,
} from "../support/hypervisor-fixture.ts";

let fixture: HypervisorFixture;
let guest: FixtureGuest;
beforeEach(() => {
  fixture = createHypervisorFixture();
  guest = fixture.addGuest({ id: 1, vcpus: 2 });
});

const vcpuOp = (command: number, vcpu: number, ...words: readonly number[]): number => {
  guest.write(ARGUMENT, ...words);
  return guest.call(__HYPERVISOR_vcpu_op, command, vcpu, ARGUMENT);
};

describe("VCPUs", () => {
  it("that are not there are -ENOENT, commands that are not known -ENOSYS", () => {
    expect(vcpuOp(VCPUOP_is_up, 2)).toBe(-ENOENT);
    expect(vcpuOp(VCPUOP_is_up, 0xffff_ffff)).toBe(-ENOENT);
    expect(vcpuOp(99, 0)).toBe(-ENOSYS);
  });

  it("begin down but for the first", () => {
    expect(vcpuOp(VCPUOP_is_up, 0)).toBe(1);
    expect(vcpuOp(VCPUOP_is_up, 1)).toBe(0);
    expect(vcpuOp(VCPUOP_up, 1)).toBe(-EINVAL);
    expect(vcpuOp(VCPUOP_initialise, 0)).toBe(-EEXIST);
    expect(guest.call(__HYPERVISOR_vcpu_op, VCPUOP_initialise, 1, ABSENT)).toBe(-EFAULT);
  });

  it("take a context whose selectors and debug registers cannot be loaded", () => {
    const bytes = new Uint8Array(VCPU_GUEST_CONTEXT_32.size("x86_32p"));
    const view = new DataView(bytes.buffer);
    const { ctrlreg, flags, debugreg, ldtBase } = VCPU_GUEST_CONTEXT_32.layout.x86_32p;
    view.setUint32(ctrlreg + 12, xenPfnToCr3(guest.root), true);
    view.setUint32(flags, VGCF_in_kernel, true);
    view.setUint32(debugreg, 0xf580_0000, true);
    const initialise = (): number => {
      guest.writeBytes(ARGUMENT, bytes);
      return guest.call(__HYPERVISOR_vcpu_op, VCPUOP_initialise, 1, ARGUMENT);
    };
    view.setUint32(ldtBase, 8, true);
    expect(initialise(), "an LDT begins at a page").toBe(-EINVAL);
    view.setUint32(ldtBase, 0, true);
    expect(initialise()).toBe(0);
    expect(vcpuOp(VCPUOP_is_up, 1)).toBe(0);
    expect(initialise()).toBe(-EEXIST);
  });

  it("take over x87 and vector registers where the context says that they are there, and show them", () => {
    const bytes = new Uint8Array(VCPU_GUEST_CONTEXT_32.size("x86_32p"));
    const view = new DataView(bytes.buffer);
    const { ctrlreg, flags, fpuCtxt } = VCPU_GUEST_CONTEXT_32.layout.x86_32p;
    view.setUint32(ctrlreg + 12, xenPfnToCr3(guest.root), true);
    view.setUint32(flags, VGCF_in_kernel | VGCF_i387_valid, true);
    const image = new DataView(bytes.buffer, fpuCtxt, 512);
    const [control, top, tags, mxcsr] = [0x27f, 3 << 11, 0x08, 0x1f80];
    image.setUint16(0, control, true);
    image.setUint16(2, top, true);
    image.setUint8(4, tags);
    image.setUint32(24, mxcsr, true);
    image.setUint32(28, 0xffff, true);
    image.setBigUint64(32, 0x8000_0000_0000_0000n, true);
    image.setUint16(40, 0x3fff, true);
    image.setBigUint64(160 + 7 * 16 + 8, 0x1122_3344_5566_7788n, true);
    guest.writeBytes(ARGUMENT, bytes);
    expect(guest.call(__HYPERVISOR_vcpu_op, VCPUOP_initialise, 1, ARGUMENT)).toBe(0);
    const shown = fixture.hypervisor.control.vcpuContext(guest.id, toVcpuIndex(1));
    expect(shown?.subarray(fpuCtxt, fpuCtxt + 512)).toEqual(bytes.subarray(fpuCtxt, fpuCtxt + 512));
  });

  it("the last one that goes down takes the domain with it", () => {
    vcpuOp(VCPUOP_down, 0);
    expect(fixture.hypervisor.control.describe(guest.id)?.shutdownReason).toBe("poweroff");
  });

  it("have no physical identity, and are sent NMIs without an argument", () => {
    expect(vcpuOp(VCPUOP_get_physid, 0)).toBe(-EINVAL);
    expect(vcpuOp(VCPUOP_send_nmi, 0)).toBe(-EINVAL);
    expect(guest.call(__HYPERVISOR_vcpu_op, VCPUOP_send_nmi, 0, 0)).toBe(0);
  });
});

describe("runstate", () => {
  it("adds up to the time that has passed", () => {
    guest.perform(act.work(1000));
    expect(vcpuOp(VCPUOP_get_runstate_info, 0)).toBe(0);
    expect(guest.read(ARGUMENT)).toBe(0);
    const times = [0, 1, 2, 3].map((index) => guest.read(ARGUMENT + 12 + 8 * index));
    const sum = times.reduce((one, other) => one + other, 0);
    // The call that asks is charged for when it has answered.
    expect(sum).toBe(fixture.clock.now() - HYPERCALL_COST_NS);
    expect(times[0]).toBeGreaterThanOrEqual(1000);
  });

  it("is kept in the area that was registered, with the update flag gone", () => {
    guest.call(__HYPERVISOR_vm_assist, 0, 5);
    expect(vcpuOp(VCPUOP_register_runstate_memory_area, 0, OTHER, 0)).toBe(0);
    expect(guest.read(OTHER)).toBe(0);
    expect(guest.read(OTHER + 8) >>> 31).toBe(0);
    expect(guest.call(__HYPERVISOR_vcpu_op, VCPUOP_register_runstate_memory_area, 0, ABSENT)).toBe(-EFAULT);
    expect(vcpuOp(VCPUOP_register_runstate_memory_area, 0, 0xf580_0000, 0)).toBe(-EFAULT);
  });
});

describe("vcpu_info", () => {
  const register = (vcpu: number, mfn: number, offset: number): number =>
    vcpuOp(VCPUOP_register_vcpu_info, vcpu, mfn, 0, offset, 0);

  it("moves with its contents, and everything looks pending", () => {
    const frame = guest.frames[20] ?? 0;
    fixture.memory.bytes[guest.shared + 1] = 1;
    expect(register(0, frame, 128)).toBe(0);
    const at = frame * 4096 + 128;
    expect(fixture.memory.bytes[at]).toBe(1);
    expect(fixture.memory.bytes[at + 1]).toBe(1);
    const { evtchnPendingSel, time } = VCPU_INFO.layout.x86_32p;
    expect(fixture.memory.view.getUint32(at + evtchnPendingSel, true)).toBe(0xffff_ffff);
    expect(readVcpuTimeInfo(fixture.memory.view, at + time, "x86_32p").version).toBeGreaterThan(0);
  });

  it("moves once, within a page, to a page of the domain's that can be written", () => {
    const frame = guest.frames[20] ?? 0;
    expect(register(0, frame, 4096 - 63)).toBe(-ENXIO);
    expect(register(0, frame, 2)).toBe(-ENXIO);
    expect(register(0, guest.root, 0)).toBe(-EINVAL);
    expect(register(0, 0xffff_ffff, 0)).toBe(-EINVAL);
    expect(vcpuOp(VCPUOP_register_vcpu_info, 0, 0, 0xffff_ffff, 0, 0)).toBe(-EINVAL);
    expect(register(1, frame, 0)).toBe(0);
    expect(register(0, frame, 64)).toBe(0);
    expect(register(0, frame, 128)).toBe(-EINVAL);
    expect(guest.call(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 0, ABSENT)).toBe(-EFAULT);
  });

  it("is given back when the domain ends", () => {
    register(0, guest.frames[20] ?? 0, 0);
    fixture.hypervisor.control.destroy(guest.id);
    expect(fixture.hypervisor.control.describe(guest.id)).toBeNull();
    expect(fixture.hypervisor.frames.checkInvariants()).toEqual([]);
  });
});

describe("the secondary time", () => {
  it("has what the first one has", () => {
    guest.perform(act.work(500));
    expect(vcpuOp(VCPUOP_register_vcpu_time_memory_area, 0, OTHER, 0)).toBe(0);
    const copy = readVcpuTimeInfo(new DataView(guest.readBytes(OTHER, 32).buffer), 0, "x86_32p");
    const time = guest.shared + VCPU_INFO.layout.x86_32p.time;
    expect(copy).toEqual(readVcpuTimeInfo(fixture.memory.view, time, "x86_32p"));
    expect(vcpuOp(VCPUOP_register_vcpu_time_memory_area, 0, 0xffff_fff0, 0)).toBe(-EFAULT);
  });
});

describe("timers", () => {
  const pending = (): boolean => (fixture.memory.bytes[guest.shared] ?? 0) !== 0;
  const bindTimer = (): void => {
    guest.write(OTHER, VIRQ_TIMER, 0, 0);
    expect(guest.call(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, OTHER)).toBe(0);
  };

  beforeEach(() => {
    vcpuOp(VCPUOP_stop_periodic_timer, 0);
    bindTimer();
  });

  it("the one-shot timer raises VIRQ_TIMER at its deadline, once", () => {
    expect(vcpuOp(VCPUOP_set_singleshot_timer, 0, 50_000, 0, 0)).toBe(0);
    fixture.skipTo(49_990);
    expect(pending()).toBe(false);
    fixture.skipTo(50_000);
    expect(pending()).toBe(true);
  });

  it("set_timer_op sets the same timer; 0 stops it", () => {
    expect(guest.call(__HYPERVISOR_set_timer_op, 50_000, 0)).toBe(0);
    expect(guest.call(__HYPERVISOR_set_timer_op, 0, 0)).toBe(0);
    fixture.skipTo(60_000);
    expect(pending()).toBe(false);
  });

  it("a deadline that has wrapped comes after 100 ms", () => {
    expect(guest.call(__HYPERVISOR_set_timer_op, 0, 0x8000_0000)).toBe(0);
    fixture.skipTo(99_000_000);
    expect(pending()).toBe(false);
    fixture.skipTo(101_000_000);
    expect(pending()).toBe(true);
  });

  it("a deadline that must be in the future and is not is -ETIME", () => {
    guest.perform(act.work(1000));
    expect(vcpuOp(VCPUOP_set_singleshot_timer, 0, 10, 0, 1)).toBe(-ETIME);
    expect(vcpuOp(VCPUOP_set_singleshot_timer, 0, 10, 0, 0)).toBe(0);
  });

  it("the one-shot timer is set by its own VCPU only", () => {
    expect(vcpuOp(VCPUOP_set_singleshot_timer, 1, 10, 0, 0)).toBe(-EINVAL);
    expect(vcpuOp(VCPUOP_stop_singleshot_timer, 1)).toBe(-EINVAL);
    expect(vcpuOp(VCPUOP_stop_singleshot_timer, 0)).toBe(0);
    expect(guest.call(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, ABSENT)).toBe(-EFAULT);
  });

  it("the periodic timer ticks while the VCPU runs", () => {
    expect(vcpuOp(VCPUOP_set_periodic_timer, 0, 1_000_000, 0)).toBe(0);
    fixture.skipTo(999_000);
    expect(pending()).toBe(false);
    fixture.skipTo(1_001_000);
    expect(pending()).toBe(true);
    expect(vcpuOp(VCPUOP_set_periodic_timer, 0, 999_999, 0)).toBe(-EINVAL);
    expect(vcpuOp(VCPUOP_set_periodic_timer, 0, 0, 0x8000_0000)).toBe(-EINVAL);
    expect(guest.call(__HYPERVISOR_vcpu_op, VCPUOP_set_periodic_timer, 0, ABSENT)).toBe(-EFAULT);
  });
});

describe("an NMI", () => {
  it("enters the first domain's handler, and the next one waits for its iret", () => {
    guest = fixture.addGuest({ id: 0, privileged: true });
    guest.write(ARGUMENT, 4, FLAT_RING1_CS, ENTRY);
    guest.call(30, 0, ARGUMENT);
    const send = (): number => guest.call(__HYPERVISOR_vcpu_op, VCPUOP_send_nmi, 0, 0);
    send();
    guest.perform(act.work(1));
    expect(guest.vcpu.context.instructionPointer).toBe(ENTRY);
    send();
    guest.perform(act.work(1));
    expect(guest.vcpu.context.instructionPointer).toBe(ENTRY + 2);
  });
});
