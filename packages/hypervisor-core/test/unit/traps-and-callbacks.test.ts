import { EFAULT, EINVAL, ENOSYS } from "@xenolith/xen-abi";
import { FLAT_RING1_CS, FLAT_RING1_SS } from "@xenolith/xen-abi/arch-x86";
import {
  __HYPERVISOR_callback_op,
  __HYPERVISOR_nmi_op,
  __HYPERVISOR_set_callbacks,
  __HYPERVISOR_set_trap_table,
  __HYPERVISOR_stack_switch,
} from "@xenolith/xen-abi/xen";
import { beforeEach, describe, expect, it } from "vitest";
import { act } from "../support/fake-processor.ts";
import {
  ABSENT,
  ARGUMENT,
  createHypervisorFixture,
  ENTRY,
  type FixtureGuest,
  type HypervisorFixture,
  STACK_TOP,
} from "../support/hypervisor-fixture.ts";

let fixture: HypervisorFixture;
let guest: FixtureGuest;
beforeEach(() => {
  fixture = createHypervisorFixture();
  guest = fixture.addGuest({ id: 1 });
});

/** A trap table of [vector, flags, cs, address] entries. */
const setTraps = (...traps: readonly (readonly [number, number, number, number])[]): number => {
  const words = traps.flatMap(([vector, flags, cs, address]) => [
    vector | (flags << 8) | (cs << 16),
    address,
  ]);
  guest.write(ARGUMENT, ...words, 0, 0);
  return guest.call(__HYPERVISOR_set_trap_table, ARGUMENT);
};

const crash = (): string | null => fixture.hypervisor.control.describe(guest.id)?.crash?.reason ?? null;

describe("set_trap_table", () => {
  it("raises selectors of ring 0 to the kernel's ring", () => {
    setTraps([6, 0, FLAT_RING1_CS & ~3, ENTRY]);
    guest.perform(act.fault(6));
    expect(crash()).toBeNull();
    expect(guest.vcpu.context.instructionPointer).toBe(ENTRY);
    expect(guest.vcpu.context.segment(1).selector).toBe(FLAT_RING1_CS);
  });

  it("keeps what it has read when the table's end cannot be read", () => {
    const last = ABSENT - 8;
    guest.write(last, 6 | (FLAT_RING1_CS << 16), ENTRY);
    expect(guest.call(__HYPERVISOR_set_trap_table, last)).toBe(-EFAULT);
    guest.perform(act.fault(6));
    expect(crash()).toBeNull();
  });

  it("with a null pointer removes all handlers", () => {
    setTraps([6, 0, FLAT_RING1_CS, ENTRY]);
    expect(guest.call(__HYPERVISOR_set_trap_table, 0)).toBe(0);
    guest.perform(act.fault(6));
    expect(crash()).toContain("there is no handler");
  });

  it("reads a table that never ends piece by piece, to its end in memory", () => {
    const count = (ABSENT - ARGUMENT) / 8;
    guest.write(ARGUMENT, ...Array.from({ length: 2 * count }, () => FLAT_RING1_CS << 16 || 1));
    expect(guest.call(__HYPERVISOR_set_trap_table, ARGUMENT)).toBe(-EFAULT);
  });

  it("a selector that names no code ends the domain when it is used", () => {
    setTraps([6, 0, FLAT_RING1_SS, ENTRY]);
    guest.perform(act.fault(6));
    expect(crash()).toContain("code selector e021 of the handler is not usable");
  });
});

describe("the direct gate", () => {
  const gate = () => guest.vcpu.directGates.get(0x80);

  it("is there for vector 0x80 when ring 3 may use it and it does not mask events", () => {
    setTraps([0x80, 3, FLAT_RING1_CS, ENTRY]);
    expect(gate()).toEqual({
      vector: 0x80,
      fromPrivilege: 3,
      frame: "hardware",
      codeSelector: FLAT_RING1_CS,
      target: ENTRY,
    });
  });

  it("has the stack of stack_switch", () => {
    guest.call(__HYPERVISOR_stack_switch, FLAT_RING1_SS & ~3, STACK_TOP);
    guest.perform(act.work(1));
    expect(guest.vcpu.gates).toMatchObject({ kernelStackSelector: FLAT_RING1_SS, kernelStack: STACK_TOP });
  });

  it.each([
    ["it masks events", 0x80, 7],
    ["ring 3 may not use it", 0x80, 1],
    ["it is another vector", 0x81, 3],
  ])("is not there when %s", (_why, vector, flags) => {
    setTraps([vector, flags, FLAT_RING1_CS, ENTRY]);
    expect(guest.vcpu.directGates.size).toBe(0);
  });

  it("goes with the table", () => {
    setTraps([0x80, 3, FLAT_RING1_CS, ENTRY]);
    guest.call(__HYPERVISOR_set_trap_table, 0);
    expect(gate()).toBeUndefined();
  });
});

describe("callbacks", () => {
  const raise = (): void => {
    fixture.memory.bytes[guest.shared] = 1;
    fixture.memory.bytes[guest.shared + 1] = 0;
    guest.perform(act.work(1));
  };

  it("by set_callbacks: an event enters with the mask set", () => {
    expect(guest.call(__HYPERVISOR_set_callbacks, FLAT_RING1_CS, ENTRY, FLAT_RING1_CS, ENTRY)).toBe(0);
    raise();
    expect(guest.vcpu.context.instructionPointer).toBe(ENTRY);
    expect(fixture.memory.bytes[guest.shared + 1]).toBe(1);
    // The frame: eip, cs with the mask as it was, eflags with IF.
    expect(guest.read(STACK_TOP - 8)).toBe(FLAT_RING1_CS);
    expect(guest.read(STACK_TOP - 4) & 0x200).toBe(0x200);
  });

  it("by callback_op: type @0, flags @2, cs @4, eip @8", () => {
    guest.write(ARGUMENT, 0, FLAT_RING1_CS, ENTRY);
    expect(guest.call(__HYPERVISOR_callback_op, 0, ARGUMENT)).toBe(0);
    raise();
    expect(guest.vcpu.context.instructionPointer).toBe(ENTRY);
  });

  it("an event without a callback ends the domain", () => {
    raise();
    expect(crash()).toBe("an event cannot be delivered: there is no handler");
  });

  it.each([
    ["syscall, which 32-bit guests do not have", 2, -ENOSYS],
    ["an NMI", 4, 0],
    ["a type that is not known", 77, -ENOSYS],
    ["sysenter", 5, 0],
    ["syscall32", 7, 0],
    ["failsafe", 1, 0],
  ])("registering %s", (_what, type, result) => {
    guest.write(ARGUMENT, type, FLAT_RING1_CS, ENTRY);
    expect(guest.call(__HYPERVISOR_callback_op, 0, ARGUMENT)).toBe(result);
  });

  it.each([
    [0, -EINVAL],
    [1, -EINVAL],
    [4, 0],
    [2, -ENOSYS],
    [77, -ENOSYS],
  ])("unregistering type %i", (type, result) => {
    guest.write(ARGUMENT, type);
    expect(guest.call(__HYPERVISOR_callback_op, 1, ARGUMENT)).toBe(result);
  });

  it("what cannot be read is -EFAULT, another command -EINVAL", () => {
    expect(guest.call(__HYPERVISOR_callback_op, 0, ABSENT)).toBe(-EFAULT);
    expect(guest.call(__HYPERVISOR_callback_op, 1, ABSENT)).toBe(-EFAULT);
    expect(guest.call(__HYPERVISOR_callback_op, 2, ARGUMENT)).toBe(-EINVAL);
  });

  it("by nmi_op, in every domain", () => {
    guest.write(ARGUMENT, ENTRY, 0);
    expect(guest.call(__HYPERVISOR_nmi_op, 0, ARGUMENT)).toBe(0);
    expect(guest.call(__HYPERVISOR_nmi_op, 1, 0)).toBe(0);
    expect(guest.call(__HYPERVISOR_nmi_op, 0, ABSENT)).toBe(-EFAULT);
    expect(guest.call(__HYPERVISOR_nmi_op, 5, 0)).toBe(-ENOSYS);
  });
});
