import { toLinearAddress, toMfn } from "@xenolith/machine-interface";
import {
  addressOfValue,
  isCanonical,
  isCanonicalValue,
  REGISTER,
  SEGMENT,
  type VcpuContext,
} from "@xenolith/x86-architecture";
import { EINVAL } from "@xenolith/xen-abi";
import {
  type VcpuGuestContext64,
  VGCF_in_kernel,
  VGCF_syscall_disables_events,
} from "@xenolith/xen-abi/arch-x86";
import { CALLBACKF_mask_events, CALLBACKTYPE_syscall } from "@xenolith/xen-abi/callback";
import { registerCallback } from "../hypercalls/callbacks.ts";
import type { MemoryManager } from "../memory-manager.ts";
import type { Vcpu } from "../vcpu.ts";
import { type GuestContextForm, loadDataSegments, loadFlags } from "./guest-context.ts";

const GENERAL = {
  rax: REGISTER.rax,
  rbx: REGISTER.rbx,
  rcx: REGISTER.rcx,
  rdx: REGISTER.rdx,
  rsi: REGISTER.rsi,
  rdi: REGISTER.rdi,
  rbp: REGISTER.rbp,
  rsp: REGISTER.rsp,
  r8: REGISTER.r8,
  r9: REGISTER.r9,
  r10: REGISTER.r10,
  r11: REGISTER.r11,
  r12: REGISTER.r12,
  r13: REGISTER.r13,
  r14: REGISTER.r14,
  r15: REGISTER.r15,
} as const;

/** Frame named by a control register of a context. */
const frameOf = (register: number | undefined) => toMfn(Math.floor((register ?? 0) / 0x1000));

const loadBases = (vcpu: Vcpu, { ctrlreg }: VcpuGuestContext64, memory: MemoryManager): number => {
  const kernel = memory.loadPageTableBase(vcpu, frameOf(ctrlreg[3]));
  return kernel !== 0 || !ctrlreg[1] ? kernel : memory.loadUserPageTableBase(vcpu, frameOf(ctrlreg[1]));
};

/** Bases of FS and GS: what the kernel's GS is while it runs is the other one in user mode. */
const loadBasesOfSegments = (vcpu: Vcpu, context: VcpuContext, given: VcpuGuestContext64): void => {
  const gs = vcpu.kernelMode
    ? { now: given.gsBaseKernel, other: given.gsBaseUser }
    : { now: given.gsBaseUser, other: given.gsBaseKernel };
  context.setSegment(SEGMENT.fs, { ...context.segment(SEGMENT.fs), base: addressOfValue(given.fsBase) });
  context.setSegment(SEGMENT.gs, { ...context.segment(SEGMENT.gs), base: addressOfValue(gs.now) });
  vcpu.otherGsBase = toLinearAddress(addressOfValue(gs.other));
};

/** A VCPU's state as 64-bit guests give it. [XEN arch-x86/xen-x86_64.h] */
export const createGuestContext64 = (
  memory: Pick<MemoryManager, "toggleUserMode">,
): GuestContextForm<VcpuGuestContext64> => ({
  check(given) {
    const { userRegs } = given;
    const callbacks = [given.eventCallbackEip, given.failsafeCallbackEip, given.syscallCallbackEip];
    const addresses = [...callbacks, given.kernelSp, ...given.trapCtxt.map(({ address }) => address)];
    const values = [given.fsBase, given.gsBaseKernel, given.gsBaseUser, userRegs.rip, userRegs.rsp];
    const isInUser = (given.flags & VGCF_in_kernel) === 0;
    const isUsable = addresses.every(isCanonical) && values.every(isCanonicalValue);
    // User mode needs a base of its own.
    return isUsable && !(isInUser && !given.ctrlreg[1]) ? 0 : -EINVAL;
  },
  loadBases,
  codeAndStack: ({ userRegs }) => ({ code: userRegs.cs, stack: userRegs.ss }),
  callbacks: (given) => [
    [0, given.eventCallbackEip],
    [0, given.failsafeCallbackEip],
  ],
  loadRegisters(vcpu, context, given) {
    const { userRegs } = given;
    registerCallback(vcpu, {
      type: CALLBACKTYPE_syscall,
      flags: given.flags & VGCF_syscall_disables_events ? CALLBACKF_mask_events : 0,
      codeSelector: 0,
      address: given.syscallCallbackEip,
    });
    for (const name of Object.keys(GENERAL) as (keyof typeof GENERAL)[])
      context.setWideRegister(GENERAL[name], userRegs[name]);
    const isInKernel = (given.flags & VGCF_in_kernel) !== 0 || vcpu.userPageTableBase === null;
    if (isInKernel !== vcpu.kernelMode) memory.toggleUserMode(vcpu);
    loadDataSegments(context, userRegs);
    loadBasesOfSegments(vcpu, context, given);
    loadFlags(vcpu, context, addressOfValue(userRegs.rip), Number(userRegs.rflags & 0xffff_ffffn));
  },
});
