import { CR0, type PackedFault, packFault, REGISTER, SEGMENT, VECTOR } from "@xenolith/x86-architecture";
import type { Instruction } from "../decoder/instruction.ts";
import {
  accessFault,
  isAccessFault,
  OUTCOME,
  type Outcome,
  type ProcessorCore,
  type SystemOperation,
} from "../engine/system-operations.ts";
import { STATE } from "../state/layout.ts";

const { rax, rbx, rsp, rbp } = REGISTER;

const signed = (value: number, sizeBytes: number): number =>
  sizeBytes === 2 ? (value << 16) >> 16 : value | 0;

/** BOUND: an index against a pair of signed limits. [SDM2A-3.2 "BOUND"] */
const bound: SystemOperation = (core, instruction) => {
  const size = instruction.operandBytes === 2 ? 2 : 4;
  const limits = instruction.operands[1];
  if (limits?.kind !== "memory") return packFault(VECTOR.invalidOpcode, 0);
  const offset = core.operands.offsetOf(instruction, limits);
  const at = core.operands.linear(limits.segment, offset, 2 * size, false);
  if (isAccessFault(at)) return accessFault(at);
  const read = (place: number): number =>
    size === 2 ? core.memory.read16(place) : core.memory.read32(place);
  const fault = core.memory.checkRead(at, 2 * size);
  if (fault !== 0) return fault;
  const index = signed(core.operands.read(instruction, 0, size), size);
  const isInside = index >= signed(read(at), size) && index <= signed(read((at + size) >>> 0), size);
  return isInside ? OUTCOME.next : packFault(VECTOR.boundRange, 0);
};

/** XLAT: AL = byte at (E)BX + AL. */
const translateByte: SystemOperation = (core, instruction) => {
  const { state } = core;
  const sum = state.register(rbx) + (state.register(rax) & 0xff);
  const offset = instruction.addressBytes === 2 ? sum & 0xffff : sum >>> 0;
  const at = core.operands.linear(instruction.segment, offset, 1, false);
  if (isAccessFault(at)) return accessFault(at);
  const value = core.memory.read8(at);
  if (isAccessFault(value)) return accessFault(value);
  state.setRegister16(rax, (state.register(rax) & 0xff00) | value);
  return OUTCOME.next;
};

/** Pushes one value at `offset` in SS. Returns 0 or the fault. */
const storeOnStack = (core: ProcessorCore, offset: number, size: 2 | 4, value: number): PackedFault | 0 => {
  const at = core.operands.linear(SEGMENT.ss, offset, size, true);
  if (isAccessFault(at)) return accessFault(at);
  return size === 2 ? core.memory.write16(at, value & 0xffff) : core.memory.write32(at, value);
};

/** Copies an outer frame pointer from `from` to `to`, both offsets in SS. Returns 0 or the fault. */
const copyOnStack = (core: ProcessorCore, from: number, to: number, size: 2 | 4): PackedFault | 0 => {
  const at = core.operands.linear(SEGMENT.ss, from, size, false);
  if (isAccessFault(at)) return accessFault(at);
  const value = size === 2 ? core.memory.read16(at) : core.memory.read32(at);
  return isAccessFault(value) ? accessFault(value) : storeOnStack(core, to, size, value);
};

/**
 * ENTER. Registers change only when all accesses have succeeded; what was pushed before a fault stays in memory, as on
 * silicon. The last access checks that the new top of the stack can be written. [SDM2A-3.2 "ENTER"]
 */
const enter: SystemOperation = (core, instruction) => {
  const { state, operands, memory } = core;
  const size = instruction.operandBytes === 2 ? 2 : 4;
  const mask = state.u32(STATE.stackMask);
  const level = operands.read(instruction, 1, 1) & 31;
  const pointer = state.register(rsp);
  const merge = (value: number): number => ((pointer & ~mask) | (value & mask)) >>> 0;
  const below = (count: number): number => ((pointer - size * count) & mask) >>> 0;
  const frame = merge(pointer - size);
  let fault = storeOnStack(core, below(1), size, state.register(rbp));
  for (let outer = 1; outer < level && fault === 0; outer++) {
    fault = copyOnStack(core, ((state.register(rbp) - size * outer) & mask) >>> 0, below(outer + 1), size);
  }
  if (level > 0 && fault === 0) fault = storeOnStack(core, below(level + 1), size, frame);
  if (fault !== 0) return fault;
  const top = merge(pointer - size * (level + 1) - operands.read(instruction, 0, 2));
  const at = operands.linear(SEGMENT.ss, (top & mask) >>> 0, size, true);
  if (isAccessFault(at)) return accessFault(at);
  fault = memory.checkWrite(at, size);
  if (fault !== 0) return fault;
  if (size === 2) state.setRegister16(rbp, frame & 0xffff);
  else state.setRegister(rbp, frame);
  state.setRegister(rsp, top);
  return OUTCOME.next;
};

const undefinedOpcode = (): Outcome => packFault(VECTOR.invalidOpcode, 0);

/** WAIT: #NM while another task's x87 state may be in place. [SDM3A-2.5] */
const wait: SystemOperation = ({ state }) => {
  const both = CR0.mp | CR0.ts;
  return (state.control(0) & both) === both ? packFault(VECTOR.deviceNotAvailable, 0) : OUTCOME.next;
};

/** x87 on a processor without one: #NM where the system asks for it, else #UD. */
const absentUnit = ({ state }: ProcessorCore, _instruction: Instruction): Outcome =>
  packFault(
    (state.control(0) & (CR0.em | CR0.ts)) !== 0 ? VECTOR.deviceNotAvailable : VECTOR.invalidOpcode,
    0,
  );

/** Instructions of the integer set that are too rare for generated code. [SDM2A-3.2] [SDM2B-4.3] */
export const RARE: Readonly<Record<string, SystemOperation>> = {
  bound,
  enter,
  xlat: translateByte,
  wait,
  x87: absentUnit,
  ud: undefinedOpcode,
  ud0: undefinedOpcode,
  ud1: undefinedOpcode,
  ud2: undefinedOpcode,
  "too-long": () => packFault(VECTOR.generalProtection, 0),
};
