import { toMfn } from "@xenolith/machine-interface";
import { REGISTER } from "@xenolith/x86-architecture";
import { type VcpuGuestContext32, xenCr3ToPfn } from "@xenolith/xen-abi/arch-x86";
import { type GuestContextForm, loadDataSegments, loadFlags } from "./guest-context.ts";

const GENERAL = {
  ebx: REGISTER.rbx,
  ecx: REGISTER.rcx,
  edx: REGISTER.rdx,
  esi: REGISTER.rsi,
  edi: REGISTER.rdi,
  ebp: REGISTER.rbp,
  eax: REGISTER.rax,
  esp: REGISTER.rsp,
} as const;

/** A VCPU's state as 32-bit guests give it. [XEN arch-x86/xen-x86_32.h] */
export const GUEST_CONTEXT_32: GuestContextForm<VcpuGuestContext32> = {
  check: () => 0,
  loadBases: (vcpu, given, memory) =>
    memory.loadPageTableBase(vcpu, toMfn(xenCr3ToPfn(given.ctrlreg[3] ?? 0))),
  codeAndStack: ({ userRegs }) => ({ code: userRegs.cs, stack: userRegs.ss }),
  callbacks: (given) => [
    [given.eventCallbackCs, given.eventCallbackEip],
    [given.failsafeCallbackCs, given.failsafeCallbackEip],
  ],
  loadRegisters(vcpu, context, { userRegs }) {
    for (const name of ["ebx", "ecx", "edx", "esi", "edi", "ebp", "eax", "esp"] as const)
      context.setRegister(GENERAL[name], userRegs[name]);
    loadDataSegments(context, userRegs);
    loadFlags(vcpu, context, userRegs.eip, userRegs.eflags);
  },
};
