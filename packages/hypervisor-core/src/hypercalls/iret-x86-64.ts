import {
  ATTRIBUTE,
  addressOfValue,
  FLAG,
  faultErrorCode,
  faultVector,
  isCanonicalValue,
  type PackedFault,
  packFault,
  REGISTER,
  SEGMENT,
  type VcpuContext,
  VECTOR,
  type X86Vcpu,
} from "@xenolith/x86-architecture";
import { FLAT_RING3_CS32, VGCF_in_syscall } from "@xenolith/xen-abi/arch-x86";
import { VMASST_TYPE_architectural_iopl } from "@xenolith/xen-abi/xen";
import { FLAT_CODE_32, FLAT_CODE_64, FLAT_STACK_64 } from "../delivery/flat-segments.ts";
import { isFault, loadCodeSegment, loadStackSegment } from "../delivery/segment-loading.ts";
import { hasAssist } from "../domain.ts";
import { USER_RING } from "../rings.ts";
import type { Vcpu } from "../vcpu.ts";
import { type HypercallContext, type HypercallResult, REGISTERS_SET } from "./context.ts";
import type { IretParts } from "./iret.ts";

/** `struct iret_context`, which iret finds on the guest's stack. [XEN arch-x86/xen-x86_64.h] */
const FRAME_64 = {
  rax: 0,
  r11: 8,
  rcx: 16,
  flags: 24,
  rip: 32,
  cs: 40,
  rflags: 48,
  rsp: 56,
  ss: 64,
  sizeBytes: 72,
} as const;

/** Flags the guest continues with: IOPL stays 0 and IF set; never virtual-8086 mode. */
const targetFlags = (flags: number): number => ((flags & ~(FLAG.iopl | FLAG.vm)) | FLAG.if) >>> 0;

/** Returns as SYSRET does: to flat segments, and RCX and R11 are lost to it. The target is canonical. */
const returnFast = (context: VcpuContext, target: bigint, codeSelector: number): void => {
  const isCompatible = codeSelector === FLAT_RING3_CS32;
  context.setSegment(SEGMENT.cs, isCompatible ? FLAT_CODE_32 : FLAT_CODE_64);
  context.setSegment(SEGMENT.ss, FLAT_STACK_64);
  context.setWideRegister(REGISTER.rcx, target);
  context.setWideRegister(REGISTER.r11, BigInt(context.flags));
  context.instructionPointer = isCompatible ? Number(target & 0xffff_ffffn) : addressOfValue(target);
};

/**
 * Returns as IRET does. @returns 0, or the fault that it meets at the target; then CS and SS show what was to be loaded.
 */
const returnByFrame = (
  vcpu: Vcpu,
  context: VcpuContext,
  target: bigint,
  selectors: { readonly code: number; readonly stack: number },
): PackedFault | 0 => {
  const { descriptors } = vcpu;
  context.setSegment(SEGMENT.cs, { ...FLAT_CODE_64, selector: selectors.code });
  context.setSegment(SEGMENT.ss, { ...FLAT_STACK_64, selector: selectors.stack });
  if (descriptors === null) return packFault(VECTOR.generalProtection, 0);
  const code = loadCodeSegment(descriptors, selectors.code);
  if (isFault(code)) return code;
  const isWide = (code.attributes & ATTRIBUTE.long) !== 0;
  if (isWide && !isCanonicalValue(target)) return packFault(VECTOR.generalProtection, 0);
  const stack = loadStackSegment(descriptors, selectors.stack, USER_RING);
  if (isFault(stack)) return stack;
  context.setSegment(SEGMENT.cs, code);
  context.setSegment(SEGMENT.ss, stack);
  context.instructionPointer = isWide ? addressOfValue(target) : Number(target & 0xffff_ffffn);
  return 0;
};

/**
 * iret of 64-bit guests: an RPL of 3 in CS means user mode, whose page-table base comes into force. With VGCF_in_syscall the
 * return is SYSRET's. A frame that cannot be read, or user mode without a base, ends the domain; what IRET refuses faults at
 * the target. [XEN arch-x86/xen-x86_64.h]
 */
export const createIret64 = ({ upcalls, delivery, crash, switchMode }: IretParts) => {
  const end = ({ domain, vcpu }: HypercallContext, reason: string): HypercallResult => {
    crash(domain, reason, vcpu);
    return REGISTERS_SET;
  };

  return (call: HypercallContext, { context }: X86Vcpu): HypercallResult => {
    const { vcpu, guest } = call;
    const frame = guest.read(addressOfValue(context.wideRegister(REGISTER.rsp)), FRAME_64.sizeBytes);
    if (frame === null) return end(call, "iret from a frame that cannot be read");
    const selectors = {
      code: frame.getUint16(FRAME_64.cs, true) | USER_RING,
      stack: frame.getUint16(FRAME_64.ss, true) | USER_RING,
    };
    const isToUser = (frame.getUint16(FRAME_64.cs, true) & 3) === USER_RING;
    if (isToUser && vcpu.userPageTableBase === null)
      return end(call, "iret to user mode, which has no page-table base");

    const flags = frame.getUint32(FRAME_64.rflags, true);
    if (hasAssist(call.domain, VMASST_TYPE_architectural_iopl)) vcpu.ioPrivilege = (flags & FLAG.iopl) >>> 12;
    vcpu.nmiMasked = false;
    upcalls.setMasked(vcpu, (flags & FLAG.if) === 0);
    if (isToUser) switchMode(vcpu);
    context.flags = targetFlags(flags);
    context.setWideRegister(REGISTER.rax, frame.getBigUint64(FRAME_64.rax, true));
    context.setWideRegister(REGISTER.rsp, frame.getBigUint64(FRAME_64.rsp, true));

    const target = frame.getBigUint64(FRAME_64.rip, true);
    const isInSystemCall = (frame.getUint32(FRAME_64.flags, true) & VGCF_in_syscall) !== 0;
    if (isInSystemCall && isCanonicalValue(target)) {
      returnFast(context, target, selectors.code);
      return REGISTERS_SET;
    }
    if (!isInSystemCall) {
      context.setWideRegister(REGISTER.r11, frame.getBigUint64(FRAME_64.r11, true));
      context.setWideRegister(REGISTER.rcx, frame.getBigUint64(FRAME_64.rcx, true));
    }
    const fault = returnByFrame(vcpu, context, target, selectors);
    if (fault !== 0)
      delivery.exception(vcpu, faultVector(fault), faultErrorCode(fault), { wideInstructionPointer: target });
    return REGISTERS_SET;
  };
};
