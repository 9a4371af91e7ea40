import { packFault, REGISTER, VECTOR } from "@xenolith/x86-architecture";
import type { Instruction } from "../decoder/instruction.ts";
import {
  accessFault,
  isAccessFault,
  OUTCOME,
  type Outcome,
  type SystemOperation,
} from "../engine/system-operations.ts";
import type { VcpuState } from "../state/vcpu-state.ts";

const { rax, rbx } = REGISTER;

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
  const index = state.register(rax) & 0xff;
  const at = core.operands.linear(instruction.segment, tableOffset(state, instruction, index), 1, false);
  if (isAccessFault(at)) return accessFault(at);
  const value = core.memory.read8(at);
  if (isAccessFault(value)) return accessFault(value);
  state.setRegister16(rax, (state.register(rax) & 0xff00) | value);
  return OUTCOME.next;
};

const tableOffset = (state: VcpuState, { addressBytes }: Instruction, index: number): number => {
  if (addressBytes === 8) return Number(BigInt.asIntN(64, state.wideRegister(rbx) + BigInt(index)));
  const sum = state.register(rbx) + index;
  return addressBytes === 2 ? sum & 0xffff : sum >>> 0;
};

const undefinedOpcode = (): Outcome => packFault(VECTOR.invalidOpcode, 0);

/** Instructions of the integer set that are too rare for generated code. [SDM2A-3.2] [SDM2B-4.3] */
export const RARE: Readonly<Record<string, SystemOperation>> = {
  bound,
  xlat: translateByte,
  ud: undefinedOpcode,
  ud0: undefinedOpcode,
  ud1: undefinedOpcode,
  ud2: undefinedOpcode,
  "too-long": () => packFault(VECTOR.generalProtection, 0),
};
