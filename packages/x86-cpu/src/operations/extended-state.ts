import { CR0, CR4, packFault, REGISTER, VECTOR } from "@xenolith/x86-architecture";
import { OUTCOME, type ProcessorCore, type SystemOperation } from "../engine/system-operations.ts";
import { STATE } from "../state/layout.ts";
import {
  AREA_REGISTER_BYTES,
  LEGACY_AREA,
  LEGACY_POINTERS,
  MXCSR_MASK,
  X87_OPCODE_BITS,
} from "../state/legacy-area.ts";
import type { VcpuState } from "../state/vcpu-state.ts";
import { generalProtection, invalidOpcode } from "../system/faults.ts";
import { refuseOutsideRing0 } from "../system/instruction-flow.ts";
import { createImage, type MemoryImage, prepareImage, readImage } from "./memory-image.ts";
import {
  controlWord,
  initialiseX87,
  putStackRegister,
  summarised,
  takeStackRegister,
  unavailableFault,
} from "./x87-environment.ts";

/** The header behind it: components that are there, and a format that must be 0. [SDM1-13.4.2] */
const HEADER = { components: 512, format: 520, end: 576 } as const;

const X87_COMPONENT = 1;
const VECTOR_COMPONENT = 2;

const vectorCount = (state: VcpuState): number => (state.isWideCode ? 16 : 8);

const writePointers = (state: VcpuState, { view }: MemoryImage, isLong: boolean): void => {
  for (const { at, offset, selector } of LEGACY_POINTERS) {
    view.setUint32(at, state.u32(offset), true);
    if (isLong) view.setUint32(at + 4, state.u32(offset + 4), true);
    else view.setUint16(at + 4, state.u32(selector), true);
  }
};

const readPointers = (state: VcpuState, { view }: MemoryImage, isLong: boolean): void => {
  for (const { at, offset, selector } of LEGACY_POINTERS) {
    state.setU32(offset, view.getUint32(at, true));
    state.setU32(offset + 4, isLong ? view.getUint32(at + 4, true) : 0);
    state.setU32(selector, isLong ? 0 : view.getUint16(at + 4, true));
  }
};

const writeX87 = (state: VcpuState, image: MemoryImage, isLong: boolean): void => {
  const { view } = image;
  const { floatingPoint } = state;
  view.setUint16(LEGACY_AREA.control, floatingPoint.control, true);
  view.setUint16(LEGACY_AREA.status, floatingPoint.status, true);
  view.setUint8(LEGACY_AREA.tags, floatingPoint.tags);
  view.setUint16(LEGACY_AREA.opcode, state.u32(STATE.x87Opcode), true);
  writePointers(state, image, isLong);
  for (let index = 0; index < 8; index++)
    putStackRegister(state, image, index, LEGACY_AREA.x87 + AREA_REGISTER_BYTES * index);
};

const readX87 = (state: VcpuState, image: MemoryImage, isLong: boolean): void => {
  const { view } = image;
  const { floatingPoint } = state;
  floatingPoint.control = controlWord(view.getUint16(LEGACY_AREA.control, true));
  floatingPoint.status = summarised(view.getUint16(LEGACY_AREA.status, true), floatingPoint.control);
  floatingPoint.tags = view.getUint8(LEGACY_AREA.tags);
  state.setU32(STATE.x87Opcode, view.getUint16(LEGACY_AREA.opcode, true) & X87_OPCODE_BITS);
  readPointers(state, image, isLong);
  for (let index = 0; index < 8; index++)
    takeStackRegister(state, image, index, LEGACY_AREA.x87 + AREA_REGISTER_BYTES * index);
};

const writeVectors = (state: VcpuState, { view }: MemoryImage): void => {
  view.setUint32(LEGACY_AREA.mxcsr, state.floatingPoint.mxcsr, true);
  view.setUint32(LEGACY_AREA.mxcsrMask, MXCSR_MASK, true);
  for (let index = 0; index < vectorCount(state); index++)
    state.floatingPoint.storeVector(index, view, LEGACY_AREA.vectors + AREA_REGISTER_BYTES * index);
};

const readVectors = (state: VcpuState, { view }: MemoryImage): void => {
  for (let index = 0; index < vectorCount(state); index++)
    state.floatingPoint.loadVector(index, view, LEGACY_AREA.vectors + AREA_REGISTER_BYTES * index);
};

const vectorsEnd = (state: VcpuState): number =>
  LEGACY_AREA.vectors + AREA_REGISTER_BYTES * vectorCount(state);

/** FXSAVE. [SDM2A-3.3 "FXSAVE"] */
const saveLegacy: SystemOperation = (core, instruction) => {
  const unavailable = unavailableFault(core);
  if (unavailable !== 0) return unavailable;
  const target = prepareImage(core, instruction, LEGACY_AREA.bytes, 16);
  if (typeof target === "number") return target;
  const image = createImage(LEGACY_AREA.bytes);
  writeX87(core.state, image, instruction.operandBytes === 8);
  writeVectors(core.state, image);
  target.write(image, 0, vectorsEnd(core.state));
  return OUTCOME.next;
};

/** FXRSTOR. [SDM2A-3.3 "FXRSTOR"] */
const restoreLegacy: SystemOperation = (core, instruction) => {
  const unavailable = unavailableFault(core);
  if (unavailable !== 0) return unavailable;
  const image = readImage(core, instruction, LEGACY_AREA.bytes, 16);
  if (typeof image === "number") return image;
  const mxcsr = image.view.getUint32(LEGACY_AREA.mxcsr, true);
  if ((mxcsr & ~MXCSR_MASK) !== 0) return generalProtection(0);
  readX87(core.state, image, instruction.operandBytes === 8);
  readVectors(core.state, image);
  core.state.floatingPoint.mxcsr = mxcsr;
  return OUTCOME.next;
};

const lacksExtendedState = ({ state }: ProcessorCore): boolean => (state.control(4) & CR4.osxsave) === 0;

/** #NM after a task switch, or 0. CR0.EM does not matter to XSAVE and XRSTOR. */
const switchedFault = ({ state }: ProcessorCore): number =>
  (state.control(0) & CR0.ts) === 0 ? 0 : packFault(VECTOR.deviceNotAvailable, 0);

/** Components that are asked for in EAX and enabled in XCR0. */
const requested = ({ state }: ProcessorCore): number =>
  state.u32(STATE.xcr0) & state.register(REGISTER.rax) & (X87_COMPONENT | VECTOR_COMPONENT);

/** XSAVE and XSAVEOPT. All components count as in use. [SDM1-13.7] */
const saveExtended: SystemOperation = (core, instruction) => {
  if (lacksExtendedState(core)) return invalidOpcode();
  const unavailable = switchedFault(core);
  if (unavailable !== 0) return unavailable;
  const before = readImage(core, instruction, HEADER.end, 64);
  if (typeof before === "number") return before;
  const target = prepareImage(core, instruction, HEADER.end, 64);
  if (typeof target === "number") return target;
  const components = requested(core);
  if ((components & X87_COMPONENT) !== 0) writeX87(core.state, before, instruction.operandBytes === 8);
  if ((components & VECTOR_COMPONENT) !== 0) writeVectors(core.state, before);
  const present = before.view.getUint32(HEADER.components, true) | components;
  before.view.setUint32(HEADER.components, present, true);
  target.write(before, 0, HEADER.components + 4);
  return OUTCOME.next;
};

const isHeaderValid = (core: ProcessorCore, { bytes, view }: MemoryImage): boolean => {
  const components = view.getUint32(HEADER.components, true);
  const unknown = (components & ~core.state.u32(STATE.xcr0)) | view.getUint32(HEADER.components + 4, true);
  return unknown === 0 && bytes.subarray(HEADER.format, HEADER.format + 16).every((byte) => byte === 0);
};

/** XRSTOR: what is asked for and not there gets its initial state. [SDM1-13.8] */
const restoreExtended: SystemOperation = (core, instruction) => {
  if (lacksExtendedState(core)) return invalidOpcode();
  const unavailable = switchedFault(core);
  if (unavailable !== 0) return unavailable;
  const image = readImage(core, instruction, HEADER.end, 64);
  if (typeof image === "number") return image;
  if (!isHeaderValid(core, image)) return generalProtection(0);
  const { state } = core;
  const components = requested(core);
  const present = image.view.getUint32(HEADER.components, true);
  const mxcsr = image.view.getUint32(LEGACY_AREA.mxcsr, true);
  const usesVectors = (components & VECTOR_COMPONENT) !== 0;
  if (usesVectors && (mxcsr & ~MXCSR_MASK) !== 0) return generalProtection(0);
  if ((components & X87_COMPONENT) !== 0) {
    if ((present & X87_COMPONENT) !== 0) readX87(state, image, instruction.operandBytes === 8);
    else resetX87(state);
  }
  if (usesVectors) {
    const isPresent = (present & VECTOR_COMPONENT) !== 0;
    state.floatingPoint.mxcsr = mxcsr;
    readVectors(state, isPresent ? image : createImage(LEGACY_AREA.bytes));
  }
  return OUTCOME.next;
};

const resetX87 = (state: VcpuState): void => {
  initialiseX87(state);
  for (let physical = 0; physical < 8; physical++) state.floatingPoint.setRegister(physical, 0n);
};

/** XGETBV. [SDM2D-5.2] */
const readControl: SystemOperation = (core) => {
  if (lacksExtendedState(core)) return invalidOpcode();
  const { state } = core;
  if (state.register(REGISTER.rcx) !== 0) return generalProtection(0);
  state.setRegister(REGISTER.rax, state.u32(STATE.xcr0));
  state.setRegister(REGISTER.rdx, 0);
  return OUTCOME.next;
};

/** XSETBV: the x87 component cannot be switched off. [SDM2D-5.2] */
const writeControl: SystemOperation = (core) => {
  if (lacksExtendedState(core)) return invalidOpcode();
  const refused = refuseOutsideRing0(core);
  if (refused !== null) return refused;
  const { state } = core;
  const value = state.register(REGISTER.rax);
  const isKnown = (value & ~(X87_COMPONENT | VECTOR_COMPONENT)) === 0 && (value & X87_COMPONENT) !== 0;
  if (state.register(REGISTER.rcx) !== 0 || state.register(REGISTER.rdx) !== 0 || !isKnown) {
    return generalProtection(0);
  }
  state.setU32(STATE.xcr0, value);
  return OUTCOME.next;
};

/** Saving and restoring x87 and vector state as a whole. [SDM1-13] */
export const EXTENDED_STATE: Readonly<Record<string, SystemOperation>> = {
  fxsave: saveLegacy,
  fxrstor: restoreLegacy,
  xsave: saveExtended,
  xsaveopt: saveExtended,
  xrstor: restoreExtended,
  xgetbv: readControl,
  xsetbv: writeControl,
};
