import {
  FLAG,
  faultErrorCode,
  faultVector,
  type PackedFault,
  packFault,
  REGISTER,
  SEGMENT,
  VECTOR,
  type X86Vcpu,
} from "@xenolith/x86-architecture";
import { ENOSYS } from "@xenolith/xen-abi";
import { __HYPERVISOR_iret, VMASST_TYPE_architectural_iopl } from "@xenolith/xen-abi/xen";
import type { Delivery } from "../delivery/delivery.ts";
import type { InterruptedState } from "../delivery/guest-entry.ts";
import type { SwitchMode } from "../delivery/mode-switch.ts";
import {
  DATA_SEGMENTS,
  isFault,
  loadCodeSegment,
  loadStackSegment,
  mayKeepDataSegment,
  nullSegment,
} from "../delivery/segment-loading.ts";
import { type CrashDomain, hasAssist } from "../domain.ts";
import { kernelRing } from "../rings.ts";
import type { UpcallState } from "../upcall-state.ts";
import type { Vcpu } from "../vcpu.ts";
import { type Hypercall, type HypercallContext, type HypercallResult, REGISTERS_SET } from "./context.ts";
import { createIret64 } from "./iret-x86-64.ts";

/** What iret is made from. */
export interface IretParts {
  readonly upcalls: UpcallState;
  readonly delivery: Delivery;
  readonly crash: CrashDomain;
  readonly switchMode: SwitchMode;
}

/**
 * The frame iret finds on the guest's stack: eax 0, eip 4, cs 8, eflags 12, and for a return to ring 3 esp 16, ss 20.
 * [XEN arch-x86/xen-x86_32.h]
 */
const FRAME_32 = {
  eax: 0,
  eip: 4,
  cs: 8,
  eflags: 12,
  innerBytes: 16,
  esp: 16,
  ss: 20,
  outerBytes: 24,
} as const;

/** The target of an iret, as the frame names it. */
interface Target32 {
  readonly instructionPointer: number;
  readonly codeSelector: number;
  readonly stackPointer: number;
  readonly stackSelector: number;
  readonly flags: number;
}

const readTarget = (vcpu: Vcpu, { context }: X86Vcpu): { eax: number; target: Target32 } | null => {
  const stackPointer = context.register(REGISTER.rsp);
  const inner = vcpu.guestMemory.read(stackPointer, FRAME_32.innerBytes);
  if (inner === null) return null;
  const codeSelector = inner.getUint32(FRAME_32.cs, true) & 0xffff;
  const staysInKernel = (codeSelector & 3) === kernelRing(vcpu.domain.width);
  const outer = staysInKernel ? null : vcpu.guestMemory.read(stackPointer + FRAME_32.innerBytes, 8);
  if (!staysInKernel && outer === null) return null;
  return {
    eax: inner.getUint32(FRAME_32.eax, true),
    target: {
      instructionPointer: inner.getUint32(FRAME_32.eip, true),
      codeSelector,
      flags: inner.getUint32(FRAME_32.eflags, true),
      stackPointer: outer?.getUint32(0, true) ?? (stackPointer + FRAME_32.innerBytes) >>> 0,
      stackSelector:
        outer === null ? context.segment(SEGMENT.ss).selector : outer.getUint32(4, true) & 0xffff,
    },
  };
};

/** Flags the guest continues with: IOPL stays 0 and IF set; RF and AC as given; never virtual-8086 mode. */
const targetFlags = (flags: number): number => ((flags & ~(FLAG.iopl | FLAG.vm)) | FLAG.if) >>> 0;

/** Continues at the target. @returns 0, or the fault that IRET meets there; then no register has changed. */
const continueAt = (vcpu: Vcpu, { context }: X86Vcpu, target: Target32): PackedFault | 0 => {
  const { descriptors } = vcpu;
  // There is no virtual-8086 mode for guests: the fault is met at the target.
  if (descriptors === null || target.flags & FLAG.vm) return packFault(VECTOR.generalProtection, 0);
  const privilege = target.codeSelector & 3;
  const code = loadCodeSegment(descriptors, target.codeSelector);
  if (isFault(code)) return code;
  const stack = loadStackSegment(descriptors, target.stackSelector, privilege);
  if (isFault(stack)) return stack;
  context.setSegment(SEGMENT.cs, code);
  context.setSegment(SEGMENT.ss, stack);
  context.setRegister(REGISTER.rsp, target.stackPointer);
  context.instructionPointer = target.instructionPointer;
  context.flags = targetFlags(target.flags);
  for (const index of DATA_SEGMENTS) {
    const segment = context.segment(index);
    if (segment.attributes !== 0 && !mayKeepDataSegment(segment, privilege))
      context.setSegment(index, nullSegment(0));
  }
  return 0;
};

const interruptedAt = ({ context }: X86Vcpu, target: Target32): InterruptedState => ({
  instructionPointer: target.instructionPointer,
  codeSelector: target.codeSelector,
  flags: target.flags & ~FLAG.vm,
  stackPointer: target.stackPointer,
  stackSegment: { ...context.segment(SEGMENT.ss), selector: target.stackSelector },
  privilege: target.codeSelector & 3,
});

/**
 * iret: returns from a handler through the frame on the stack and takes the upcall mask from its EFLAGS.IF. A frame that
 * cannot be read, or that names ring 0, ends the domain; selectors that cannot be loaded fault at the target.
 */
export const createIret = (parts: IretParts): Hypercall => {
  const { upcalls, delivery, crash } = parts;
  const iret64 = createIret64(parts);
  const iret32 = (call: HypercallContext, x86: X86Vcpu): HypercallResult => {
    const { vcpu, domain } = call;
    const frame = readTarget(vcpu, x86);
    if (frame === null || (frame.target.codeSelector & 3) === 0) {
      crash(domain, frame === null ? "iret from a frame that cannot be read" : "iret to ring 0", vcpu);
      return REGISTERS_SET;
    }
    const { eax, target } = frame;
    x86.context.setRegister(REGISTER.rax, eax);
    if (hasAssist(domain, VMASST_TYPE_architectural_iopl))
      vcpu.ioPrivilege = (target.flags & FLAG.iopl) >>> 12;
    vcpu.nmiMasked = false;
    upcalls.setMasked(vcpu, (target.flags & FLAG.if) === 0);
    const fault = continueAt(vcpu, x86, target);
    if (fault !== 0) {
      const interrupted = interruptedAt(x86, target);
      delivery.exception(vcpu, faultVector(fault), faultErrorCode(fault), { interrupted });
    }
    return REGISTERS_SET;
  };

  return {
    number: __HYPERVISOR_iret,
    handle(call) {
      const { x86 } = call.vcpu;
      if (x86 === null) return -ENOSYS;
      return call.width === "x86_64" ? iret64(call, x86) : iret32(call, x86);
    },
  };
};
