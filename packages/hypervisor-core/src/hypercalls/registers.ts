import { REGISTER, type RegisterIndex, type VcpuContext } from "@xenolith/x86-architecture";
import type { GuestWidth } from "@xenolith/xen-abi";
import { setLong } from "../delivery/address-register.ts";
import type { ArgumentSource } from "./call-state.ts";

/** Registers of the six arguments, by width. [XEN arch-x86/xen-x86_32.h] [XEN arch-x86/xen-x86_64.h] */
const ARGUMENTS_32 = [
  REGISTER.rbx,
  REGISTER.rcx,
  REGISTER.rdx,
  REGISTER.rsi,
  REGISTER.rdi,
  REGISTER.rbp,
] as const;
const ARGUMENTS_64 = [
  REGISTER.rdi,
  REGISTER.rsi,
  REGISTER.rdx,
  REGISTER.r10,
  REGISTER.r8,
  REGISTER.r9,
] as const;

const argumentRegister = (width: GuestWidth, index: number): RegisterIndex =>
  (width === "x86_64" ? ARGUMENTS_64 : ARGUMENTS_32)[index] ?? REGISTER.rax;

/** Bytes of the instruction that makes a hypercall: `int $0x82` and `syscall` alike. */
const CALL_BYTES = 2;

/** Number of the hypercall that a guest makes. */
export const callNumber = (context: VcpuContext): number => context.register(REGISTER.rax);

/** Arguments in the guest's registers. A class, not closures: one is made for every call. */
export class RegisterArguments implements ArgumentSource {
  readonly #context: VcpuContext;
  readonly #width: GuestWidth;

  constructor(context: VcpuContext, width: GuestWidth) {
    this.#context = context;
    this.#width = width;
  }

  low(index: number): number {
    return this.#context.register(argumentRegister(this.#width, index));
  }

  high(index: number): number {
    return this.#width === "x86_64" ? this.#context.registerHigh(argumentRegister(this.#width, index)) : 0;
  }
}

/** Leaves the result where the guest looks for it. */
export const writeResult = (context: VcpuContext, width: GuestWidth, result: number): void => {
  if (width === "x86_64") setLong(context, REGISTER.rax, result);
  else context.setRegister(REGISTER.rax, result >>> 0);
};

/** Makes the guest repeat the instruction that made the call, with other arguments. */
export const repeatCall = (context: VcpuContext, width: GuestWidth, args: readonly number[]): void => {
  for (const [index, value] of args.entries()) {
    const register = argumentRegister(width, index);
    if (width === "x86_64") setLong(context, register, value);
    else context.setRegister(register, value >>> 0);
  }
  const back = context.instructionPointer - CALL_BYTES;
  context.instructionPointer = width === "x86_64" ? back : back >>> 0;
};
