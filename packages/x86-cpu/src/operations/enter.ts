import { type PackedFault, REGISTER, SEGMENT } from "@xenolith/x86-architecture";
import {
  accessFault,
  isAccessFault,
  OUTCOME,
  type ProcessorCore,
  type SystemOperation,
} from "../engine/system-operations.ts";
import { STATE } from "../state/layout.ts";

const { rsp, rbp } = REGISTER;

type FrameBytes = 2 | 4 | 8;

/** How offsets in SS are counted: 64-bit code uses all of RSP, other code what the stack's size says. */
interface StackShape {
  /** A register as an offset, before it wraps. */
  register(index: number): number;
  wrap(offset: number): number;
  /** The whole register when its part that counts becomes `offset`. */
  merged(offset: number): number;
  setRegister(index: number, value: number): void;
}

const narrowStack = ({ state }: ProcessorCore): StackShape => {
  const mask = state.u32(STATE.stackMask);
  const pointer = state.register(rsp);
  return {
    register: (index) => state.register(index),
    wrap: (offset) => (offset & mask) >>> 0,
    merged: (offset) => ((pointer & ~mask) | (offset & mask)) >>> 0,
    setRegister: (index, value) => state.setRegister(index, value),
  };
};

const wideStack = ({ state }: ProcessorCore): StackShape => ({
  register: (index) => state.addressRegister(index),
  wrap: (offset) => offset,
  merged: (offset) => offset,
  setRegister: (index, value) => state.setAddress(STATE.registers + 8 * index, value),
});

/** Pushes one value at `offset` in SS. Returns 0 or the fault. */
const store = (core: ProcessorCore, offset: number, size: FrameBytes, value: number): PackedFault | 0 => {
  const at = core.operands.linear(SEGMENT.ss, offset, size, true);
  if (isAccessFault(at)) return accessFault(at);
  if (size === 2) return core.memory.write16(at, value & 0xffff);
  if (size === 4) return core.memory.write32(at, value);
  return core.memory.write64(at, value >>> 0, Math.floor(value / 0x1_0000_0000) >>> 0);
};

/** Pushes all of RBP, which need not be an address. Returns 0 or the fault. */
const storeFramePointer = (core: ProcessorCore, offset: number, size: FrameBytes): PackedFault | 0 => {
  const { state, memory, operands } = core;
  if (size !== 8) return store(core, offset, size, state.register(rbp));
  const at = operands.linear(SEGMENT.ss, offset, size, true);
  if (isAccessFault(at)) return accessFault(at);
  const place = STATE.registers + 8 * rbp;
  return memory.write64(at, state.u32(place), state.u32(place + 4));
};

/** Copies an outer frame pointer from `from` to `to`, both offsets in SS. Returns 0 or the fault. */
const copy = (core: ProcessorCore, from: number, to: number, size: FrameBytes): PackedFault | 0 => {
  const { memory, operands } = core;
  const at = operands.linear(SEGMENT.ss, from, size, false);
  if (isAccessFault(at)) return accessFault(at);
  if (size === 8) {
    const fault = memory.read64(at);
    if (fault !== 0) return fault;
    const { low, high } = memory;
    const target = operands.linear(SEGMENT.ss, to, size, true);
    return isAccessFault(target) ? accessFault(target) : memory.write64(target, low, high);
  }
  const value = size === 2 ? memory.read16(at) : memory.read32(at);
  return isAccessFault(value) ? accessFault(value) : store(core, to, size, value);
};

/**
 * ENTER. Registers change only when all accesses have succeeded; what was pushed before a fault stays in memory, as on
 * silicon. The last access checks that the new top of the stack can be written. [SDM2A-3.2 "ENTER"]
 */
const enter: SystemOperation = (core, instruction) => {
  const { operands, memory } = core;
  const { operandBytes } = instruction;
  const size: FrameBytes = operandBytes === 2 ? 2 : operandBytes === 8 ? 8 : 4;
  const stack = core.state.isWideCode ? wideStack(core) : narrowStack(core);
  const level = operands.read(instruction, 1, 1) & 31;
  const pointer = stack.register(rsp);
  const below = (count: number): number => stack.wrap(pointer - size * count);
  const frame = stack.merged(pointer - size);
  let fault = storeFramePointer(core, below(1), size);
  for (let outer = 1; outer < level && fault === 0; outer++) {
    fault = copy(core, stack.wrap(stack.register(rbp) - size * outer), below(outer + 1), size);
  }
  if (level > 0 && fault === 0) fault = store(core, below(level + 1), size, frame);
  if (fault !== 0) return fault;
  const top = stack.merged(pointer - size * (level + 1) - operands.read(instruction, 0, 2));
  const at = operands.linear(SEGMENT.ss, stack.wrap(top), size, true);
  if (isAccessFault(at)) return accessFault(at);
  fault = memory.checkWrite(at, size);
  if (fault !== 0) return fault;
  if (size === 2) core.state.setRegister16(rbp, frame & 0xffff);
  else stack.setRegister(rbp, frame);
  stack.setRegister(rsp, top);
  return OUTCOME.next;
};

/** ENTER alone: LEAVE is done by generated code. */
export const FRAME: Readonly<Record<string, SystemOperation>> = { enter };
