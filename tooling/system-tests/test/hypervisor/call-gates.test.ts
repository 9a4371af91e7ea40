import { entryLow, FLAG, PTE, VECTOR } from "@xenolith/x86-architecture";
import { FLAT_RING1_CS, FLAT_RING3_CS, FLAT_RING3_SS } from "@xenolith/xen-abi/arch-x86";
import {
  __HYPERVISOR_mmuext_op,
  __HYPERVISOR_set_trap_table,
  __HYPERVISOR_update_va_mapping,
  DOMID_SELF,
  MMUEXT_OP,
  MMUEXT_SET_LDT,
} from "@xenolith/xen-abi/xen";
import { expect, test } from "vitest";
import { hypercall, pushImmediate, spin } from "./support/assemble.ts";
import { createTestGuest, page, type TestGuest } from "./support/guest.ts";
import { createTestMachine } from "./support/machine.ts";
import { toUser } from "./support/to-user.ts";
import { trapTable } from "./support/trap-table.ts";

const CODE = page(1);
const HANDLER = page(2);
const TRAPS = page(3);
const USER_CODE = page(4);
const SERVICE = page(5);
const REQUEST = page(6);
const LDT_PAGE = 7;
const KERNEL_STACK = page(11);
const USER_STACK = page(13);

const LDT_ENTRIES = 512;
const SELECTOR = 0x0f;
const PARAMETER = 0x1234;

/** A call gate into the kernel's code at `level` with one parameter; `type`: 0x0c, present with 0x80. */
const gate = (level: number, present: boolean): readonly [number, number] => [
  (FLAT_RING1_CS << 16) | (SERVICE & 0xffff),
  (SERVICE & 0xffff_0000) | (present ? 0x8000 : 0) | (level << 13) | 0xc00 | 1,
];

/** Uses the gate from ring 3 by a direct far call. */
const CALL = [...pushImmediate(PARAMETER), 0x9a, 0, 0, 0, 0, SELECTOR, 0];

const run = (level: number, present = true): TestGuest => {
  const machine = createTestMachine();
  const guest = createTestGuest(machine, { entry: CODE, stackTop: page(9), userPages: [4, 12] });
  const [low, high] = gate(level, present);
  guest.writeUint32(page(LDT_PAGE) + 8, low);
  guest.writeUint32(page(LDT_PAGE) + 12, high);
  const request = new DataView(new ArrayBuffer(MMUEXT_OP.size("x86_32p")));
  MMUEXT_OP.write(request, 0, "x86_32p", {
    command: MMUEXT_SET_LDT,
    arg1: page(LDT_PAGE),
    arg2: LDT_ENTRIES,
  });
  guest.write(REQUEST, new Uint8Array(request.buffer));
  guest.write(
    TRAPS,
    trapTable([
      { vector: VECTOR.generalProtection, address: HANDLER },
      { vector: VECTOR.segmentNotPresent, address: HANDLER },
    ]),
  );
  const flags = FLAG.fixed | FLAG.if;
  const readOnly = entryLow(guest.frames[LDT_PAGE] ?? guest.root, PTE.present);
  guest.write(CODE, [
    ...hypercall(__HYPERVISOR_set_trap_table, TRAPS),
    ...hypercall(__HYPERVISOR_update_va_mapping, page(LDT_PAGE), readOnly, 0, 0),
    ...hypercall(__HYPERVISOR_mmuext_op, REQUEST, 1, 0, DOMID_SELF),
    ...toUser({ instructionPointer: USER_CODE, stackPointer: USER_STACK, flags, kernelStack: KERNEL_STACK }),
  ]);
  for (const at of [HANDLER, SERVICE]) guest.write(at, spin);
  guest.write(USER_CODE, CALL);
  guest.start();
  machine.runUntil(20_000);
  expect(machine.hypervisor.control.describe(guest.id)?.crash).toBeNull();
  return guest;
};

const words = (guest: TestGuest, at: number, count: number): number[] =>
  Array.from({ length: count }, (_, index) => guest.readUint32(at + 4 * index));

test("a call gate switches to the kernel's stack and copies parameters", () => {
  const guest = run(3);
  expect(words(guest, KERNEL_STACK - 20, 5)).toEqual([
    USER_CODE + CALL.length,
    FLAT_RING3_CS,
    PARAMETER,
    USER_STACK - 4,
    FLAT_RING3_SS,
  ]);
});

test.each([
  ["of the kernel's level is a general protection fault that names it", 1, true],
  ["that is not present is a fault that names it", 3, false],
] as const)("a call gate %s", (_name, level, present) => {
  const guest = run(level, present);
  expect(words(guest, KERNEL_STACK - 24, 2)).toEqual([SELECTOR & 0xfffc, USER_CODE + 5]);
});
