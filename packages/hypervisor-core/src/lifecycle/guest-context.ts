import { toLinearAddress, toMfn } from "@xenolith/machine-interface";
import { FLAG, REGISTER, SEGMENT, type VcpuContext } from "@xenolith/x86-architecture";
import { EINVAL } from "@xenolith/xen-abi";
import {
  type VcpuGuestContext32,
  VGCF_failsafe_disables_events,
  VGCF_online,
  xenCr3ToPfn,
} from "@xenolith/xen-abi/arch-x86";
import { CALLBACKF_mask_events, CALLBACKTYPE_event, CALLBACKTYPE_failsafe } from "@xenolith/xen-abi/callback";
import { isFault, loadCodeSegment, loadStackSegment, nullSegment } from "../delivery/segment-loading.ts";
import { refreshDirectGates } from "../delivery/software-interrupts.ts";
import { setTaskSwitched } from "../emulation/control-registers.ts";
import { setDebugRegister } from "../emulation/debug-registers.ts";
import { registerCallback } from "../hypercalls/callbacks.ts";
import { fixCodeSelector, fixStackSelector } from "../hypercalls/guest-selectors.ts";
import { trapGateOf } from "../hypercalls/set-trap-table.ts";
import type { MemoryManager } from "../memory-manager.ts";
import type { Vcpu } from "../vcpu.ts";

/** CR0.TS. */
const TASK_SWITCHED = 8;
/** CR4.DE: the one bit of a context's CR4 that is taken over. */
const DEBUGGING_EXTENSIONS = 8;

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

const DATA = { ds: SEGMENT.ds, es: SEGMENT.es, fs: SEGMENT.fs, gs: SEGMENT.gs } as const;

/** Descriptor tables and page-table base: what holds references to frames. */
const loadTables = (vcpu: Vcpu, given: VcpuGuestContext32, memory: MemoryManager): number => {
  const frames = given.gdtFrames.slice(0, Math.ceil(given.gdtEnts / 512)).map(toMfn);
  const gdt = memory.loadGdt(vcpu, frames, given.gdtEnts);
  if (gdt !== 0) return gdt;
  const ldt = memory.loadLdt(vcpu, toLinearAddress(given.ldtBase), given.ldtEnts);
  if (ldt !== 0) return ldt;
  return memory.loadPageTableBase(vcpu, toMfn(xenCr3ToPfn(given.ctrlreg[3] ?? 0)));
};

const loadCodeAndStack = (vcpu: Vcpu, context: VcpuContext, { userRegs }: VcpuGuestContext32): number => {
  const { descriptors, domain } = vcpu;
  if (descriptors === null) return -EINVAL;
  const code = loadCodeSegment(descriptors, fixCodeSelector(domain.width, userRegs.cs));
  if (isFault(code)) return -EINVAL;
  const stack = loadStackSegment(descriptors, fixStackSelector(domain.width, userRegs.ss), code.selector & 3);
  if (isFault(stack)) return -EINVAL;
  context.setSegment(SEGMENT.cs, code);
  context.setSegment(SEGMENT.ss, stack);
  return 0;
};

const loadRegisters = (vcpu: Vcpu, context: VcpuContext, { userRegs }: VcpuGuestContext32): void => {
  for (const name of ["ebx", "ecx", "edx", "esi", "edi", "ebp", "eax", "esp"] as const)
    context.setRegister(GENERAL[name], userRegs[name]);
  for (const name of ["ds", "es", "fs", "gs"] as const) {
    if (context.loadSegment(DATA[name], userRegs[name]) !== 0) context.setSegment(DATA[name], nullSegment(0));
  }
  context.instructionPointer = userRegs.eip;
  context.flags = ((userRegs.eflags & ~(FLAG.iopl | FLAG.vm)) | FLAG.fixed | FLAG.if) >>> 0;
  vcpu.ioPrivilege = (userRegs.eflags & FLAG.iopl) >>> 12;
};

const loadEntryPoints = (vcpu: Vcpu, given: VcpuGuestContext32): void => {
  for (const [vector, trap] of given.trapCtxt.entries())
    vcpu.traps[vector] = trap.address === 0 ? null : trapGateOf(vcpu, trap);
  registerCallback(vcpu, {
    type: CALLBACKTYPE_event,
    flags: 0,
    codeSelector: given.eventCallbackCs,
    address: given.eventCallbackEip,
  });
  registerCallback(vcpu, {
    type: CALLBACKTYPE_failsafe,
    flags: given.flags & VGCF_failsafe_disables_events ? CALLBACKF_mask_events : 0,
    codeSelector: given.failsafeCallbackCs,
    address: given.failsafeCallbackEip,
  });
  vcpu.kernelStack = {
    selector: fixStackSelector(vcpu.domain.width, given.kernelSs),
    pointer: given.kernelSp,
  };
  refreshDirectGates(vcpu);
};

/**
 * Gives a 32-bit VCPU that has none yet its whole state, as VCPUOP_initialise does. [XEN arch-x86/xen.h]
 * @returns 0, or the errno of the first part that is refused; the VCPU is not initialised then.
 */
export const applyGuestContext = (vcpu: Vcpu, given: VcpuGuestContext32, memory: MemoryManager): number => {
  const context = vcpu.x86?.context;
  if (context === undefined) return -EINVAL;
  const tables = loadTables(vcpu, given, memory);
  if (tables !== 0) return tables;
  const segments = loadCodeAndStack(vcpu, context, given);
  if (segments !== 0) return segments;
  vcpu.cr4 |= (given.ctrlreg[4] ?? 0) & DEBUGGING_EXTENSIONS;
  for (const [index, value] of given.debugreg.entries()) {
    const result = index === 4 || index === 5 ? 0 : setDebugRegister(vcpu, index, Number(value));
    if (result !== 0) return result;
  }
  loadEntryPoints(vcpu, given);
  loadRegisters(vcpu, context, given);
  setTaskSwitched(vcpu, ((given.ctrlreg[0] ?? 0) & TASK_SWITCHED) !== 0);
  vcpu.isInitialised = true;
  vcpu.isUp = (given.flags & VGCF_online) !== 0;
  return 0;
};
