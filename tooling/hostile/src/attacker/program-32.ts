import { FLAT_RING1_DS } from "@xenolith/xen-abi/arch-x86";
import { SCHEDOP_poll } from "@xenolith/xen-abi/sched";
import {
  __HYPERVISOR_console_io,
  __HYPERVISOR_iret,
  __HYPERVISOR_sched_op,
  CONSOLEIO_write,
  HYPERCALL_VECTOR,
} from "@xenolith/xen-abi/xen";
import { AT, CODE, COMMAND, FAULTED } from "./layout.ts";
import { dword, type ProgramParts } from "./program-parts.ts";

const REGISTERS = { eax: 0, ecx: 1, edx: 2, ebx: 3, esp: 4, ebp: 5, esi: 6, edi: 7 } as const;
type Register = keyof typeof REGISTERS;

/** `mov $value, %register` */
const set = (register: Register, value: number): number[] => [0xb8 + REGISTERS[register], ...dword(value)];
/** `mov address, %register` */
const load = (register: Register, address: number): number[] => [
  0x8b,
  0x05 | (REGISTERS[register] << 3),
  ...dword(address),
];
/** `mov %eax, address` */
const storeEax = (address: number): number[] => [0xa3, ...dword(address)];
const HYPERCALL = [0xcd, HYPERCALL_VECTOR] as const;
const PUSH_EAX = 0x50;

/** `mov %ecx` to ds, es and ss. */
const SEGMENTS_FROM_ECX = [0x8e, 0xd9, 0x8e, 0xc1, 0x8e, 0xd1] as const;

/** Makes the call of the command page with its registers and stack pointer. */
const LOOP: readonly number[] = [
  ...(["ebx", "ecx", "edx", "esi", "edi"] as const).flatMap((register, index) =>
    load(register, AT.command + COMMAND.arguments + COMMAND.argumentBytes * index),
  ),
  // The event callback finds the VCPU's vcpu_info by EBP, which no call takes an argument in.
  ...set("ebp", AT.sharedInfo),
  ...load("esp", AT.command + COMMAND.stackPointer),
  ...load("eax", AT.command + COMMAND.number),
  ...HYPERCALL,
];

/** Stores the result, says so on the emergency console, where the harness puts the next command, and goes on. */
const REPORT: readonly number[] = [
  ...set("ecx", FLAT_RING1_DS),
  ...SEGMENTS_FROM_ECX,
  ...set("esp", AT.stackTop),
  ...storeEax(AT.command + COMMAND.result),
  ...set("ebx", CONSOLEIO_write),
  ...set("ecx", COMMAND.doneBytes),
  ...set("edx", AT.command + COMMAND.done),
  ...set("eax", __HYPERVISOR_console_io),
  ...HYPERCALL,
];

/** `movb $0, (%ebp)`, `movl $0, 4(%ebp)`: clears upcall_pending and the selector; then back by the iret hypercall. */
const EVENT: readonly number[] = [
  ...[0xc6, 0x45, 0x00, 0x00],
  ...[0xc7, 0x45, 0x04, 0x00, 0x00, 0x00, 0x00],
  PUSH_EAX,
  ...set("eax", __HYPERVISOR_iret),
  ...HYPERCALL,
];

const PARK: readonly number[] = [
  ...set("ebx", SCHEDOP_poll),
  ...set("ecx", CODE.pollRequest),
  ...set("eax", __HYPERVISOR_sched_op),
  ...HYPERCALL,
];

/** Parts of the 32-bit attacker's code. */
export const PROGRAM_32: ProgramParts = {
  loop: LOOP,
  continuation: REPORT,
  recover: set("eax", FAULTED),
  event: EVENT,
  park: PARK,
};
