import { CR4, FLAG, REGISTER } from "@xenolith/x86-architecture";
import { FLAT_RING1_CS } from "@xenolith/xen-abi/arch-x86";
import { VCPU_INFO } from "@xenolith/xen-abi/shared-info";
import { __HYPERVISOR_physdev_op, __HYPERVISOR_set_trap_table } from "@xenolith/xen-abi/xen";
import { beforeEach, describe, expect, it } from "vitest";
import { act, fakeOperation } from "../support/fake-processor.ts";
import {
  ABSENT,
  ARGUMENT,
  createHypervisorFixture,
  ENTRY,
  type FixtureGuest,
  type HypervisorFixture,
  OTHER,
  STACK_TOP,
} from "../support/hypervisor-fixture.ts";

let fixture: HypervisorFixture;
let guest: FixtureGuest;
beforeEach(() => {
  fixture = createHypervisorFixture();
  guest = fixture.addGuest({ id: 1 });
  const handlers = [13, 14].flatMap((vector) => [vector | (FLAT_RING1_CS << 16), ENTRY]);
  guest.write(ARGUMENT, ...handlers, 0, 0);
  guest.call(__HYPERVISOR_set_trap_table, ARGUMENT);
  guest.write(ARGUMENT, 1);
  guest.call(__HYPERVISOR_physdev_op, 6, ARGUMENT);
});

const set = (register: number, value: number): void => guest.vcpu.context.setRegister(register, value);
const get = (register: number): number => guest.vcpu.context.register(register);
const perform = (given: Parameters<typeof fakeOperation>[0]): void =>
  guest.perform(act.privileged(fakeOperation(given)));
const faulted = (): boolean => guest.vcpu.context.instructionPointer === ENTRY;

describe("rep ins", () => {
  it("stops at the page that is missing: a page fault with its address, the rest still to do", () => {
    set(REGISTER.rdi, ABSENT - 8);
    set(REGISTER.rcx, 5);
    perform({ mnemonic: "ins", sizeBytes: 4, repeat: true });
    expect(faulted()).toBe(true);
    const { cr2 } = VCPU_INFO.layout.x86_32p;
    expect(fixture.memory.view.getUint32(guest.shared + cr2, true)).toBe(ABSENT);
    // A write, by the kernel, to a page that is not there.
    expect(guest.read(STACK_TOP - 16)).toBe(2);
    expect(get(REGISTER.rcx)).toBe(3);
    expect(guest.read(ABSENT - 4)).toBe(0xffff_ffff);
  });

  it("goes down with DF set, and wraps at the address size", () => {
    guest.vcpu.context.flags |= FLAG.df;
    set(REGISTER.rdi, 0x1_0002);
    set(REGISTER.rcx, 0x5_0002);
    perform({ mnemonic: "ins", sizeBytes: 2, repeat: true, addressBytes: 2 });
    expect(get(REGISTER.rdi)).toBe(0x1_fffe);
    expect(get(REGISTER.rcx)).toBe(0x5_0000);
  });

  it("beyond the segment's limit is a general protection fault", () => {
    const { context } = guest.vcpu;
    context.setSegment(0, { ...context.segment(0), limit: 0xff });
    set(REGISTER.rdi, 0xfe);
    perform({ mnemonic: "ins", sizeBytes: 4 });
    expect(faulted()).toBe(true);
  });

  it("a long one is done piece by piece, without the guest noticing", () => {
    set(REGISTER.rdi, OTHER);
    set(REGISTER.rcx, 1000);
    const operation = fakeOperation({ mnemonic: "ins", sizeBytes: 1, repeat: true });
    const at = guest.vcpu.context.instructionPointer;
    let pieces = 0;
    for (; guest.vcpu.context.instructionPointer === at && pieces < 10; pieces++)
      guest.perform(act.privileged(operation));
    expect(get(REGISTER.rcx)).toBe(0);
    expect(pieces).toBeGreaterThan(1);
    expect(guest.vcpu.context.instructionPointer).toBe(at + 2);
  });
});

describe("in", () => {
  it.each([
    [1, 0x1234_56ff],
    [2, 0x1234_ffff],
    [4, 0xffff_ffff],
  ])("of %i bytes changes as much of EAX", (sizeBytes, value) => {
    set(REGISTER.rax, 0x1234_5678);
    perform({ mnemonic: "in", sizeBytes });
    expect(get(REGISTER.rax)).toBe(value);
  });
});

describe("model-specific registers", () => {
  it("the hypervisor's own fills a page with hypercalls", () => {
    const frame = guest.frames[20] ?? 0;
    set(REGISTER.rcx, 0x4000_0000);
    set(REGISTER.rax, (frame << 12) >>> 0);
    set(REGISTER.rdx, frame >>> 20);
    perform({ mnemonic: "wrmsr" });
    expect(faulted()).toBe(false);
    expect([...guest.readBytes(20 * 4096, 8)]).toEqual([0xb8, 0, 0, 0, 0, 0xcd, 0x82, 0xc3]);
  });

  it("a page that is a page table is not filled", () => {
    set(REGISTER.rcx, 0x4000_0000);
    set(REGISTER.rax, (guest.root << 12) >>> 0);
    perform({ mnemonic: "wrmsr" });
    expect(faulted()).toBe(true);
  });

  it("bases of FS and GS are for 64-bit guests", () => {
    set(REGISTER.rcx, 0xc000_0100);
    perform({ mnemonic: "rdmsr" });
    expect(faulted()).toBe(true);
  });
});

describe("rdtsc that leaves the processor", () => {
  it("reads system time in the kernel", () => {
    guest.perform(act.work(12_345));
    const now = fixture.clock.now();
    perform({ mnemonic: "rdtsc" });
    expect(get(REGISTER.rax)).toBe(now);
  });

  it("is refused in user mode once CR4.TSD is set", () => {
    set(REGISTER.rax, CR4.tsd);
    perform({ mnemonic: "mov-to-cr", system: 4, register: REGISTER.rax });
    perform({ mnemonic: "rdtsc" });
    expect(faulted()).toBe(false);
    const { context } = guest.vcpu;
    context.setSegment(2, { ...context.segment(2), selector: 0xe033 });
    perform({ mnemonic: "rdtsc" });
    expect(faulted()).toBe(true);
  });
});
