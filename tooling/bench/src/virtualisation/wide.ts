import {
  createTestGuest,
  createTestMachine,
  dword,
  hypercall64,
  iret64,
  page,
  returnFromEntry64,
  SYSCALL,
  type TestGuest,
  trapTable,
} from "@xenolith/system-tests/hypervisor";
import { FLAG, VECTOR } from "@xenolith/x86-architecture";
import { DOMID_SELF } from "@xenolith/xen-abi";
import { FLAT_RING3_CS64, FLAT_RING3_SS64, VGCF_in_syscall } from "@xenolith/xen-abi/arch-x86";
import { CALLBACK_REGISTER_64, CALLBACKOP_register, CALLBACKTYPE_syscall } from "@xenolith/xen-abi/callback";
import {
  __HYPERVISOR_callback_op,
  __HYPERVISOR_mmuext_op,
  __HYPERVISOR_set_trap_table,
  __HYPERVISOR_stack_switch,
  MMUEXT_NEW_USER_BASEPTR,
  MMUEXT_OP,
} from "@xenolith/xen-abi/xen";
import type { RunBatch } from "./bare.ts";
import { forever } from "./programs.ts";

const CODE = page(1);
const USER_CODE = page(4);
const COUNTER = page(5);
const ARGUMENT = page(6);
const ENTRY = page(15);
const FAULT_ENTRY = page(16);
const TRAPS = page(7);
const ABSENT = page(29);
const STACK = page(9);
const KERNEL_STACK = page(11);
const USER_STACK = page(13);
const SLICE_NS = 100_000;

const writeArguments = (guest: TestGuest): void => {
  const base = new DataView(new ArrayBuffer(MMUEXT_OP.size("x86_64")));
  const command = MMUEXT_NEW_USER_BASEPTR;
  MMUEXT_OP.write(base, 0, "x86_64", { command, arg1: guest.userRoot ?? 0, arg2: 0 });
  guest.write(ARGUMENT, new Uint8Array(base.buffer));
  const callback = new DataView(new ArrayBuffer(CALLBACK_REGISTER_64.size("x86_64")));
  const type = CALLBACKTYPE_syscall;
  CALLBACK_REGISTER_64.write(callback, 0, "x86_64", { type, flags: 0, address: ENTRY });
  guest.write(ARGUMENT + 64, new Uint8Array(callback.buffer));
};

/** `incl COUNTER` of 64-bit code. */
const count: readonly number[] = [0xff, 0x04, 0x25, ...dword(COUNTER)];

/** A load of 8 bytes of code from where nothing is. */
const loadAbsent: readonly number[] = [0x48, 0x8b, 0x14, 0x25, ...dword(ABSENT)];

/** Goes on behind it. */
const skipLoad: readonly number[] = [
  ...[0x59, 0x41, 0x5b], // pop %rcx; pop %r11
  ...[0x48, 0x83, 0x44, 0x24, 0x08, 0x08, 0x48, 0x83, 0xc4, 0x08], // addq $8, 8(%rsp); add $8, %rsp
  ...[0x41, 0x53, 0x51], // push %r11; push %rcx
  ...returnFromEntry64(0),
];

/** A process of a 64-bit guest that does the same for ever, and counts. */
const wideProcess = (operation: readonly number[]): RunBatch => {
  const machine = createTestMachine({ traces: false });
  const options = { width: "x86_64", entry: CODE, stackTop: STACK, absentPages: [29] } as const;
  const guest = createTestGuest(machine, options);
  writeArguments(guest);
  guest.write(TRAPS, trapTable([{ vector: VECTOR.pageFault, address: FAULT_ENTRY }], "x86_64"));
  guest.write(CODE, [
    ...hypercall64(__HYPERVISOR_set_trap_table, TRAPS),
    ...hypercall64(__HYPERVISOR_mmuext_op, ARGUMENT, 1, 0, DOMID_SELF),
    ...hypercall64(__HYPERVISOR_callback_op, CALLBACKOP_register, ARGUMENT + 64),
    ...hypercall64(__HYPERVISOR_stack_switch, FLAT_RING3_SS64, KERNEL_STACK),
    ...iret64({
      ...{ rip: USER_CODE, cs: FLAT_RING3_CS64, rflags: FLAG.fixed | FLAG.if },
      ...{ rsp: USER_STACK, ss: FLAT_RING3_SS64, flags: 0 },
    }),
  ]);
  guest.write(USER_CODE, forever(operation, count));
  guest.write(ENTRY, returnFromEntry64(VGCF_in_syscall));
  guest.write(FAULT_ENTRY, skipLoad);
  guest.start();
  return () => {
    machine.runUntil(machine.clock.now() + SLICE_NS);
    return guest.readUint32(COUNTER);
  };
};

/** System calls, which the kernel answers with the hypercall iret at once. */
export const wideSystemCall = (): RunBatch => wideProcess(SYSCALL);

/** Page faults, behind which the kernel lets the process go on by the hypercall iret. */
export const widePageFault = (): RunBatch => wideProcess(loadAbsent);
