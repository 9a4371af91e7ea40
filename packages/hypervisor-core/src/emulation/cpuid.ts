import { type LinearAddress, toLinearAddress } from "@xenolith/machine-interface";
import { REGISTER, SEGMENT, type X86Vcpu } from "@xenolith/x86-architecture";
import { XEN_EMULATE_PREFIX } from "@xenolith/xen-abi/arch-x86";
import type { Vcpu } from "../vcpu.ts";
import type { CpuidPolicy } from "./cpuid-policy.ts";
import { EMULATED, type Emulation } from "./outcome.ts";

const CPUID_OPCODE = [0x0f, 0xa2] as const;
const FORCED_CPUID: readonly number[] = [...XEN_EMULATE_PREFIX, ...CPUID_OPCODE];

/** Answers CPUID from the registers into the registers. */
const answer = (vcpu: Vcpu, { context }: X86Vcpu, policy: CpuidPolicy): void => {
  const asker = { width: vcpu.domain.width, vcpu: vcpu.index };
  const [eax, ebx, ecx, edx] = policy(asker, context.register(REGISTER.rax), context.register(REGISTER.rcx));
  context.setRegister(REGISTER.rax, eax);
  context.setRegister(REGISTER.rbx, ebx);
  context.setRegister(REGISTER.rcx, ecx);
  context.setRegister(REGISTER.rdx, edx);
};

/** CPUID that left the processor; allowed at every privilege. */
export const createCpuidEmulation =
  (policy: CpuidPolicy): Emulation =>
  (vcpu, x86) => {
    answer(vcpu, x86, policy);
    return EMULATED.next;
  };

/** Tries an invalid instruction as one with the forced-emulation prefix. @returns whether it was one, and is done. */
export type ForcedEmulation = (vcpu: Vcpu, x86: X86Vcpu) => boolean;

const instructionAddress = (vcpu: Vcpu, { context }: X86Vcpu): LinearAddress =>
  toLinearAddress(
    vcpu.domain.width === "x86_64"
      ? context.instructionPointer
      : (context.segment(SEGMENT.cs).base + context.instructionPointer) >>> 0,
  );

/** `ud2; .ascii "xen"; cpuid`: the guest asks for the hypervisor's answer where CPUID does not trap. [XEN arch-x86/xen.h] */
export const createForcedEmulation =
  (policy: CpuidPolicy): ForcedEmulation =>
  (vcpu, x86) => {
    const code = vcpu.guestMemory.read(instructionAddress(vcpu, x86), FORCED_CPUID.length);
    if (code === null || FORCED_CPUID.some((byte, index) => code.getUint8(index) !== byte)) return false;
    answer(vcpu, x86, policy);
    const behind = x86.context.instructionPointer + FORCED_CPUID.length;
    x86.context.instructionPointer = vcpu.domain.width === "x86_64" ? behind : behind >>> 0;
    return true;
  };
