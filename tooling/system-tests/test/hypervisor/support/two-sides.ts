import { entryLow, PTE, VECTOR } from "@xenolith/x86-architecture";
import { DOMID_SELF, toVcpuIndex } from "@xenolith/xen-abi";
import { FLAT_RING3_CS64, FLAT_RING3_SS64, VGCF_in_syscall } from "@xenolith/xen-abi/arch-x86";
import {
  CALLBACK_REGISTER_64,
  CALLBACKOP_register,
  CALLBACKTYPE_event,
  CALLBACKTYPE_syscall,
} from "@xenolith/xen-abi/callback";
import { PHYSDEVOP_set_iopl } from "@xenolith/xen-abi/physdev";
import { VCPU_INFO } from "@xenolith/xen-abi/shared-info";
import {
  __HYPERVISOR_callback_op,
  __HYPERVISOR_mmuext_op,
  __HYPERVISOR_physdev_op,
  __HYPERVISOR_set_trap_table,
  __HYPERVISOR_stack_switch,
  __HYPERVISOR_update_va_mapping,
  __HYPERVISOR_vm_assist,
  MMUEXT_NEW_USER_BASEPTR,
  MMUEXT_OP,
  VMASST_CMD_enable,
  VMASST_TYPE_architectural_iopl,
  VMASST_TYPE_writable_pagetables,
} from "@xenolith/xen-abi/xen";
import { dword } from "./assemble.ts";
import { hypercall64, iret64, type ReturnTarget64, returnFromEntry64, SYSCALL } from "./assemble-64.ts";
import { createTestGuest, page, type TestGuest } from "./guest.ts";
import { trapTable } from "./trap-table.ts";
import { createMachineFor, type Way } from "./way.ts";

export const CODE = page(1);
const USER_CODE = page(4);
const ARGUMENT = page(5);
const IO_PRIVILEGE = ARGUMENT + 256;
export const STACK_TOP = page(9);
const USER_STACK = page(13);
const SYSCALL_ENTRY = page(15);
const EVENT_ENTRY = page(16);
const TRAP_ENTRY = page(17);
const FAULT_ENTRY = page(18);
const DIVIDE_ENTRY = FAULT_ENTRY + 0x800;
/** Nothing is there. */
export const ABSENT = page(29);
/** The level-1 table of all pages, to be read. */
export const TABLE = page(21);
const TRAPS = page(6);
/** Where the guest sees shared_info. */
export const SHARED = page(20);
const PAGES = 19;
/** Byte in which calls of the handler of events are counted: page and offset. */
export const EVENT_COUNT = { page: 14, offset: 0x100 } as const;
/** Instructions and their like by which the first system call is being made. */
export const SET_UP = 8000;

const { evtchnUpcallPending } = VCPU_INFO.layout.x86_64;

/** `movb $value, address` of 64-bit code. */
export const setByte = (at: number, value: number): number[] => [0xc6, 0x04, 0x25, ...dword(at), value];
/** What a guest with two sides does. */
export interface TwoSides {
  /** Code of its system call. */
  readonly kernel: readonly number[];
  /** Code between two of them. */
  readonly user: readonly number[];
  /** Top of the kernel's stack. */
  readonly stackTop: number;
  readonly callbackFlags: number;
  /** Flags of the frames by which the kernel returns. */
  readonly returnFlags: number;
  /** How its user side is entered first. */
  readonly first: Pick<ReturnTarget64, "cs" | "ss" | "rflags" | "flags">;
  readonly withEvents: boolean;
  /** How often its handler of events has to be called until it takes an event for handled, a power of 2. */
  readonly eventRounds: number;
  /** With the virtual IOPL shown in frames. */
  readonly withPrivilege: boolean;
  /** With writes to page tables carried out. */
  readonly withTableWrites: boolean;
  /** Whether handlers of exceptions hold events back. */
  readonly masksEvents: boolean;
  /** The virtual IOPL. */
  readonly ioPrivilege: number;
}

/** One that makes system calls and counts them in RBX. */
export const PLAIN: TwoSides = {
  kernel: [0x48, 0xff, 0xc3],
  user: [],
  stackTop: page(11),
  callbackFlags: 0,
  returnFlags: VGCF_in_syscall,
  first: { cs: FLAT_RING3_CS64, ss: FLAT_RING3_SS64, rflags: 0x202, flags: 0 },
  withEvents: false,
  eventRounds: 1,
  withPrivilege: false,
  withTableWrites: false,
  masksEvents: false,
  ioPrivilege: 0,
};

const writeArguments = (guest: TestGuest, callbackFlags: number): void => {
  const base = new DataView(new ArrayBuffer(MMUEXT_OP.size("x86_64")));
  const command = MMUEXT_NEW_USER_BASEPTR;
  MMUEXT_OP.write(base, 0, "x86_64", { command, arg1: guest.userRoot ?? 0, arg2: 0 });
  guest.write(ARGUMENT, new Uint8Array(base.buffer));
  const callbacks = [
    { type: CALLBACKTYPE_syscall, flags: callbackFlags, address: SYSCALL_ENTRY },
    { type: CALLBACKTYPE_event, flags: 0, address: EVENT_ENTRY },
  ];
  for (const [index, callback] of callbacks.entries()) {
    const view = new DataView(new ArrayBuffer(CALLBACK_REGISTER_64.size("x86_64")));
    CALLBACK_REGISTER_64.write(view, 0, "x86_64", callback);
    guest.write(ARGUMENT + 64 * (index + 1), new Uint8Array(view.buffer));
  }
};

/**
 * Goes on behind an instruction of 8 bytes that faulted, at the address that was to be returned to where none could be fetched.
 * Counts in RBX.
 */
const FAULT_HANDLER: readonly number[] = [
  ...[0x59, 0x41, 0x5b], // pop %rcx; pop %r11
  ...[0xf6, 0x04, 0x24, 0x10, 0x74, 0x15], // testb $0x10, (%rsp); jz .other
  ...[0x48, 0x8b, 0x44, 0x24, 0x20, 0x48, 0x8b, 0x00], // mov 32(%rsp), %rax; mov (%rax), %rax
  ...[0x48, 0x89, 0x44, 0x24, 0x08], // mov %rax, 8(%rsp)
  ...[0x48, 0x83, 0x44, 0x24, 0x20, 0x08, 0xeb, 0x06], // addq $8, 32(%rsp); jmp .done
  ...[0x48, 0x83, 0x44, 0x24, 0x08, 0x08], // .other: addq $8, 8(%rsp)
  ...[0x48, 0x83, 0xc4, 0x08, 0x48, 0xff, 0xc3], // .done: add $8, %rsp; inc %rbx
  ...[0x41, 0x53, 0x51], // push %r11; push %rcx
  ...returnFromEntry64(0),
];

/** The same for an exception without an error code. */
const DIVIDE_HANDLER: readonly number[] = [
  ...[0x48, 0x83, 0x44, 0x24, 0x10, 0x08, 0x48, 0xff, 0xc3], // addq $8, 16(%rsp); inc %rbx
  ...returnFromEntry64(0),
];

/** Counts, and once in so many calls has handled what waits. */
const eventHandler = (rounds: number): readonly number[] => {
  const count = page(EVENT_COUNT.page) + EVENT_COUNT.offset;
  return [
    ...[0xfe, 0x04, 0x25, ...dword(count)], // incb count
    ...[0xf6, 0x04, 0x25, ...dword(count), rounds - 1, 0x75, 0x08], // testb $(rounds - 1), count; jnz .return
    ...setByte(SHARED + evtchnUpcallPending, 0),
    ...returnFromEntry64(0),
  ];
};

/** A process that makes system calls for ever. @returns what there is to see at some points of time, given in instructions */
export const runTwoSides = (given: TwoSides, way: Way, stops: readonly number[]): readonly unknown[] => {
  const { instructionNs = 1 } = way;
  const machine = createMachineFor(way);
  const guest = createTestGuest(machine, {
    width: "x86_64",
    entry: CODE,
    stackTop: STACK_TOP,
    absentPages: [20, 29],
    tablePage: 21,
  });
  const { control } = machine.hypervisor;
  guest.write(IO_PRIVILEGE, [given.ioPrivilege, 0, 0, 0]);
  writeArguments(guest, given.callbackFlags);
  const shared = entryLow(control.sharedInfoFrame(guest.id), PTE.present | PTE.writable);
  const { masksEvents } = given;
  const { deviceNotAvailable, pageFault, generalProtection, stackFault, divideError, invalidOpcode } = VECTOR;
  const traps = [
    { vector: VECTOR.breakpoint, address: TRAP_ENTRY, privilegeLevel: 3 },
    { vector: divideError, address: DIVIDE_ENTRY, masksEvents },
    { vector: invalidOpcode, address: DIVIDE_ENTRY, masksEvents },
    { vector: deviceNotAvailable, address: TRAP_ENTRY, masksEvents },
    ...[pageFault, generalProtection, stackFault].map((vector) => ({
      vector,
      address: FAULT_ENTRY,
      masksEvents,
    })),
  ];
  guest.write(TRAPS, trapTable(traps, "x86_64"));
  guest.write(CODE, [
    ...hypercall64(__HYPERVISOR_set_trap_table, TRAPS),
    ...hypercall64(__HYPERVISOR_update_va_mapping, SHARED, shared, 0),
    ...hypercall64(__HYPERVISOR_mmuext_op, ARGUMENT, 1, 0, DOMID_SELF),
    ...hypercall64(__HYPERVISOR_callback_op, CALLBACKOP_register, ARGUMENT + 64),
    ...(given.withEvents ? hypercall64(__HYPERVISOR_callback_op, CALLBACKOP_register, ARGUMENT + 128) : []),
    ...(given.withPrivilege
      ? hypercall64(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_architectural_iopl)
      : []),
    ...(given.withTableWrites
      ? hypercall64(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_writable_pagetables)
      : []),
    ...hypercall64(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, IO_PRIVILEGE),
    ...hypercall64(__HYPERVISOR_stack_switch, FLAT_RING3_SS64, given.stackTop),
    ...iret64({ rip: USER_CODE, rsp: USER_STACK, ...given.first }),
  ]);
  const user = [...given.user, ...SYSCALL];
  guest.write(USER_CODE, [...user, 0xe9, ...dword(-(user.length + 5))]);
  guest.write(SYSCALL_ENTRY, [...given.kernel, ...returnFromEntry64(given.returnFlags)]);
  guest.write(EVENT_ENTRY, eventHandler(given.eventRounds));
  guest.write(TRAP_ENTRY, returnFromEntry64(0));
  guest.write(FAULT_ENTRY, FAULT_HANDLER);
  guest.write(DIVIDE_ENTRY, DIVIDE_HANDLER);
  guest.start();
  return stops.map((stop) => {
    machine.runUntil(stop * instructionNs);
    return {
      now: machine.clock.now(),
      registers: control.dumpRegisters(guest.id, toVcpuIndex(0)),
      domain: control.describe(guest.id),
      memory: Array.from({ length: PAGES }, (_, index) => {
        const { buffer, byteOffset } = guest.read(page(index), 4096);
        return Buffer.from(buffer, byteOffset, 4096).toString("latin1");
      }),
    };
  });
};
