import { CR0, VECTOR } from "@xenolith/x86-architecture";
import { xenPfnToCr3 } from "@xenolith/xen-abi/arch-x86";
import { PHYSDEVOP_set_iobitmap, PHYSDEVOP_set_iopl } from "@xenolith/xen-abi/physdev";
import { __HYPERVISOR_physdev_op, __HYPERVISOR_set_trap_table } from "@xenolith/xen-abi/xen";
import { describe, expect, test } from "vitest";
import { hypercall, movImmediate, spin, store } from "./support/assemble.ts";
import { createTestGuest, page, type TestGuest } from "./support/guest.ts";
import { createTestMachine } from "./support/machine.ts";
import { trapTable } from "./support/trap-table.ts";

const CODE = page(1);
const HANDLER = page(2);
const TRAPS = page(3);
const RESULT = page(4);
const IOPL = page(5);
const BUFFER = page(6);
const STACK_TOP = page(9);

/** What the handler of #GP leaves: it was entered. */
const CAUGHT = 0xcafe;
const PROLOGUE = hypercall(__HYPERVISOR_set_trap_table, TRAPS);

/** Runs code in ring 1 with a #GP handler that notes its being called and spins. */
const run = (code: readonly number[], iopl = 0): { readonly guest: TestGuest; readonly caught: boolean } => {
  const machine = createTestMachine();
  const guest = createTestGuest(machine, { entry: CODE, stackTop: STACK_TOP });
  guest.write(TRAPS, trapTable([{ vector: VECTOR.generalProtection, address: HANDLER }]));
  guest.write(HANDLER, [...movImmediate("eax", CAUGHT), ...store("eax", RESULT + 64), ...spin]);
  guest.writeUint32(IOPL, iopl);
  const setIopl = hypercall(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, IOPL);
  guest.write(CODE, [...PROLOGUE, ...setIopl, ...code, ...spin]);
  guest.start();
  machine.runUntil(20_000);
  expect(machine.hypervisor.control.describe(guest.id)?.crash).toBeNull();
  return { guest, caught: guest.readUint32(RESULT + 64) === CAUGHT };
};

const CPUID: readonly number[] = [0x0f, 0xa2];
const FORCED: readonly number[] = [0x0f, 0x0b, 0x78, 0x65, 0x6e];

const ascii = (guest: TestGuest, at: number, length: number): string =>
  Array.from({ length }, (_, index) => String.fromCharCode(guest.read(at + index, 1).getUint8(0))).join("");

describe("CPUID", () => {
  const storeAll = [
    ...store("ebx", RESULT),
    ...store("ecx", RESULT + 4),
    ...store("edx", RESULT + 8),
    ...store("eax", RESULT + 12),
  ];

  test.each([
    ["by itself", CPUID],
    ["behind the forced-emulation prefix", [...FORCED, ...CPUID]],
  ])("%s shows the hypervisor", (_name, instruction) => {
    const { guest } = run([...movImmediate("eax", 0x4000_0000), ...instruction, ...storeAll]);
    expect(ascii(guest, RESULT, 12)).toBe("XenVMMXenVMM");
  });

  test("hides what belongs to the monitor", () => {
    const { guest } = run([...movImmediate("eax", 1), ...CPUID, ...storeAll]);
    const edx = guest.readUint32(RESULT + 8);
    // VME, PSE, MCE, APIC, SEP, MTRR, PGE, MCA, PSE36
    for (const bit of [1, 3, 7, 9, 11, 12, 13, 14, 17]) expect(edx & (1 << bit)).toBe(0);
    // PAE, CMOV
    for (const bit of [6, 15]) expect(edx & (1 << bit)).not.toBe(0);
    expect(guest.readUint32(RESULT + 4) >>> 31).toBe(1);
  });

  test("the prefix before another instruction stays an invalid opcode", () => {
    const machine = createTestMachine();
    const guest = createTestGuest(machine, { entry: CODE, stackTop: STACK_TOP });
    guest.write(CODE, [...FORCED, 0x90, 0x90]);
    guest.start();
    machine.runUntil(1000);
    expect(machine.hypervisor.control.describe(guest.id)?.crash?.reason).toContain("invalid opcode");
  });
});

describe("ports and interrupt flag", () => {
  const inAlDx = [...movImmediate("eax", 0x1200), 0xec];
  const cli = [0xfa];

  test.each([
    ["in", inAlDx],
    ["out", [0xee]],
    ["cli", cli],
    ["sti", [0xfb]],
  ])("%s without I/O privilege is a general protection fault", (_name, code) => {
    expect(run(code).caught).toBe(true);
  });

  test("in with I/O privilege reads all ones into AL alone", () => {
    const { guest, caught } = run([...inAlDx, ...store("eax", RESULT)], 1);
    expect(caught).toBe(false);
    expect(guest.readUint32(RESULT)).toBe(0x12ff);
  });

  test("in without I/O privilege reads the ports that the guest's bitmap allows, and no others", () => {
    const BITMAP = page(7);
    const SIZE = page(5) + 16;
    const setBitmap = (ports: number): readonly number[] => [
      ...[...movImmediate("eax", BITMAP), ...store("eax", SIZE)],
      ...[...movImmediate("eax", ports), ...store("eax", SIZE + 4)],
      // Port 0x12 is allowed, its neighbours are not.
      ...[...movImmediate("eax", ~(1 << 0x12)), ...store("eax", BITMAP)],
      ...hypercall(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iobitmap, SIZE),
      ...movImmediate("eax", 0x1200),
    ];
    const inAl = (port: number): readonly number[] => [0xe4, port, ...store("eax", RESULT)];
    const allowed = run([...setBitmap(0x1_0000), ...inAl(0x12)]);
    expect(allowed.caught).toBe(false);
    expect(allowed.guest.readUint32(RESULT)).toBe(0x12ff);
    expect(run([...setBitmap(0x1_0000), ...inAl(0x13)]).caught).toBe(true);
    expect(run([...setBitmap(0x1_0000), 0x66, 0xe5, 0x12]).caught, "two ports").toBe(true);
    expect(run([...setBitmap(0x12), ...inAl(0x12)]).caught, "beyond the bitmap").toBe(true);
  });

  test("cli with I/O privilege is skipped", () => {
    expect(run(cli, 1).caught).toBe(false);
  });

  test("rep insb fills its buffer with ones and counts ECX down", () => {
    const code = [
      ...movImmediate("edi", BUFFER),
      ...movImmediate("ecx", 600),
      ...[0xf3, 0x6c],
      ...store("ecx", RESULT),
      ...store("edi", RESULT + 4),
    ];
    const { guest } = run(code, 1);
    expect(guest.readUint32(RESULT)).toBe(0);
    expect(guest.readUint32(RESULT + 4)).toBe(BUFFER + 600);
    expect(guest.readUint32(BUFFER + 596)).toBe(0xffff_ffff);
    expect(guest.readUint32(BUFFER + 600)).toBe(0);
  });
});

describe("control registers", () => {
  const readControl = (index: number): readonly number[] => [
    0x0f,
    0x20,
    0xc0 | (index << 3),
    ...store("eax", RESULT),
  ];

  test("CR0 reads as protected mode with paging and write protection", () => {
    const { guest } = run(readControl(0));
    expect(guest.readUint32(RESULT)).toBe(
      (CR0.pe | CR0.mp | CR0.et | CR0.ne | CR0.wp | CR0.am | CR0.pg) >>> 0,
    );
  });

  test("CR3 reads as the frame of the root table", () => {
    const { guest } = run(readControl(3));
    expect(guest.readUint32(RESULT)).toBe(xenPfnToCr3(guest.root));
  });

  test("CR3 written with a frame that is no root table is a general protection fault", () => {
    const { caught } = run([...movImmediate("eax", 0x1000), 0x0f, 0x22, 0xd8]);
    expect(caught).toBe(true);
  });

  test("a change of CR0 beyond TS is a general protection fault", () => {
    expect(run([...movImmediate("eax", 0), 0x0f, 0x22, 0xc0]).caught).toBe(true);
  });

  test.each([
    ["hlt", [0xf4]],
    ["invlpg", [0x0f, 0x01, 0x38]],
    ["lgdt", [0x0f, 0x01, 0x10]],
    ["lidt", [0x0f, 0x01, 0x18]],
    ["lmsw", [0x0f, 0x01, 0xf0]],
    ["rdmsr of a register that is not there", [...movImmediate("ecx", 0x1234), 0x0f, 0x32]],
    ["wrmsr", [...movImmediate("ecx", 0x1234), 0x0f, 0x30]],
  ])("%s is a general protection fault", (_name, code) => {
    expect(run(code).caught).toBe(true);
  });

  test("rdmsr of a register that is not there reads 0 while there is no handler", () => {
    const machine = createTestMachine();
    const guest = createTestGuest(machine, { entry: CODE, stackTop: STACK_TOP });
    const rdmsr = [...movImmediate("ecx", 0x1234), ...movImmediate("eax", 5), 0x0f, 0x32];
    guest.write(CODE, [...rdmsr, ...store("eax", RESULT), ...spin]);
    guest.writeUint32(RESULT, 9);
    guest.start();
    machine.runUntil(10_000);
    expect(guest.readUint32(RESULT)).toBe(0);
  });
});

describe("registers that describe the machine", () => {
  const read = (index: number): readonly number[] => [...movImmediate("ecx", index), 0x0f, 0x32];
  const write = (index: number, value: number): readonly number[] => [
    ...movImmediate("ecx", index),
    ...movImmediate("eax", value),
    ...movImmediate("edx", 0),
    ...[0x0f, 0x30],
  ];

  test.each([
    ["the APIC's place, of the first VCPU", 0x1b, 0xfee0_0900],
    ["EFER of a 32-bit guest", 0xc000_0080, 0x800],
    ["what the machine checks", 0x179, 0x100_0802],
    ["the platform", 0xce, 0],
    ["a counter of performance", 0xc1, 0],
  ])("%s", (_name, index, value) => {
    const { guest, caught } = run([...read(index), ...store("eax", RESULT)]);
    expect([caught, guest.readUint32(RESULT)]).toEqual([false, value >>> 0]);
  });

  test.each([
    ["features that there are none of", 0x140, 1, true],
    ["the same features", 0x140, 0, false],
    ["a counter of performance", 0x186, 77, false],
    ["the place of the APIC", 0x1b, 0, true],
  ])("writing %s", (_name, index, value, refused) => {
    expect(run(write(index, value)).caught).toBe(refused);
  });
});
