import { ATTRIBUTE, CR0, CR4, EFER, SEGMENT, SYSTEM_TYPE } from "@xenolith/x86-architecture";
import type { Instruction } from "../decoder/instruction.ts";
import {
  accessFault,
  isAccessFault,
  OUTCOME,
  type Outcome,
  type ProcessorCore,
  type SystemOperation,
} from "../engine/system-operations.ts";
import { MSR_SLOT, SEGMENT_FIELD, STATE } from "../state/layout.ts";
import { generalProtection, invalidOpcode } from "./faults.ts";
import { generalRegister, setGeneralRegister } from "./general-register.ts";
import { refuseOutsideRing0, wordOrDoubleword } from "./instruction-flow.ts";
import { hasBadEntries, keepRootEntries } from "./root-entries.ts";
import { featuresOf } from "./system-features.ts";

/** Bits of CR0 that exist; the others read as 0. */
const CR0_BITS =
  CR0.pe | CR0.mp | CR0.em | CR0.ts | CR0.et | CR0.ne | CR0.wp | CR0.am | CR0.nw | CR0.cd | CR0.pg;

/** Bits of CR0 and CR4 whose change makes PAE paging read its root again. [SDM3A-4.4.1] */
const ROOT_BITS_0 = CR0.cd | CR0.nw | CR0.pg;
const ROOT_BITS_4 = CR4.pae | CR4.pge | CR4.pse | CR4.smep;

const LAST_WORD = 0xffff_ffffn;

/** Bits of SMSW and LMSW: PE MP EM TS. */
const MACHINE_STATUS = CR0.pe | CR0.mp | CR0.em | CR0.ts;

/** CR8 is the task priority: four bits. [SDM3A-11.8.6] */
const TASK_PRIORITY = 0xfn;

const isRegister = (number: number): boolean =>
  number === 0 || number === 2 || number === 3 || number === 4 || number === 8;

/** Whether PAE paging would find reserved bits in the root entries. */
const hasBadRoot = (core: ProcessorCore, cr0: number, cr3: number, cr4: number): boolean => {
  const isPae = (cr0 & CR0.pg) !== 0 && (cr4 & CR4.pae) !== 0;
  const isLong = (efer(core) & EFER.lme) !== 0;
  return isPae && !isLong && hasBadEntries(core.machine, cr3);
};

const efer = (core: ProcessorCore): number => Number(core.state.msr(MSR_SLOT.efer));

/** Whether CR0 may turn paging on or off while IA-32e mode is enabled or active. [SDM3A-9.8.5] [SDM2-4.3 "MOV"] */
const allowsPagingChange = (core: ProcessorCore, isOn: boolean): boolean => {
  const { state } = core;
  if (!isOn) return !state.isWideCode;
  if ((efer(core) & EFER.lme) === 0) return true;
  const isWideSegment = (state.segmentField(SEGMENT.cs, SEGMENT_FIELD.attributes) & ATTRIBUTE.long) !== 0;
  const taskType = state.segmentField(SEGMENT.tr, SEGMENT_FIELD.attributes) & ATTRIBUTE.typeMask;
  return (
    (state.control(4) & CR4.pae) !== 0 &&
    !isWideSegment &&
    taskType !== SYSTEM_TYPE.tss16 &&
    taskType !== SYSTEM_TYPE.busyTss16
  );
};

const writeControl0 = (core: ProcessorCore, value: number): Outcome => {
  const { state } = core;
  if ((value & CR0.pg) !== 0 && (value & CR0.pe) === 0) return generalProtection(0);
  if ((value & CR0.nw) !== 0 && (value & CR0.cd) === 0) return generalProtection(0);
  const next = ((value & CR0_BITS) | CR0.et) >>> 0;
  const changed = next ^ state.control(0);
  const isPaging = (next & CR0.pg) !== 0;
  if ((changed & CR0.pg) !== 0 && !allowsPagingChange(core, isPaging)) return generalProtection(0);
  if ((changed & ROOT_BITS_0) !== 0 && hasBadRoot(core, next, state.control(3), state.control(4))) {
    return generalProtection(0);
  }
  if ((changed & CR0.pg) !== 0) {
    const isLong = isPaging && (efer(core) & EFER.lme) !== 0;
    state.setMsr(MSR_SLOT.efer, BigInt((efer(core) & ~EFER.lma) | (isLong ? EFER.lma : 0)));
  }
  if ((changed & ROOT_BITS_0) !== 0) keepRootEntries(core.machine, state);
  state.setControl(0, next);
  return OUTCOME.next;
};

const writeControl4 = (core: ProcessorCore, value: number): Outcome => {
  const { state } = core;
  if ((value & ~featuresOf(core.environment).control4) !== 0) return generalProtection(0);
  if (state.isLongMode && (value & CR4.pae) === 0) return generalProtection(0);
  const changed = value ^ state.control(4);
  if ((changed & ROOT_BITS_4) !== 0 && hasBadRoot(core, state.control(0), state.control(3), value)) {
    return generalProtection(0);
  }
  if ((changed & ROOT_BITS_4) !== 0) keepRootEntries(core.machine, state);
  state.setControl(4, value);
  return OUTCOME.next;
};

const moveTo = (core: ProcessorCore, instruction: Instruction): Outcome => {
  const operand = instruction.operands[0];
  const number = operand?.kind === "control" ? operand.register : -1;
  if (!isRegister(number)) return invalidOpcode();
  const refused = refuseOutsideRing0(core);
  if (refused !== null) return refused;
  const value = generalRegister(core, instruction, 1);
  switch (number) {
    case 0:
      return value > LAST_WORD ? generalProtection(0) : writeControl0(core, Number(value));
    case 4:
      return value > LAST_WORD ? generalProtection(0) : writeControl4(core, Number(value));
    case 3:
      return writeControl3(core, value);
    case 8:
      if ((value & ~TASK_PRIORITY) !== 0n) return generalProtection(0);
      core.state.setControl(8, Number(value));
      return OUTCOME.next;
    default:
      core.state.setWide(STATE.control + 8 * number, value);
      return OUTCOME.next;
  }
};

/** CR3: bits above the physical addresses are reserved; translations are forgotten, global ones too. */
const writeControl3 = (core: ProcessorCore, value: bigint): Outcome => {
  const { state } = core;
  if (value >> BigInt(featuresOf(core.environment).physicalAddressBits) !== 0n) return generalProtection(0);
  const root = Number(value);
  if (hasBadRoot(core, state.control(0), root, state.control(4))) return generalProtection(0);
  state.setControl(3, root);
  return OUTCOME.next;
};

const moveFrom = (core: ProcessorCore, instruction: Instruction): Outcome => {
  const operand = instruction.operands[1];
  const number = operand?.kind === "control" ? operand.register : -1;
  if (!isRegister(number)) return invalidOpcode();
  const refused = refuseOutsideRing0(core);
  if (refused !== null) return refused;
  setGeneralRegister(core, instruction, 0, core.state.wide(STATE.control + 8 * number));
  return OUTCOME.next;
};

/** LMSW: the low four bits of CR0; PE cannot be cleared. [SDM2-3.2] */
const loadStatus = (core: ProcessorCore, instruction: Instruction): Outcome => {
  const refused = refuseOutsideRing0(core);
  if (refused !== null) return refused;
  const value = core.operands.read(instruction, 0, 2);
  if (isAccessFault(value)) return accessFault(value);
  const before = core.state.control(0);
  return writeControl0(
    core,
    ((before & ~MACHINE_STATUS) | (value & MACHINE_STATUS) | (before & CR0.pe)) >>> 0,
  );
};

/** SMSW: 16 bits to memory, all of CR0 to a 32-bit register. [SDM2-4.3] */
const storeStatus = (core: ProcessorCore, instruction: Instruction): Outcome => {
  const isMemory = instruction.operands[0]?.kind === "memory";
  const sizeBytes = isMemory ? 2 : wordOrDoubleword(instruction.operandBytes);
  const value = core.state.control(0);
  return core.operands.write(instruction, 0, sizeBytes, sizeBytes === 2 ? value & 0xffff : value);
};

const clearTaskSwitched = (core: ProcessorCore): Outcome => {
  const refused = refuseOutsideRing0(core);
  if (refused !== null) return refused;
  core.state.setControl(0, (core.state.control(0) & ~CR0.ts) >>> 0);
  return OUTCOME.next;
};

/** MOV to and from control registers, LMSW, SMSW, CLTS. [SDM2-4.3] [SDM3A-2.5] */
export const CONTROL_REGISTERS: Readonly<Record<string, SystemOperation>> = {
  "mov-to-cr": moveTo,
  "mov-from-cr": moveFrom,
  lmsw: loadStatus,
  smsw: storeStatus,
  clts: clearTaskSwitched,
};
