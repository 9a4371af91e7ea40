import { REGISTER } from "@xenolith/x86-architecture";
import { __HYPERVISOR_iret } from "@xenolith/xen-abi/xen";

/** A few instructions of 64-bit code as bytes, enough for guests of tests. Each function gives one instruction. */

/** Name of a general register. */
export type Register64 = keyof typeof REGISTER;

const bytesOf = (value: number | bigint, count: number): number[] =>
  Array.from({ length: count }, (_, index) => Number((BigInt(value) >> BigInt(8 * index)) & 0xffn));

const rex = (extended: boolean, bit: number): number => 0x48 | (extended ? bit : 0);

/** `movabs $value, %register` */
export const movImmediate64 = (register: Register64, value: number | bigint): number[] => {
  const index = REGISTER[register];
  return [rex(index >= 8, 1), 0xb8 + (index & 7), ...bytesOf(value, 8)];
};

const absolute = (opcode: number, register: Register64, address: number): number[] => {
  const index = REGISTER[register];
  return [rex(index >= 8, 4), opcode, 0x04 | ((index & 7) << 3), 0x25, ...bytesOf(address, 4)];
};

/** `mov %register, address`, for addresses below 2 GiB. */
export const store64 = (register: Register64, address: number): number[] => absolute(0x89, register, address);

/** `mov address, %register`, for addresses below 2 GiB. */
export const load64 = (register: Register64, address: number): number[] => absolute(0x8b, register, address);

/** `mov %gs:address, %register` */
export const loadGs = (register: Register64, address: number): number[] => [
  0x65,
  ...load64(register, address),
];

/** `push $value`, sign-extended. */
export const push64 = (value: number): number[] => [0x68, ...bytesOf(value, 4)];

/** `push %rax` */
export const PUSH_RAX: readonly number[] = [0x50];

/** `syscall` */
export const SYSCALL: readonly number[] = [0x0f, 0x05];

const ARGUMENTS = ["rdi", "rsi", "rdx", "r10", "r8"] as const;

/** A hypercall with up to five arguments. */
export const hypercall64 = (number: number, ...args: readonly (number | bigint)[]): number[] => [
  ...args.flatMap((value, index) => movImmediate64(ARGUMENTS[index] ?? "r8", value)),
  ...movImmediate64("rax", number),
  ...SYSCALL,
];

/** `push %rcx; push %r11; push %rax` */
const PUSH_REGISTERS: readonly number[] = [0x51, 0x41, 0x53, 0x50];
/** `pop %rcx; pop %r11` */
const POP_REGISTERS: readonly number[] = [0x59, 0x41, 0x5b];

/** Goes back by the frame that an entry without an error code has left, as Linux does. `flags`: 0, or VGCF_in_syscall. */
export const returnFromEntry64 = (flags: number): number[] => [
  ...POP_REGISTERS,
  ...push64(flags),
  ...PUSH_REGISTERS,
  ...movImmediate64("rax", __HYPERVISOR_iret),
  ...SYSCALL,
];

/** What a frame for iret says besides the general registers. */
export interface ReturnTarget64 {
  readonly rip: number;
  readonly cs: number;
  readonly rflags: number;
  readonly rsp: number;
  readonly ss: number;
  readonly flags: number;
}

/** The hypercall iret, with its frame. */
export const iret64 = ({ rip, cs, rflags, rsp, ss, flags }: ReturnTarget64): number[] => [
  ...[ss, rsp, rflags, cs, rip, flags, 0x77, 0x88, 0x99].flatMap(push64),
  ...movImmediate64("rax", __HYPERVISOR_iret),
  ...SYSCALL,
];
