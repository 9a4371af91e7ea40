import { FLAG, REGISTER, SEGMENT } from "@xenolith/x86-architecture";
import type { Instruction } from "../decoder/instruction.ts";
import {
  accessFault,
  isAccessFault,
  OUTCOME,
  type Outcome,
  type ProcessorCore,
  type SystemOperation,
} from "../engine/system-operations.ts";
import type { VcpuState } from "../state/vcpu-state.ts";
import { generalProtection } from "./faults.ts";
import { hasIoPrivilege } from "./flag-permissions.ts";
import { segmentPlace } from "./memory-place.ts";
import { isPortPermitted } from "./task-state.ts";

type PortBytes = 1 | 2 | 4;

/** Bytes of the transfer: the operand size, at most 4. */
const transferBytes = (instruction: Instruction): PortBytes =>
  instruction.operandBytes === 1 ? 1 : instruction.operandBytes === 2 ? 2 : 4;

/** Port of IN and OUT: an immediate operand, else DX. */
export const portOf = (state: VcpuState, instruction: Instruction): number => {
  for (const operand of instruction.operands) if (operand.kind === "immediate") return operand.value & 0xff;
  return state.register(REGISTER.rdx) & 0xffff;
};

/** Whether the port may be used: null, or what becomes of the instruction. [SDM1-19.5] */
const refusePort = (core: ProcessorCore, port: number, sizeBytes: PortBytes): Outcome | null => {
  if (core.environment.isMonitored) return OUTCOME.privileged;
  if (hasIoPrivilege(core.state)) return null;
  const permitted = isPortPermitted(core, port, sizeBytes);
  if (typeof permitted === "number") return permitted;
  return permitted ? null : generalProtection(0);
};

const readPort = (core: ProcessorCore, instruction: Instruction): Outcome => {
  const { state, environment } = core;
  const sizeBytes = transferBytes(instruction);
  const port = portOf(state, instruction);
  const refused = refusePort(core, port, sizeBytes);
  if (refused !== null) return refused;
  const value = environment.portIn(port, sizeBytes);
  const before = state.register(REGISTER.rax);
  const mask = sizeBytes === 4 ? 0xffff_ffff : 2 ** (8 * sizeBytes) - 1;
  const merged = ((before & ~mask) | (value & mask)) >>> 0;
  if (sizeBytes === 4) state.setRegister(REGISTER.rax, merged);
  else state.setRegister16(REGISTER.rax, merged & 0xffff);
  return OUTCOME.next;
};

const writePort = (core: ProcessorCore, instruction: Instruction): Outcome => {
  const { state, environment } = core;
  const sizeBytes = transferBytes(instruction);
  const port = portOf(state, instruction);
  const refused = refusePort(core, port, sizeBytes);
  if (refused !== null) return refused;
  const value = state.register(REGISTER.rax);
  environment.portOut(port, sizeBytes, sizeBytes === 4 ? value : value & (2 ** (8 * sizeBytes) - 1));
  return OUTCOME.next;
};

/** An index or count register at the address size: signed in 64-bit addressing. */
const addressRegister = (core: ProcessorCore, instruction: Instruction, index: number): number => {
  const { state } = core;
  if (instruction.addressBytes === 8) return state.addressRegister(index);
  return instruction.addressBytes === 4 ? state.register(index) : state.register(index) & 0xffff;
};

/** Adds to such a register. */
const addToRegister = (
  core: ProcessorCore,
  instruction: Instruction,
  index: number,
  distance: number,
): void => {
  const { state } = core;
  if (instruction.addressBytes === 8) {
    state.setWideRegister(index, BigInt.asUintN(64, state.wideRegister(index) + BigInt(distance)));
  } else if (instruction.addressBytes === 4) {
    state.setRegister(index, (state.register(index) + distance) >>> 0);
  } else state.setRegister16(index, (state.register(index) + distance) & 0xffff);
};

/** Moves an index register by one element, down when DF is set. */
const step = (core: ProcessorCore, instruction: Instruction, index: number, sizeBytes: number): void => {
  const distance = (core.state.systemFlags & FLAG.df) !== 0 ? -sizeBytes : sizeBytes;
  addToRegister(core, instruction, index, distance);
};

/** Runs one element of a string transfer and counts it where the instruction repeats. */
const transferOne = (
  core: ProcessorCore,
  instruction: Instruction,
  move: (sizeBytes: PortBytes, port: number) => Outcome,
): Outcome => {
  const repeats = instruction.repeat !== "none";
  const count = repeats ? addressRegister(core, instruction, REGISTER.rcx) : 1;
  if (count === 0) return OUTCOME.next;
  const sizeBytes = transferBytes(instruction);
  const port = core.state.register(REGISTER.rdx) & 0xffff;
  const outcome = refusePort(core, port, sizeBytes) ?? move(sizeBytes, port);
  if (outcome !== OUTCOME.next || !repeats) return outcome;
  addToRegister(core, instruction, REGISTER.rcx, -1);
  return count !== 1 ? OUTCOME.again : OUTCOME.next;
};

const read = (core: ProcessorCore, at: number, sizeBytes: PortBytes): number => {
  if (sizeBytes === 1) return core.memory.read8(at);
  return sizeBytes === 2 ? core.memory.read16(at) : core.memory.read32(at);
};

const write = (core: ProcessorCore, at: number, sizeBytes: PortBytes, value: number): Outcome => {
  if (sizeBytes === 1) return core.memory.write8(at, value & 0xff);
  return sizeBytes === 2 ? core.memory.write16(at, value & 0xffff) : core.memory.write32(at, value);
};

/** INS: the destination is checked before the port is read. [SDM2-3.2] */
const inputString = (core: ProcessorCore, instruction: Instruction): Outcome =>
  transferOne(core, instruction, (sizeBytes, port) => {
    const offset = addressRegister(core, instruction, REGISTER.rdi);
    const place = segmentPlace(core, SEGMENT.es, offset, sizeBytes, true);
    if (typeof place === "number") return place;
    const at = place.linear;
    const fault = core.memory.checkWrite(at, sizeBytes);
    if (fault !== 0) return fault;
    const outcome = write(core, at, sizeBytes, core.environment.portIn(port, sizeBytes));
    if (outcome === OUTCOME.next) step(core, instruction, REGISTER.rdi, sizeBytes);
    return outcome;
  });

const outputString = (core: ProcessorCore, instruction: Instruction): Outcome =>
  transferOne(core, instruction, (sizeBytes, port) => {
    const offset = addressRegister(core, instruction, REGISTER.rsi);
    const place = segmentPlace(core, instruction.segment, offset, sizeBytes, false);
    if (typeof place === "number") return place;
    const at = place.linear;
    const value = read(core, at, sizeBytes);
    if (isAccessFault(value)) return accessFault(value);
    core.environment.portOut(port, sizeBytes, value);
    step(core, instruction, REGISTER.rsi, sizeBytes);
    return OUTCOME.next;
  });

/** IN, OUT, INS, OUTS. */
export const PORTS: Readonly<Record<string, SystemOperation>> = {
  in: readPort,
  out: writePort,
  ins: inputString,
  outs: outputString,
};
