import { SCHEDOP_poll } from "@xenolith/xen-abi/sched";
import {
  __HYPERVISOR_console_io,
  __HYPERVISOR_iret,
  __HYPERVISOR_sched_op,
  CONSOLEIO_write,
} from "@xenolith/xen-abi/xen";
import { AT, CODE, COMMAND, FAULTED } from "./layout.ts";
import { dword, type ProgramParts } from "./program-parts.ts";

const REGISTERS = {
  rax: 0,
  rcx: 1,
  rdx: 2,
  rsp: 4,
  rbp: 5,
  rsi: 6,
  rdi: 7,
  r8: 8,
  r10: 10,
  r15: 15,
} as const;
type Register = keyof typeof REGISTERS;

/** `mov $value, %register`: the upper half becomes 0. */
const set = (register: Register, value: number): number[] => {
  const index = REGISTERS[register];
  return [...(index >= 8 ? [0x41] : []), 0xb8 + (index & 7), ...dword(value)];
};
/** `mov offset(%r15), %register` */
const load = (register: Register, offset: number): number[] => {
  const index = REGISTERS[register];
  return [index >= 8 ? 0x4d : 0x49, 0x8b, 0x47 | ((index & 7) << 3), offset];
};
/** `mov %rax, offset(%r15)` */
const storeRax = (offset: number): number[] => [0x49, 0x89, 0x47, offset];
const SYSCALL = [0x0f, 0x05] as const;

/** Makes the call of the command page with its registers and stack pointer. RBP leads the event callback to vcpu_info. */
const LOOP: readonly number[] = [
  ...set("r15", AT.command),
  ...(["rdi", "rsi", "rdx", "r10", "r8"] as const).flatMap((register, index) =>
    load(register, COMMAND.arguments + COMMAND.argumentBytes * index),
  ),
  ...set("rbp", AT.sharedInfo),
  ...load("rsp", COMMAND.stackPointer),
  ...load("rax", COMMAND.number),
  ...SYSCALL,
];

/** Stores the result, says so on the emergency console, where the harness puts the next command, and goes on. */
const REPORT: readonly number[] = [
  ...set("r15", AT.command),
  ...set("rsp", AT.stackTop),
  ...storeRax(COMMAND.result),
  ...set("rdi", CONSOLEIO_write),
  ...set("rsi", COMMAND.doneBytes),
  ...set("rdx", AT.command + COMMAND.done),
  ...set("rax", __HYPERVISOR_console_io),
  ...SYSCALL,
];

const POP_RCX = 0x59;
const POP_R11 = [0x41, 0x5b] as const;
const PUSH_RAX = 0x50;
const PUSH_RCX = 0x51;
const PUSH_R11 = [0x41, 0x53] as const;
const PUSH_0 = [0x6a, 0x00] as const;

/** `movb $0, (%rbp)`, `movq $0, 8(%rbp)`: clears upcall_pending and the selector; then back by the iret hypercall. */
const EVENT: readonly number[] = [
  ...[0xc6, 0x45, 0x00, 0x00],
  ...[0x48, 0xc7, 0x45, 0x08, 0x00, 0x00, 0x00, 0x00],
  POP_RCX,
  ...POP_R11,
  ...PUSH_0,
  PUSH_RCX,
  ...PUSH_R11,
  PUSH_RAX,
  ...set("rax", __HYPERVISOR_iret),
  ...SYSCALL,
];

const PARK: readonly number[] = [
  ...set("rdi", SCHEDOP_poll),
  ...set("rsi", CODE.pollRequest),
  ...set("rax", __HYPERVISOR_sched_op),
  ...SYSCALL,
];

/** Parts of the 64-bit attacker's code. */
export const PROGRAM_64: ProgramParts = {
  loop: LOOP,
  continuation: REPORT,
  recover: set("rax", FAULTED),
  event: EVENT,
  park: PARK,
};
