import { FLAG } from "@xenolith/x86-architecture";
import type { Instruction } from "../decoder/instruction.ts";
import {
  accessFault,
  isAccessFault,
  OUTCOME,
  type Outcome,
  type ProcessorCore,
  type SystemOperation,
} from "../engine/system-operations.ts";
import { generalProtection } from "./faults.ts";
import { changeableFlags, hasIoPrivilege, ioPrivilege } from "./flag-permissions.ts";
import { wordOrDoubleword } from "./instruction-flow.ts";

/** CLI or STI without IOPL: the monitor's affair where there is one. */
const refuseWithoutIoPrivilege = (core: ProcessorCore): Outcome | null => {
  if (hasIoPrivilege(core.state)) return null;
  return core.environment.isMonitored ? OUTCOME.privileged : generalProtection(0);
};

const clearInterrupts = (core: ProcessorCore): Outcome => {
  const refused = refuseWithoutIoPrivilege(core);
  if (refused !== null) return refused;
  core.state.systemFlags &= ~FLAG.if;
  return OUTCOME.next;
};

/** STI lets interrupts in only after one more instruction, unless they were let in already. [SDM2-4.3] */
const setInterrupts = (core: ProcessorCore): Outcome => {
  const refused = refuseWithoutIoPrivilege(core);
  if (refused !== null) return refused;
  if ((core.state.systemFlags & FLAG.if) !== 0) return OUTCOME.next;
  core.state.systemFlags |= FLAG.if;
  return OUTCOME.shadow;
};

const isVirtual8086WithoutIoPrivilege = (core: ProcessorCore): boolean =>
  core.state.isVirtual8086 && ioPrivilege(core.state) < 3;

/** PUSHF: VM and RF read as 0. [SDM2-4.3] */
const pushFlags = (core: ProcessorCore, instruction: Instruction): Outcome => {
  if (isVirtual8086WithoutIoPrivilege(core)) return generalProtection(0);
  const image = core.state.flags & ~(FLAG.vm | FLAG.rf);
  return core.operands.push(image >>> 0, wordOrDoubleword(instruction.operandBytes));
};

/** POPF: what may not be changed stays, without a fault; RF becomes 0. [SDM2-4.3] */
const popFlags = (core: ProcessorCore, instruction: Instruction): Outcome => {
  const { state, operands } = core;
  if (isVirtual8086WithoutIoPrivilege(core)) return generalProtection(0);
  const sizeBytes = wordOrDoubleword(instruction.operandBytes);
  const value = operands.peek(0, sizeBytes);
  if (isAccessFault(value)) return accessFault(value);
  operands.adjustStack(sizeBytes);
  const width = sizeBytes === 4 ? 0xffff_ffff : 0xffff;
  const changeable = changeableFlags(state) & width;
  const kept = state.flags & ~changeable & (sizeBytes === 4 ? ~FLAG.rf : 0xffff_ffff);
  state.flags = kept | (value & changeable);
  return OUTCOME.next;
};

/** CLI, STI, PUSHF, POPF. */
export const FLAG_OPERATIONS: Readonly<Record<string, SystemOperation>> = {
  cli: clearInterrupts,
  sti: setInterrupts,
  pushf: pushFlags,
  popf: popFlags,
};
