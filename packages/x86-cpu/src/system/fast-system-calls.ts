import { EFER, FLAG, REGISTER, SEGMENT, type SegmentState } from "@xenolith/x86-architecture";
import type { Instruction } from "../decoder/instruction.ts";
import {
  OUTCOME,
  type Outcome,
  type ProcessorCore,
  type SystemOperation,
} from "../engine/system-operations.ts";
import { MSR_SLOT, STATE } from "../state/layout.ts";
import { addressOfValue, isCanonicalValue, valueOfAddress } from "./canonical.ts";
import { generalProtection, invalidOpcode } from "./faults.ts";
import { nextInstruction, refuseOutsideRing0 } from "./instruction-flow.ts";
import { segmentBaseValue, setSegmentBaseValue } from "./segment-base.ts";

/** Flat 4 GiB code and data segments, present and accessed, at a privilege level. */
const flatCode = (selector: number, privilege: number, isWide: boolean): SegmentState => ({
  selector,
  base: 0,
  limit: 0xffff_ffff,
  attributes: (isWide ? 0xa09b : 0xc09b) | (privilege << 5),
});
const flatData = (selector: number, privilege: number): SegmentState => ({
  selector,
  base: 0,
  limit: 0xffff_ffff,
  attributes: 0xc093 | (privilege << 5),
});

const enterSelector = (core: ProcessorCore): number => Number(core.state.msr(MSR_SLOT.sysenterCs) & 0xfffcn);

/** SYSENTER, to ring 0, in IA-32e mode to 64-bit code; to be emulated where a monitor has that. [SDM2-4.3] */
const enterSystem = (core: ProcessorCore): Outcome => {
  const { state } = core;
  const selector = enterSelector(core);
  if (core.environment.isMonitored) return OUTCOME.privileged;
  if (state.isRealMode || selector === 0) return generalProtection(0);
  const isWide = state.isLongMode;
  const pointer = state.msr(MSR_SLOT.sysenterEsp);
  const target = state.msr(MSR_SLOT.sysenterEip);
  state.systemFlags &= ~(FLAG.vm | FLAG.if);
  state.setSegment(SEGMENT.cs, flatCode(selector, 0, isWide));
  state.setSegment(SEGMENT.ss, flatData((selector + 8) & 0xffff, 0));
  state.setWideRegister(REGISTER.rsp, isWide ? pointer : pointer & 0xffff_ffffn);
  state.instructionPointer = isWide ? addressOfValue(target) : Number(target & 0xffff_ffffn);
  return OUTCOME.jumped;
};

/** SYSEXIT, to ring 3: the instruction pointer from RDX, the stack pointer from RCX, with REX.W all of them. [SDM2-4.3] */
const exitSystem = (core: ProcessorCore, instruction: Instruction): Outcome => {
  const { state } = core;
  const refused = refuseOutsideRing0(core);
  if (refused !== null) return refused;
  const selector = enterSelector(core);
  if (state.isRealMode || selector === 0) return generalProtection(0);
  const isWide = instruction.operandBytes === 8;
  const target = state.wideRegister(REGISTER.rdx);
  const pointer = state.wideRegister(REGISTER.rcx);
  if (isWide && !(isCanonicalValue(target) && isCanonicalValue(pointer))) return generalProtection(0);
  const first = selector + (isWide ? 32 : 16);
  state.setSegment(SEGMENT.cs, flatCode((first | 3) & 0xffff, 3, isWide));
  state.setSegment(SEGMENT.ss, flatData(((first + 8) | 3) & 0xffff, 3));
  state.setWideRegister(REGISTER.rsp, isWide ? pointer : pointer & 0xffff_ffffn);
  state.instructionPointer = isWide ? addressOfValue(target) : Number(target & 0xffff_ffffn);
  return OUTCOME.jumped;
};

/** Whether SYSCALL and SYSRET exist: in 64-bit code, where EFER allows them. */
const hasSystemCalls = (core: ProcessorCore): boolean =>
  core.state.isWideCode && (core.state.u32(STATE.msr + 8 * MSR_SLOT.efer) & EFER.sce) !== 0;

/** A selector of STAR: bits 47:32 for SYSCALL, 63:48 for SYSRET. */
const starSelector = (core: ProcessorCore, shift: bigint): number =>
  Number((core.state.msr(MSR_SLOT.star) >> shift) & 0xffffn);

/** SYSCALL, to 64-bit code of ring 0; to be emulated where a monitor has that. [SDM2-4.3 "SYSCALL"] */
const callSystem = (core: ProcessorCore, instruction: Instruction): Outcome => {
  const { state } = core;
  if (!hasSystemCalls(core)) return invalidOpcode();
  if (core.environment.isMonitored) return OUTCOME.privileged;
  const selector = starSelector(core, 32n);
  const { flags } = state;
  state.setWideRegister(REGISTER.rcx, valueOfAddress(nextInstruction(core, instruction)));
  state.setWideRegister(REGISTER.r11, BigInt(flags >>> 0));
  state.setSegment(SEGMENT.cs, flatCode(selector & 0xfffc, 0, true));
  state.setSegment(SEGMENT.ss, flatData((selector + 8) & 0xffff, 0));
  state.flags = flags & ~Number(state.msr(MSR_SLOT.fmask)) & ~FLAG.rf;
  state.instructionPointer = addressOfValue(state.msr(MSR_SLOT.lstar));
  return OUTCOME.jumped;
};

/** Flags that SYSRET takes from R11: all but RF and VM. */
const RETURNED_FLAGS = 0x3c_7fd7;

/** SYSRET, to ring 3: to 64-bit code with REX.W, else to compatibility mode. [SDM2-4.3 "SYSRET"] */
const returnSystem = (core: ProcessorCore, instruction: Instruction): Outcome => {
  const { state } = core;
  if (!hasSystemCalls(core)) return invalidOpcode();
  const refused = refuseOutsideRing0(core);
  if (refused !== null) return refused;
  const isWide = instruction.operandBytes === 8;
  const target = state.wideRegister(REGISTER.rcx);
  if (isWide && !isCanonicalValue(target)) return generalProtection(0);
  const selector = starSelector(core, 48n);
  const code = isWide ? selector + 16 : selector;
  state.flags = Number(state.wideRegister(REGISTER.r11) & BigInt(RETURNED_FLAGS));
  state.setSegment(SEGMENT.cs, flatCode((code | 3) & 0xffff, 3, isWide));
  state.setSegment(SEGMENT.ss, flatData(((selector + 8) | 3) & 0xffff, 3));
  state.instructionPointer = isWide ? addressOfValue(target) : Number(target & 0xffff_ffffn);
  return OUTCOME.jumped;
};

/** SWAPGS. Exists in 64-bit code only: the decoder sees to that. [SDM2-4.3] */
const swapBase = (core: ProcessorCore): Outcome => {
  const { state } = core;
  const refused = refuseOutsideRing0(core);
  if (refused !== null) return refused;
  const base = segmentBaseValue(state, SEGMENT.gs);
  setSegmentBaseValue(state, SEGMENT.gs, state.msr(MSR_SLOT.kernelGsBase));
  state.setMsr(MSR_SLOT.kernelGsBase, base);
  return OUTCOME.next;
};

/** SYSENTER, SYSEXIT, SYSCALL, SYSRET, SWAPGS. */
export const FAST_SYSTEM_CALLS: Readonly<Record<string, SystemOperation>> = {
  sysenter: enterSystem,
  sysexit: exitSystem,
  syscall: callSystem,
  sysret: returnSystem,
  swapgs: swapBase,
};
