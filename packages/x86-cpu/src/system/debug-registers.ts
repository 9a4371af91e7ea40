import { CR4, type PackedFault, packFault, VECTOR } from "@xenolith/x86-architecture";
import type { Instruction } from "../decoder/instruction.ts";
import {
  OUTCOME,
  type Outcome,
  type ProcessorCore,
  type SystemOperation,
} from "../engine/system-operations.ts";
import { STATE } from "../state/layout.ts";
import { generalProtection, invalidOpcode } from "./faults.ts";
import { generalRegister, setGeneralRegister } from "./general-register.ts";
import { refuseOutsideRing0 } from "./instruction-flow.ts";

/** Bits of DR6 and DR7 that always read as 1. [SDM3A-18.2] */
const DR6_FIXED = 0xffff_0ff0;
const DR7_FIXED = 0x400;

/** Bits of DR6 and DR7 that can be set. */
const DR6_BITS = 0xe00f;
const DR7_BITS = 0xffff_2bff;

/** DR7.GD: any access to a debug register raises #DB; DR6.BD says so. */
const GENERAL_DETECT = 0x2000;
const DETECTED = 0x2000;

/**
 * The register behind a number, or the fault: 4 and 5 are 6 and 7 unless CR4.DE says that they do not exist.
 */
const resolve = (core: ProcessorCore, instruction: Instruction, which: number): number | PackedFault => {
  const operand = instruction.operands[which];
  const number = operand?.kind === "debug" ? operand.register : 8;
  if (number > 7) return invalidOpcode();
  if (number !== 4 && number !== 5) return number;
  return (core.state.control(4) & CR4.de) !== 0 ? invalidOpcode() : number + 2;
};

/** #DB where accesses are detected; 0 otherwise. */
const detect = (core: ProcessorCore): PackedFault | 0 => {
  const { state } = core;
  if ((state.debug(7) & GENERAL_DETECT) === 0) return 0;
  state.setDebug(7, state.debug(7) & ~GENERAL_DETECT);
  state.setDebug(6, state.debug(6) | DETECTED);
  return packFault(VECTOR.debug, 0);
};

const moveTo = (core: ProcessorCore, instruction: Instruction): Outcome => {
  const number = resolve(core, instruction, 0);
  if (number > 7) return number;
  const refused = refuseOutsideRing0(core);
  if (refused !== null) return refused;
  const fault = detect(core);
  if (fault !== 0) return fault;
  const value = generalRegister(core, instruction, 1);
  if (number < 4) {
    core.state.setWide(STATE.debug + 8 * number, value);
    return OUTCOME.next;
  }
  if (value > 0xffff_ffffn) return generalProtection(0);
  const bits = Number(value);
  core.state.setDebug(number, number === 6 ? (bits & DR6_BITS) | DR6_FIXED : (bits & DR7_BITS) | DR7_FIXED);
  return OUTCOME.next;
};

const moveFrom = (core: ProcessorCore, instruction: Instruction): Outcome => {
  const number = resolve(core, instruction, 1);
  if (number > 7) return number;
  const refused = refuseOutsideRing0(core);
  if (refused !== null) return refused;
  const fault = detect(core);
  if (fault !== 0) return fault;
  setGeneralRegister(core, instruction, 0, core.state.wide(STATE.debug + 8 * number));
  return OUTCOME.next;
};

/** MOV to and from debug registers. Who raises breakpoints is `InstructionMonitor`. [SDM2-4.3] [SDM3A-18.2] */
export const DEBUG_REGISTERS: Readonly<Record<string, SystemOperation>> = {
  "mov-to-dr": moveTo,
  "mov-from-dr": moveFrom,
};
