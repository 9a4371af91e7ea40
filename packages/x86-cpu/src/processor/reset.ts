import { ATTRIBUTE, CR0, FLAG, REGISTER, SEGMENT } from "@xenolith/x86-architecture";
import { INITIAL_MXCSR, RESET_X87_CONTROL } from "../state/floating-point-state.ts";
import { MSR_SLOT, STATE } from "../state/layout.ts";
import type { VcpuState } from "../state/vcpu-state.ts";

const DATA = ATTRIBUTE.present | ATTRIBUTE.codeOrData | ATTRIBUTE.writable | ATTRIBUTE.accessed;
const CODE = DATA | ATTRIBUTE.code;
const LAST_OFFSET = 0xffff;
/** Memory types after a reset, WB WT UC- UC twice; the APIC's place, of the bootstrap processor; fast string operations. */
const PAGE_ATTRIBUTES = 0x0007_0406_0007_0406n;
const APIC_BASE = 0xfee0_0900n;
const MISC_ENABLE = 1n;
/** Signature of family, model and stepping, in EDX after a reset. */
const SIGNATURE = 0x686;

/** x87 registers are zeros that are not empty. */
const resetFloatingPoint = (state: VcpuState): void => {
  const { floatingPoint } = state;
  state.setU32(STATE.xcr0, 1);
  floatingPoint.control = RESET_X87_CONTROL;
  floatingPoint.status = 0;
  floatingPoint.tags = 0xff;
  floatingPoint.mxcsr = INITIAL_MXCSR;
  for (let index = 0; index < 8; index++) floatingPoint.setRegister(index, 0n);
  for (let index = 0; index < 16; index++) floatingPoint.setVector(index, 0n);
};

/** Puts a processor into the state after a reset: real mode, at the last 16 bytes below 4 GiB. [SDM3A-9.1.1] */
export const resetState = (state: VcpuState): void => {
  state.setControl(0, CR0.et | CR0.nw | CR0.cd);
  for (const index of [2, 3, 4, 8]) state.setControl(index, 0);
  for (const slot of Object.values(MSR_SLOT)) state.setMsr(slot, 0n);
  state.setMsr(MSR_SLOT.pat, PAGE_ATTRIBUTES);
  state.setMsr(MSR_SLOT.apicBase, APIC_BASE);
  state.setMsr(MSR_SLOT.miscEnable, MISC_ENABLE);
  for (let index = REGISTER.rax; index <= REGISTER.r15; index++) state.setRegister(index, 0);
  state.flags = FLAG.fixed;
  state.setU32(STATE.pending, 0);
  for (const index of [SEGMENT.es, SEGMENT.ss, SEGMENT.ds, SEGMENT.fs, SEGMENT.gs]) {
    state.setSegment(index, { selector: 0, base: 0, limit: LAST_OFFSET, attributes: DATA });
  }
  state.setSegment(SEGMENT.cs, { selector: 0xf000, base: 0xffff_0000, limit: LAST_OFFSET, attributes: CODE });
  state.setSegment(SEGMENT.ldtr, { selector: 0, base: 0, limit: LAST_OFFSET, attributes: 0x82 });
  state.setSegment(SEGMENT.tr, { selector: 0, base: 0, limit: LAST_OFFSET, attributes: 0x8b });
  state.gdtr = { base: 0, limit: LAST_OFFSET };
  state.idtr = { base: 0, limit: LAST_OFFSET };
  for (const index of [0, 1, 2, 3]) state.setDebug(index, 0);
  state.setDebug(6, 0xffff_0ff0);
  state.setDebug(7, 0x400);
  state.setRegister(REGISTER.rdx, SIGNATURE);
  resetFloatingPoint(state);
  state.instructionPointer = 0xfff0;
};
