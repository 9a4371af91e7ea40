import { entryLow, PTE, VECTOR } from "@xenolith/x86-architecture";
import { toVcpuIndex } from "@xenolith/xen-abi";
import {
  __HYPERVISOR_set_trap_table,
  __HYPERVISOR_vm_assist,
  VMASST_CMD_enable,
  VMASST_TYPE_writable_pagetables,
} from "@xenolith/xen-abi/xen";
import { describe, expect, test } from "vitest";
import { hypercall, load, movImmediate, spin, store } from "./support/assemble.ts";
import { createTestGuest, page, type TestGuest } from "./support/guest.ts";
import { createTestMachine, type TestMachine } from "./support/machine.ts";
import { trapTable } from "./support/trap-table.ts";

const CODE = page(1);
const HANDLER = page(2);
const TRAPS = page(3);
const STACK_TOP = page(9);
const RESULT = page(14);
const FREE_PAGE = 20;
const TABLE_PAGE = 30;
/** Linear address of the entry that maps the free page. */
const ENTRY = page(TABLE_PAGE) + 8 * FREE_PAGE;

/** `xchg %eax, address` */
const exchange = (address: number): number[] => [0x87, ...store("eax", address).slice(1)];

interface Scene {
  readonly machine: TestMachine;
  readonly guest: TestGuest;
}

/** A guest that has its level-1 table mapped, and page 20 not. */
const createScene = (): Scene => {
  const machine = createTestMachine();
  const options = { entry: CODE, stackTop: STACK_TOP, absentPages: [FREE_PAGE], tablePage: TABLE_PAGE };
  const guest = createTestGuest(machine, options);
  guest.write(TRAPS, trapTable([{ vector: VECTOR.pageFault, address: HANDLER }]));
  guest.write(HANDLER, spin);
  return { machine, guest };
};

const assist = hypercall(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_writable_pagetables);
const traps = hypercall(__HYPERVISOR_set_trap_table, TRAPS);

const run = ({ machine, guest }: Scene, code: readonly number[]): void => {
  guest.write(CODE, [...traps, ...code, ...spin]);
  guest.start();
  machine.runUntil(100_000);
  expect(machine.hypervisor.control.describe(guest.id)?.crash ?? null).toBeNull();
  expect(machine.hypervisor.frames.checkInvariants()).toEqual([]);
};

const faulted = (guest: TestGuest): boolean => guest.readUint32(STACK_TOP - 16) !== 0;

describe("a kernel's write to one of its page tables", () => {
  test("is carried out with the assist, by whatever instruction it is", () => {
    const scene = createScene();
    const { guest } = scene;
    const target = guest.frames[21] ?? 0;
    guest.writeUint32(page(21), 0x1234);
    const entry = entryLow(target, PTE.present | PTE.writable);
    run(scene, [
      ...assist,
      ...movImmediate("eax", entry),
      ...store("eax", ENTRY),
      ...load("ecx", page(FREE_PAGE)),
      ...store("ecx", RESULT),
      // Takes the entry away again and keeps what it was.
      ...movImmediate("eax", 0),
      ...exchange(ENTRY),
      ...store("eax", RESULT + 4),
    ]);
    expect(faulted(guest)).toBe(false);
    expect(guest.readUint32(RESULT)).toBe(0x1234);
    expect(guest.readUint32(RESULT + 4)).toBe(entry | PTE.accessed);
  });

  test("is the guest's fault without it", () => {
    const scene = createScene();
    run(scene, store("eax", ENTRY));
    expect(scene.guest.readUint32(STACK_TOP - 16)).toBe(3);
  });

  test("has not happened where the entry is refused: registers and table are as before", () => {
    const scene = createScene();
    const { machine, guest } = scene;
    const free = machine.memory.frameCount - 1;
    run(scene, [...assist, ...movImmediate("eax", entryLow(free, 3)), ...exchange(ENTRY)]);
    expect(guest.readUint32(STACK_TOP - 16)).toBe(3);
    expect(machine.hypervisor.control.dumpRegisters(guest.id, toVcpuIndex(0))).toContain(
      `eax ${entryLow(free, 3).toString(16).padStart(8, "0")}`,
    );
  });
});
