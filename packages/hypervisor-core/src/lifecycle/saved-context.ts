import { FLAG, REGISTER, SEGMENT, type VcpuContext } from "@xenolith/x86-architecture";
import {
  VCPU_GUEST_CONTEXT_32,
  VCPU_GUEST_CONTEXT_64,
  VGCF_i387_valid,
  VGCF_in_kernel,
  VGCF_online,
  xenPfnToCr3,
} from "@xenolith/xen-abi/arch-x86";
import type { Vcpu } from "../vcpu.ts";
import { writeFloatingPoint } from "./floating-point-image.ts";

const PAGE_BYTES = 4096;
const VECTORS = 256;
const GDT_FRAMES = 16;
const DEBUG_REGISTERS = 8;

const selectors = (context: VcpuContext) => ({
  cs: context.segment(SEGMENT.cs).selector,
  ss: context.segment(SEGMENT.ss).selector,
  ds: context.segment(SEGMENT.ds).selector,
  es: context.segment(SEGMENT.es).selector,
  fs: context.segment(SEGMENT.fs).selector,
  gs: context.segment(SEGMENT.gs).selector,
});

const flagsOf = (vcpu: Vcpu, context: VcpuContext): number =>
  ((context.flags & ~FLAG.iopl) | (vcpu.ioPrivilege << 12)) >>> 0;

/** The part that lies alike in all widths. */
const commonOf = (vcpu: Vcpu, context: VcpuContext) => ({
  fpuCtxt: writeFloatingPoint(context.floatingPoint, vcpu.domain.width),
  flags: VGCF_i387_valid | (vcpu.isUp ? VGCF_online : 0) | (vcpu.kernelMode ? VGCF_in_kernel : 0),
  trapCtxt: Array.from({ length: VECTORS }, (_, vector) => {
    const gate = vcpu.traps.get(vector);
    if (gate === null) return { vector: 0, flags: 0, cs: 0, address: 0 };
    const flags = gate.privilegeLevel | (gate.masksEvents ? 4 : 0);
    return { vector, flags, cs: gate.codeSelector, address: gate.address };
  }),
  ldtBase: vcpu.ldtBase,
  ldtEnts: vcpu.ldtEntries,
  gdtFrames: Array.from({ length: GDT_FRAMES }, (_, index) => vcpu.gdtFrames[index] ?? 0),
  gdtEnts: vcpu.gdtEntries,
  kernelSs: vcpu.kernelStack.selector,
  kernelSp: vcpu.kernelStack.pointer,
  debugreg: Array.from({ length: DEBUG_REGISTERS }, (_, index) => BigInt(context.debug(index))),
  vmAssist: vcpu.domain.assists,
});

const general = (context: VcpuContext) => ({
  ebx: context.register(REGISTER.rbx),
  ecx: context.register(REGISTER.rcx),
  edx: context.register(REGISTER.rdx),
  esi: context.register(REGISTER.rsi),
  edi: context.register(REGISTER.rdi),
  ebp: context.register(REGISTER.rbp),
  eax: context.register(REGISTER.rax),
  esp: context.register(REGISTER.rsp),
});

const wide = (context: VcpuContext) => ({
  rax: context.wideRegister(REGISTER.rax),
  rbx: context.wideRegister(REGISTER.rbx),
  rcx: context.wideRegister(REGISTER.rcx),
  rdx: context.wideRegister(REGISTER.rdx),
  rsi: context.wideRegister(REGISTER.rsi),
  rdi: context.wideRegister(REGISTER.rdi),
  rbp: context.wideRegister(REGISTER.rbp),
  rsp: context.wideRegister(REGISTER.rsp),
  r8: context.wideRegister(REGISTER.r8),
  r9: context.wideRegister(REGISTER.r9),
  r10: context.wideRegister(REGISTER.r10),
  r11: context.wideRegister(REGISTER.r11),
  r12: context.wideRegister(REGISTER.r12),
  r13: context.wideRegister(REGISTER.r13),
  r14: context.wideRegister(REGISTER.r14),
  r15: context.wideRegister(REGISTER.r15),
});

const write32 = (vcpu: Vcpu, context: VcpuContext): Uint8Array => {
  const { width } = vcpu.domain;
  const bytes = new Uint8Array(VCPU_GUEST_CONTEXT_32.size(width));
  VCPU_GUEST_CONTEXT_32.write(new DataView(bytes.buffer), 0, width, {
    ...commonOf(vcpu, context),
    userRegs: {
      ...general(context),
      ...selectors(context),
      errorCode: 0,
      entryVector: 0,
      savedUpcallMask: 0,
      eip: context.instructionPointer,
      eflags: flagsOf(vcpu, context),
    },
    ctrlreg: [vcpu.cr0, 0, vcpu.cr2, xenPfnToCr3(vcpu.pageTableBase ?? 0), vcpu.cr4, 0, 0, 0],
    eventCallbackCs: vcpu.callbacks.event?.codeSelector ?? 0,
    eventCallbackEip: vcpu.callbacks.event?.address ?? 0,
    failsafeCallbackCs: vcpu.callbacks.failsafe?.codeSelector ?? 0,
    failsafeCallbackEip: vcpu.callbacks.failsafe?.address ?? 0,
  });
  return bytes;
};

const write64 = (vcpu: Vcpu, context: VcpuContext): Uint8Array => {
  const { width } = vcpu.domain;
  const bytes = new Uint8Array(VCPU_GUEST_CONTEXT_64.size(width));
  const base = (segment: 4 | 5): bigint => BigInt.asUintN(64, BigInt(context.segment(segment).base));
  const gs = { now: base(SEGMENT.gs), other: BigInt.asUintN(64, BigInt(vcpu.otherGsBase)) };
  VCPU_GUEST_CONTEXT_64.write(new DataView(bytes.buffer), 0, width, {
    ...commonOf(vcpu, context),
    userRegs: {
      ...wide(context),
      ...selectors(context),
      errorCode: 0,
      entryVector: 0,
      savedUpcallMask: 0,
      rip: BigInt.asUintN(64, BigInt(context.instructionPointer)),
      rflags: BigInt(flagsOf(vcpu, context)),
    },
    ctrlreg: [
      vcpu.cr0,
      (vcpu.userPageTableBase ?? 0) * PAGE_BYTES,
      vcpu.cr2,
      (vcpu.pageTableBase ?? 0) * PAGE_BYTES,
      vcpu.cr4,
      0,
      0,
      0,
    ],
    eventCallbackEip: vcpu.callbacks.event?.address ?? 0,
    failsafeCallbackEip: vcpu.callbacks.failsafe?.address ?? 0,
    syscallCallbackEip: vcpu.callbacks.syscall?.address ?? 0,
    fsBase: base(SEGMENT.fs),
    gsBaseKernel: vcpu.kernelMode ? gs.now : gs.other,
    gsBaseUser: vcpu.kernelMode ? gs.other : gs.now,
  });
  return bytes;
};

/** The whole state of a VCPU as a vcpu_guest_context of its width, or null for one without an x86 processor. [XEN arch-x86/xen.h] */
export const saveContext = (vcpu: Vcpu): Uint8Array | null => {
  const context = vcpu.x86?.context;
  if (context === undefined) return null;
  return vcpu.domain.width === "x86_64" ? write64(vcpu, context) : write32(vcpu, context);
};
