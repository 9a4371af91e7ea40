import { toVcpuIndex } from "@xenolith/xen-abi";
import { FLAT_RING1_SS } from "@xenolith/xen-abi/arch-x86";
import { __HYPERVISOR_set_trap_table } from "@xenolith/xen-abi/xen";
import { describe, expect, test } from "vitest";
import { hypercall, int, iret, spin } from "./support/assemble.ts";
import { createTestGuest, page } from "./support/guest.ts";
import { createTestMachine } from "./support/machine.ts";
import { toUser } from "./support/to-user.ts";
import { trapTable } from "./support/trap-table.ts";

const CODE = page(1);
const HANDLER = page(2);
const TRAPS = page(3);
const USER_CODE = page(4);
const KERNEL_STACK = page(11);
const USER_STACK = page(13);
const SYSTEM_CALL = 0x80;

/** A user process makes system calls for ever; the kernel counts them in EBX and returns by IRET. */
const run = (directGates: boolean, flags: number, handler: readonly number[]) => {
  const machine = createTestMachine({ directGates });
  const guest = createTestGuest(machine, { entry: CODE, stackTop: page(9), userPages: [4, 12] });
  guest.write(TRAPS, trapTable([{ vector: SYSTEM_CALL, address: HANDLER, privilegeLevel: 3 }]));
  guest.write(CODE, [
    ...hypercall(__HYPERVISOR_set_trap_table, TRAPS),
    ...toUser({ instructionPointer: USER_CODE, stackPointer: USER_STACK, flags, kernelStack: KERNEL_STACK }),
  ]);
  guest.write(HANDLER, handler);
  guest.write(USER_CODE, [...int(SYSTEM_CALL), 0xeb, 0xfc]);
  guest.start();
  machine.runUntil(20_011);
  const registers = machine.hypervisor.control.dumpRegisters(guest.id, toVcpuIndex(0));
  return {
    registers,
    // EBX began as the first argument of stack_switch.
    systemCalls: Number.parseInt(/ebx (\w+)/.exec(registers)?.[1] ?? "", 16) - FLAT_RING1_SS,
    end: machine.hypervisor.control.describe(guest.id),
    frame: Array.from({ length: 5 }, (_, index) => guest.readUint32(KERNEL_STACK - 20 + 4 * index)),
  };
};

const COUNT_AND_RETURN: readonly number[] = [0x43, ...iret];

describe("the system-call gate", () => {
  // Carry and direction are kept; events masked on the way out make no difference to a gate that does not look at them.
  test.each([0x202, 0x603, 0x002])(
    "does with and without an exit the same, to the nanosecond (flags %i)",
    (flags) => {
      const direct = run(true, flags, COUNT_AND_RETURN);
      const throughHypervisor = run(false, flags, COUNT_AND_RETURN);
      expect(direct.end?.crash).toBeNull();
      expect(direct.systemCalls).toBeGreaterThan(1000);
      expect(throughHypervisor).toEqual(direct);
    },
  );

  test("leaves the same frame", () => {
    expect(run(false, 0x603, spin).frame).toEqual(run(true, 0x603, spin).frame);
  });
});
