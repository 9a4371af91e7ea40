import { FLAG, REGISTER, SEGMENT, type SegmentState } from "@xenolith/x86-architecture";
import {
  OUTCOME,
  type Outcome,
  type ProcessorCore,
  type SystemOperation,
} from "../engine/system-operations.ts";
import { MSR_SLOT } from "../state/layout.ts";
import { generalProtection } from "./faults.ts";
import { refuseOutsideRing0 } from "./instruction-flow.ts";

/** Flat 4 GiB code and data segments, present and accessed, at a privilege level. */
const flatCode = (selector: number, privilege: number): SegmentState => ({
  selector,
  base: 0,
  limit: 0xffff_ffff,
  attributes: 0xc09b | (privilege << 5),
});
const flatData = (selector: number, privilege: number): SegmentState => ({
  selector,
  base: 0,
  limit: 0xffff_ffff,
  attributes: 0xc093 | (privilege << 5),
});

const enterSelector = (core: ProcessorCore): number => Number(core.state.msr(MSR_SLOT.sysenterCs) & 0xfffcn);

/** SYSENTER, to ring 0. Under a monitor ring 0 is not the guest's to enter. [SDM2-4.3] */
const enterSystem = (core: ProcessorCore): Outcome => {
  const { state } = core;
  const selector = enterSelector(core);
  if (core.environment.isMonitored || state.isRealMode || selector === 0) return generalProtection(0);
  state.systemFlags &= ~(FLAG.vm | FLAG.if);
  state.setSegment(SEGMENT.cs, flatCode(selector, 0));
  state.setSegment(SEGMENT.ss, flatData(selector + 8, 0));
  state.setRegister(REGISTER.rsp, Number(state.msr(MSR_SLOT.sysenterEsp)));
  state.instructionPointer = Number(state.msr(MSR_SLOT.sysenterEip));
  return OUTCOME.jumped;
};

/** SYSEXIT, to ring 3: EIP from EDX, ESP from ECX. [SDM2-4.3] */
const exitSystem = (core: ProcessorCore): Outcome => {
  const { state } = core;
  const refused = refuseOutsideRing0(core);
  if (refused !== null) return refused;
  const selector = enterSelector(core);
  if (state.isRealMode || selector === 0) return generalProtection(0);
  state.setSegment(SEGMENT.cs, flatCode((selector + 16) | 3, 3));
  state.setSegment(SEGMENT.ss, flatData((selector + 24) | 3, 3));
  state.setRegister(REGISTER.rsp, state.register(REGISTER.rcx));
  state.instructionPointer = state.register(REGISTER.rdx);
  return OUTCOME.jumped;
};

/** SYSENTER and SYSEXIT. */
export const FAST_SYSTEM_CALLS: Readonly<Record<string, SystemOperation>> = {
  sysenter: enterSystem,
  sysexit: exitSystem,
};
