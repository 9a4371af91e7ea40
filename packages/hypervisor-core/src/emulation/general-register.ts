import { addressOfValue, valueOfAddress, type X86Vcpu } from "@xenolith/x86-architecture";
import type { Vcpu } from "../vcpu.ts";

/** A general register as a number, as wide as the guest: unsigned on 32-bit widths, signed on x86_64. */
export const readGeneral = (vcpu: Vcpu, { context }: X86Vcpu, register: number): number =>
  vcpu.domain.width === "x86_64"
    ? addressOfValue(context.wideRegister(register))
    : context.register(register);

/** Sets a general register, all of it. */
export const writeGeneral = (vcpu: Vcpu, { context }: X86Vcpu, register: number, value: number): void => {
  if (vcpu.domain.width === "x86_64") context.setWideRegister(register, valueOfAddress(value));
  else context.setRegister(register, value);
};
