import { type PackedFault, REGISTER } from "@xenolith/x86-architecture";
import {
  type AccessPrivilege,
  accessFault,
  isAccessFault,
  type ProcessorCore,
} from "../engine/system-operations.ts";
import { addressOfWords, isCanonicalRange } from "./canonical.ts";
import { stackFault } from "./faults.ts";
import { presentStack, pushFrame, setStackPointer } from "./stack-frame.ts";

/** Size of what a stack instruction moves. */
export type StackBytes = 2 | 4 | 8;

/** The stack that a frame of 64-bit code goes to. Its segment has neither base nor limit. */
export interface WideStack {
  /** Stack pointer before the frame is pushed. */
  readonly pointer: number;
  readonly access: AccessPrivilege;
  /** Error code of #SS where the frame leaves the canonical addresses. */
  readonly errorCode: number;
}

const writeValue = (
  core: ProcessorCore,
  at: number,
  value: bigint,
  sizeBytes: StackBytes,
  access: AccessPrivilege,
): PackedFault | 0 => {
  const low = Number(value & 0xffff_ffffn);
  if (sizeBytes === 8) {
    return core.memory.write64(at, low, Number((value >> 32n) & 0xffff_ffffn), access);
  }
  return sizeBytes === 4
    ? core.memory.write32(at, low, access)
    : core.memory.write16(at, low & 0xffff, access);
};

/**
 * Pushes values, first to last, whole or not at all; the register does not change.
 * @returns 0, or the fault of the first value that cannot be stored.
 */
export const pushWideFrame = (
  core: ProcessorCore,
  { pointer, access, errorCode }: WideStack,
  values: readonly bigint[],
  sizeBytes: StackBytes,
): PackedFault | 0 => {
  for (let position = 1; position <= values.length; position++) {
    const at = pointer - sizeBytes * position;
    if (!isCanonicalRange(at, sizeBytes)) return stackFault(errorCode);
    const fault = core.memory.checkWrite(at, sizeBytes, access);
    if (fault !== 0) return fault;
  }
  let at = pointer;
  for (const value of values) {
    at -= sizeBytes;
    const fault = writeValue(core, at, value, sizeBytes, access);
    if (fault !== 0) return fault;
  }
  return 0;
};

/** Values of the present stack, as words: unsigned, zero-extended. */
export interface StackValue {
  readonly low: number;
  readonly high: number;
}

/** A popped value as a signed address. */
export const addressOf = ({ low, high }: StackValue): number => addressOfWords(low, high);

/** A popped value, all of it. */
const wholeValue = ({ low, high }: StackValue): bigint => (BigInt(high) << 32n) | BigInt(low);

const peekWide = (core: ProcessorCore, offset: number, sizeBytes: StackBytes): StackValue | PackedFault => {
  const { state, memory } = core;
  const at = state.addressRegister(REGISTER.rsp) + offset;
  if (!isCanonicalRange(at, sizeBytes)) return stackFault(0);
  if (sizeBytes === 8) {
    const fault = memory.read64(at);
    return fault === 0 ? { low: memory.low, high: memory.high } : fault;
  }
  const value = sizeBytes === 4 ? memory.read32(at) : memory.read16(at);
  return isAccessFault(value) ? accessFault(value) : { low: value, high: 0 };
};

/** Reads the stack of the present code, `offset` bytes above its top, without moving it. Eight bytes in 64-bit code only. */
export const peekStack = (
  core: ProcessorCore,
  offset: number,
  sizeBytes: StackBytes,
): StackValue | PackedFault => {
  if (core.state.isWideCode) return peekWide(core, offset, sizeBytes);
  const value = core.operands.peek(offset, sizeBytes === 2 ? 2 : 4);
  return isAccessFault(value) ? accessFault(value) : { low: value, high: 0 };
};

/** Moves the stack pointer of the present code by some bytes. */
export const releaseStack = (core: ProcessorCore, bytes: number): void => {
  const { state } = core;
  if (state.isWideCode) {
    state.setWideRegister(REGISTER.rsp, BigInt.asUintN(64, state.wideRegister(REGISTER.rsp) + BigInt(bytes)));
  } else core.operands.adjustStack(bytes);
};

/**
 * Loads the stack pointer that a return popped: all of it for 64-bit code, else what SS, which must be the new one, uses.
 */
export const loadPoppedPointer = (core: ProcessorCore, value: StackValue, released: number): void => {
  const { state } = core;
  if (state.isWideCode) {
    state.setWideRegister(REGISTER.rsp, BigInt.asUintN(64, wholeValue(value) + BigInt(released)));
  } else setStackPointer(core, (value.low + released) >>> 0);
};

/**
 * Pushes on the stack of the present code, whatever that is, and moves its pointer.
 * @returns 0 or the fault; then nothing has changed.
 */
export const pushValues = (
  core: ProcessorCore,
  values: readonly bigint[],
  sizeBytes: StackBytes,
): PackedFault | 0 => {
  const { state } = core;
  if (state.isWideCode) {
    const pointer = state.addressRegister(REGISTER.rsp);
    const fault = pushWideFrame(core, { pointer, access: "current", errorCode: 0 }, values, sizeBytes);
    if (fault === 0) state.setAddressRegister(REGISTER.rsp, pointer - sizeBytes * values.length);
    return fault;
  }
  const words = values.map((value) => Number(value & 0xffff_ffffn));
  const pointer = pushFrame(core, presentStack(core), words, sizeBytes === 2 ? 2 : 4);
  if (pointer < 0) return -pointer;
  setStackPointer(core, pointer);
  return 0;
};

/** Whether the null selector of a stack segment may be loaded: for 64-bit code inside ring 3, with that code's RPL. */
export const allowsNullStack = (selector: number, privilege: number, isForWideCode: boolean): boolean =>
  isForWideCode && privilege < 3 && (selector & 3) === privilege;
