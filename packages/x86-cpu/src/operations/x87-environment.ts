import { CR0, packFault, VECTOR } from "@xenolith/x86-architecture";
import type { Instruction } from "../decoder/instruction.ts";
import { OUTCOME, type ProcessorCore, type SystemOperation } from "../engine/system-operations.ts";
import { INITIAL_X87_CONTROL } from "../state/floating-point-state.ts";
import { STATE } from "../state/layout.ts";
import { X87_OPCODE_BITS } from "../state/legacy-area.ts";
import type { VcpuState } from "../state/vcpu-state.ts";
import { CONTROL, STATUS } from "../x87/registers.ts";
import { createImage, type MemoryImage, prepareImage, readImage } from "./memory-image.ts";

const REGISTER_BYTES = 10;
const EXCEPTION_MASKS = 0x3f;

/** Kinds of a register in the full tag word. [SDM1-8.1.7] */
const TAG = { valid: 0, zero: 1, special: 2, empty: 3 } as const;

const tagOf = (value: bigint): number => {
  const exponent = Number((value >> 64n) & 0x7fffn);
  const mantissa = value & 0xffff_ffff_ffff_ffffn;
  if (exponent === 0 && mantissa === 0n) return TAG.zero;
  const isNormal = exponent !== 0 && exponent !== 0x7fff && mantissa >> 63n === 1n;
  return isNormal ? TAG.valid : TAG.special;
};

/** The full tag word: two bits for each physical register. */
const fullTags = ({ floatingPoint }: VcpuState): number => {
  let word = 0;
  for (let physical = 0; physical < 8; physical++) {
    const isUsed = ((floatingPoint.tags >> physical) & 1) === 1;
    word |= (isUsed ? tagOf(floatingPoint.register(physical)) : TAG.empty) << (2 * physical);
  }
  return word;
};

/** The abridged tags that a full tag word means. */
const abridgedTags = (word: number): number => {
  let tags = 0;
  for (let physical = 0; physical < 8; physical++) {
    if (((word >> (2 * physical)) & 3) !== TAG.empty) tags |= 1 << physical;
  }
  return tags;
};

/** Sets the summary bits of a status word from its exceptions and the control word. */
export const summarised = (status: number, control: number): number => {
  const rest = status & ~(STATUS.summary | STATUS.busy);
  return (rest & STATUS.exceptions & ~control) === 0 ? rest : rest | STATUS.summary | STATUS.busy;
};

/** A control word as it is kept: without the bits that do not exist. */
export const controlWord = (value: number): number => (value & CONTROL.writable) | CONTROL.set;

const isShort = (instruction: Instruction): boolean => instruction.operandBytes === 2;
const environmentBytes = (instruction: Instruction): number => (isShort(instruction) ? 14 : 28);

/** Whether pointers are stored as in real mode: 20 or 32-bit addresses without selectors. */
const hasRealFormat = ({ isRealMode, isVirtual8086 }: VcpuState): boolean => isRealMode || isVirtual8086;

const writeEnvironment = (state: VcpuState, instruction: Instruction, { view }: MemoryImage): void => {
  const { floatingPoint } = state;
  const short = isShort(instruction);
  const step = short ? 2 : 4;
  const put = (index: number, value: number): void => {
    if (short) view.setUint16(2 * index, value & 0xffff, true);
    else view.setUint32(4 * index, value >>> 0, true);
  };
  const reserved = short ? 0 : 0xffff_0000;
  put(0, floatingPoint.control | reserved);
  put(1, floatingPoint.status | reserved);
  put(2, fullTags(state) | reserved);
  const code = state.u32(STATE.x87InstructionPointer);
  const data = state.u32(STATE.x87DataPointer);
  const opcode = state.u32(STATE.x87Opcode) & X87_OPCODE_BITS;
  if (hasRealFormat(state)) {
    const codeLinear = code + (state.u32(STATE.x87CodeSelector) << 4);
    const dataLinear = data + (state.u32(STATE.x87DataSelector) << 4);
    put(3, (codeLinear & 0xffff) | reserved);
    put(4, (((codeLinear >>> 16) << 12) & (short ? 0xf000 : 0x0fff_f000)) | opcode);
    put(5, (dataLinear & 0xffff) | reserved);
    put(6, ((dataLinear >>> 16) << 12) & (short ? 0xf000 : 0x0fff_f000));
    return;
  }
  put(3, code);
  put(4, state.u32(STATE.x87CodeSelector) | (short ? 0 : opcode << 16));
  put(5, data);
  view.setUint16(6 * step, state.u32(STATE.x87DataSelector), true);
  if (!short) view.setUint16(6 * step + 2, 0xffff, true);
};

const readEnvironment = (state: VcpuState, instruction: Instruction, { view }: MemoryImage): void => {
  const { floatingPoint } = state;
  const short = isShort(instruction);
  const get = (index: number): number =>
    short ? view.getUint16(2 * index, true) : view.getUint32(4 * index, true);
  floatingPoint.control = controlWord(get(0));
  floatingPoint.status = summarised(get(1) & 0xffff, floatingPoint.control);
  floatingPoint.tags = abridgedTags(get(2));
  const middle = get(4);
  if (hasRealFormat(state)) {
    const upper = short ? 0xf000 : 0x0fff_f000;
    state.setAddress(STATE.x87InstructionPointer, (get(3) & 0xffff) | ((middle & upper) << 4));
    state.setAddress(STATE.x87DataPointer, (get(5) & 0xffff) | ((get(6) & upper) << 4));
    state.setU32(STATE.x87Opcode, middle & X87_OPCODE_BITS);
    state.setU32(STATE.x87CodeSelector, 0);
    state.setU32(STATE.x87DataSelector, 0);
    return;
  }
  state.setAddress(STATE.x87InstructionPointer, get(3));
  state.setU32(STATE.x87CodeSelector, middle & 0xffff);
  state.setU32(STATE.x87Opcode, short ? 0 : (middle >>> 16) & X87_OPCODE_BITS);
  state.setAddress(STATE.x87DataPointer, get(5));
  state.setU32(STATE.x87DataSelector, get(6) & 0xffff);
};

const top = ({ floatingPoint }: VcpuState): number => (floatingPoint.status >> 11) & 7;

/** Copies a register in stack order to an image. */
export const putStackRegister = (state: VcpuState, image: MemoryImage, index: number, at: number): void =>
  state.floatingPoint.storeRegister(top(state) + index, image.view, at);

/** Copies a register in stack order from an image. */
export const takeStackRegister = (state: VcpuState, image: MemoryImage, index: number, at: number): void =>
  state.floatingPoint.loadRegister(top(state) + index, image.view, at);

/** What FNINIT leaves. [SDM1-8.1.5] */
export const initialiseX87 = (state: VcpuState): void => {
  state.floatingPoint.control = INITIAL_X87_CONTROL;
  state.floatingPoint.status = 0;
  state.floatingPoint.tags = 0;
  for (const field of [STATE.x87Opcode, STATE.x87CodeSelector, STATE.x87DataSelector]) state.setU32(field, 0);
  state.setAddress(STATE.x87InstructionPointer, 0);
  state.setAddress(STATE.x87DataPointer, 0);
};

/** #NM where CR0 asks for it, or 0. [SDM3A-2.5] */
export const unavailableFault = ({ state }: ProcessorCore): number =>
  (state.control(0) & (CR0.em | CR0.ts)) === 0 ? 0 : packFault(VECTOR.deviceNotAvailable, 0);

/** That, and #MF where an unmasked exception is pending, for the instructions that wait. */
const pendingFault = (core: ProcessorCore): number => {
  const unavailable = unavailableFault(core);
  return unavailable === 0 ? unmaskedFault(core) : unavailable;
};

const unmaskedFault = ({ state }: ProcessorCore): number =>
  (state.floatingPoint.status & STATUS.summary) === 0 ? 0 : packFault(VECTOR.x87Error, 0);

const storeEnvironment: SystemOperation = (core, instruction) => {
  const unavailable = unavailableFault(core);
  if (unavailable !== 0) return unavailable;
  const image = createImage(environmentBytes(instruction));
  const target = prepareImage(core, instruction, image.bytes.length);
  if (typeof target === "number") return target;
  writeEnvironment(core.state, instruction, image);
  target.write(image);
  const { floatingPoint } = core.state;
  floatingPoint.control |= EXCEPTION_MASKS;
  floatingPoint.status = summarised(floatingPoint.status, floatingPoint.control);
  return OUTCOME.next;
};

const loadEnvironment: SystemOperation = (core, instruction) => {
  const pending = pendingFault(core);
  if (pending !== 0) return pending;
  const image = readImage(core, instruction, environmentBytes(instruction));
  if (typeof image === "number") return image;
  readEnvironment(core.state, instruction, image);
  return OUTCOME.next;
};

const save: SystemOperation = (core, instruction) => {
  const unavailable = unavailableFault(core);
  if (unavailable !== 0) return unavailable;
  const start = environmentBytes(instruction);
  const image = createImage(start + 8 * REGISTER_BYTES);
  const target = prepareImage(core, instruction, image.bytes.length);
  if (typeof target === "number") return target;
  writeEnvironment(core.state, instruction, image);
  for (let index = 0; index < 8; index++) {
    putStackRegister(core.state, image, index, start + REGISTER_BYTES * index);
  }
  target.write(image);
  initialiseX87(core.state);
  return OUTCOME.next;
};

const restore: SystemOperation = (core, instruction) => {
  const pending = pendingFault(core);
  if (pending !== 0) return pending;
  const start = environmentBytes(instruction);
  const image = readImage(core, instruction, start + 8 * REGISTER_BYTES);
  if (typeof image === "number") return image;
  readEnvironment(core.state, instruction, image);
  for (let index = 0; index < 8; index++) {
    takeStackRegister(core.state, image, index, start + REGISTER_BYTES * index);
  }
  return OUTCOME.next;
};

/** x87 instructions that move whole environments. [SDM1-8.1.10] */
export const X87_ENVIRONMENT: Readonly<Record<string, SystemOperation>> = {
  fnstenv: storeEnvironment,
  fldenv: loadEnvironment,
  fnsave: save,
  frstor: restore,
};
