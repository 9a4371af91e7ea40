import { type LinearAddress, PAGE_SIZE, toLinearAddress, toMfn } from "@xenolith/machine-interface";
import { ATTRIBUTE, FLAG, SEGMENT, type SegmentState, type VcpuContext } from "@xenolith/x86-architecture";
import { EINVAL } from "@xenolith/xen-abi";
import {
  type VcpuGuestContext32,
  type VcpuGuestContext64,
  VGCF_failsafe_disables_events,
  VGCF_i387_valid,
  VGCF_online,
} from "@xenolith/xen-abi/arch-x86";
import { CALLBACKF_mask_events, CALLBACKTYPE_event, CALLBACKTYPE_failsafe } from "@xenolith/xen-abi/callback";
import { isFault, loadCodeSegment, loadStackSegment, nullSegment } from "../delivery/segment-loading.ts";
import { refreshDirectGates } from "../delivery/software-interrupts.ts";
import { setTaskSwitched } from "../emulation/control-registers.ts";
import { setDebugRegister } from "../emulation/debug-registers.ts";
import { REFUSED } from "../emulation/outcome.ts";
import { registerCallback } from "../hypercalls/callbacks.ts";
import { fixCodeSelector, fixStackSelector } from "../hypercalls/guest-selectors.ts";
import { trapGateOf } from "../hypercalls/set-trap-table.ts";
import type { MemoryManager } from "../memory-manager.ts";
import type { Vcpu } from "../vcpu.ts";
import { readFloatingPoint } from "./floating-point-image.ts";

/** A whole state of a VCPU, as guests of either word size give it. [XEN arch-x86/xen.h] */
export type VcpuGuestContext = VcpuGuestContext32 | VcpuGuestContext64;

/** The parts of a state that lie elsewhere, or mean something else, in each word size. */
export interface GuestContextForm<Given extends VcpuGuestContext> {
  /** Refuses what must not even begin. @returns 0 or a negative errno. */
  check(given: Given): number;
  /** Loads the page-table bases. @returns 0 or a negative errno. */
  loadBases(vcpu: Vcpu, given: Given, memory: MemoryManager): number;
  codeAndStack(given: Given): { readonly code: number; readonly stack: number };
  /** Event and failsafe callback: selector and address. */
  callbacks(given: Given): readonly [cs: number, address: number][];
  /** Loads general registers, data segments and what else there is, into a VCPU whose code and stack are set. */
  loadRegisters(vcpu: Vcpu, context: VcpuContext, given: Given): void;
}

/** CR0.TS. */
const TASK_SWITCHED = 8;
/** CR4.DE: the one bit of a context's CR4 that is taken over. */
const DEBUGGING_EXTENSIONS = 8;

const DATA = { ds: SEGMENT.ds, es: SEGMENT.es, fs: SEGMENT.fs, gs: SEGMENT.gs } as const;

/** Descriptor tables: what holds references to frames. An LDT without entries must begin at a page as well. */
const loadTables = (vcpu: Vcpu, given: VcpuGuestContext, memory: MemoryManager): number => {
  if (given.ldtBase % PAGE_SIZE !== 0) return -EINVAL;
  const frames = given.gdtFrames.slice(0, Math.ceil(given.gdtEnts / 512)).map(toMfn);
  const gdt = memory.loadGdt(vcpu, frames, given.gdtEnts);
  return gdt !== 0 ? gdt : memory.loadLdt(vcpu, toLinearAddress(given.ldtBase), given.ldtEnts);
};

/** A segment in which nothing can be executed and nothing lies, at the privilege that its selector asks for. */
const unusable = (selector: number): SegmentState => ({
  ...nullSegment(selector),
  attributes: (selector & 3) << ATTRIBUTE.dplShift,
});

/** Loads code and stack. What cannot be loaded is found out when the VCPU first runs: its first instruction faults. */
const loadCodeAndStack = (
  vcpu: Vcpu,
  context: VcpuContext,
  given: { readonly code: number; readonly stack: number },
): void => {
  const { descriptors, domain } = vcpu;
  const selectors = {
    code: fixCodeSelector(domain.width, given.code),
    stack: fixStackSelector(domain.width, given.stack),
  };
  const code = descriptors === null ? REFUSED : loadCodeSegment(descriptors, selectors.code);
  const stack =
    descriptors === null ? REFUSED : loadStackSegment(descriptors, selectors.stack, selectors.code & 3);
  const isLoaded = !isFault(code) && !isFault(stack);
  context.setSegment(SEGMENT.cs, isLoaded ? code : unusable(selectors.code));
  context.setSegment(SEGMENT.ss, isFault(stack) ? unusable(selectors.stack) : stack);
};

/** Loads the data segments; what cannot be loaded becomes null. */
export const loadDataSegments = (
  context: VcpuContext,
  selectors: Readonly<Record<"ds" | "es" | "fs" | "gs", number>>,
): void => {
  for (const name of ["ds", "es", "fs", "gs"] as const) {
    if (context.loadSegment(DATA[name], selectors[name]) !== 0)
      context.setSegment(DATA[name], nullSegment(0));
  }
};

/** Sets instruction pointer and flags; IOPL becomes the virtual one. */
export const loadFlags = (
  vcpu: Vcpu,
  context: VcpuContext,
  instructionPointer: LinearAddress | number,
  flags: number,
): void => {
  context.instructionPointer = instructionPointer;
  context.flags = ((flags & ~(FLAG.iopl | FLAG.vm)) | FLAG.fixed | FLAG.if) >>> 0;
  vcpu.ioPrivilege = (flags & FLAG.iopl) >>> 12;
};

const loadEntryPoints = (
  vcpu: Vcpu,
  given: VcpuGuestContext,
  callbacks: readonly (readonly [cs: number, address: number])[],
): void => {
  for (const [vector, trap] of given.trapCtxt.entries())
    vcpu.traps.set(vector, trap.address === 0 ? null : trapGateOf(vcpu, trap));
  const failsafeFlags = given.flags & VGCF_failsafe_disables_events ? CALLBACKF_mask_events : 0;
  const types = [CALLBACKTYPE_event, CALLBACKTYPE_failsafe] as const;
  for (const [index, [codeSelector, address]] of callbacks.entries())
    registerCallback(vcpu, { type: types[index] ?? -1, flags: failsafeFlags, codeSelector, address });
  vcpu.kernelStack = {
    selector: fixStackSelector(vcpu.domain.width, given.kernelSs),
    pointer: given.kernelSp,
  };
  refreshDirectGates(vcpu);
};

/**
 * Gives a VCPU that has none yet its whole state, as VCPUOP_initialise does. [XEN arch-x86/xen.h]
 * @returns 0, or the errno of the first part that is refused; the VCPU is not initialised then.
 */
export const applyGuestContext = <Given extends VcpuGuestContext>(
  form: GuestContextForm<Given>,
  vcpu: Vcpu,
  given: Given,
  memory: MemoryManager,
): number => {
  const context = vcpu.x86?.context;
  if (context === undefined) return -EINVAL;
  const refused = form.check(given) || loadTables(vcpu, given, memory) || form.loadBases(vcpu, given, memory);
  if (refused !== 0) {
    memory.loadGdt(vcpu, [], 0);
    return refused;
  }
  loadCodeAndStack(vcpu, context, form.codeAndStack(given));
  vcpu.cr4 |= (given.ctrlreg[4] ?? 0) & DEBUGGING_EXTENSIONS;
  // A value that may not be set is left out.
  for (const [index, value] of given.debugreg.entries())
    if (index !== 4 && index !== 5) setDebugRegister(vcpu, index, Number(value));
  loadEntryPoints(vcpu, given, form.callbacks(given));
  form.loadRegisters(vcpu, context, given);
  if (given.flags & VGCF_i387_valid)
    readFloatingPoint(context.floatingPoint, vcpu.domain.width, given.fpuCtxt);
  setTaskSwitched(vcpu, ((given.ctrlreg[0] ?? 0) & TASK_SWITCHED) !== 0);
  vcpu.isInitialised = true;
  vcpu.isUp = (given.flags & VGCF_online) !== 0;
  return 0;
};
