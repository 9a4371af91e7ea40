import { descriptorLimit, FLAG, SYSTEM_TYPE } from "@xenolith/x86-architecture";
import type { Instruction } from "../decoder/instruction.ts";
import {
  accessFault,
  isAccessFault,
  OUTCOME,
  type Outcome,
  type ProcessorCore,
  type SystemOperation,
} from "../engine/system-operations.ts";
import {
  type Descriptor,
  isCode,
  isCodeOrData,
  isConformingCode,
  isNullSelector,
  isReadable,
  isWritableData,
  privilegeOf,
  systemType,
} from "./descriptor.ts";
import { lookUpDescriptor } from "./descriptor-tables.ts";
import { invalidOpcode } from "./faults.ts";
import { wordOrDoubleword } from "./instruction-flow.ts";
import { usesParagraphs } from "./real-mode.ts";

/** Types of system descriptors that LAR and LSL tell about. [SDM2-3.2] */
const LAR_TYPES: readonly number[] = [
  SYSTEM_TYPE.tss16,
  SYSTEM_TYPE.ldt,
  SYSTEM_TYPE.busyTss16,
  SYSTEM_TYPE.callGate16,
  SYSTEM_TYPE.taskGate,
  SYSTEM_TYPE.tss,
  SYSTEM_TYPE.busyTss,
  SYSTEM_TYPE.callGate,
];
const LSL_TYPES: readonly number[] = [
  SYSTEM_TYPE.tss16,
  SYSTEM_TYPE.ldt,
  SYSTEM_TYPE.busyTss16,
  SYSTEM_TYPE.tss,
  SYSTEM_TYPE.busyTss,
];

/** Those of IA-32e mode. A call gate has 16 bytes there, and there are no 16-bit ones nor task gates. [SDM2-3.2 "LAR"] */
const LONG_LAR_TYPES: readonly number[] = [
  SYSTEM_TYPE.ldt,
  SYSTEM_TYPE.tss,
  SYSTEM_TYPE.busyTss,
  SYSTEM_TYPE.callGate,
];
const LONG_LSL_TYPES: readonly number[] = [SYSTEM_TYPE.ldt, SYSTEM_TYPE.tss, SYSTEM_TYPE.busyTss];

const setZero = (core: ProcessorCore, zero: boolean): void => {
  const flags = core.state.arithmeticFlags;
  core.state.arithmeticFlags = zero ? flags | FLAG.zf : flags & ~FLAG.zf;
};

const isVisible = (core: ProcessorCore, descriptor: Descriptor): boolean => {
  if (isConformingCode(descriptor)) return true;
  const privilege = privilegeOf(descriptor);
  return privilege >= core.state.privilege && privilege >= (descriptor.selector & 3);
};

/** The descriptor that operand `which` names, null when it may not be seen, or the fault of reading. */
const inspect = (
  core: ProcessorCore,
  instruction: Instruction,
  which: number,
): Descriptor | null | Outcome => {
  if (usesParagraphs(core.state)) return invalidOpcode();
  const selector = core.operands.read(instruction, which, 2);
  if (isAccessFault(selector)) return accessFault(selector);
  if (isNullSelector(selector)) return null;
  const descriptor = lookUpDescriptor(core, selector);
  if (descriptor === null || typeof descriptor === "number") return descriptor;
  return isVisible(core, descriptor) ? descriptor : null;
};

/** LAR or LSL: writes what `tell` makes of a visible descriptor and sets ZF; else clears ZF alone. */
const tellAbout =
  (
    legacyTypes: readonly number[],
    longTypes: readonly number[],
    tell: (descriptor: Descriptor) => number,
  ): SystemOperation =>
  (core, instruction) => {
    const systemTypes = core.state.isLongMode ? longTypes : legacyTypes;
    const descriptor = inspect(core, instruction, 1);
    if (typeof descriptor === "number") return descriptor;
    if (descriptor === null || (!isCodeOrData(descriptor) && !systemTypes.includes(systemType(descriptor)))) {
      setZero(core, false);
      return OUTCOME.next;
    }
    const sizeBytes = wordOrDoubleword(instruction.operandBytes);
    const value = tell(descriptor);
    const outcome = core.operands.write(
      instruction,
      0,
      sizeBytes,
      sizeBytes === 2 ? value & 0xffff : value >>> 0,
    );
    if (outcome === 0) setZero(core, true);
    return outcome;
  };

const verify =
  (isUsable: (descriptor: Descriptor) => boolean): SystemOperation =>
  (core, instruction) => {
    const descriptor = inspect(core, instruction, 0);
    if (typeof descriptor === "number") return descriptor;
    setZero(core, descriptor !== null && isUsable(descriptor));
    return OUTCOME.next;
  };

/** ARPL: raises the RPL of the destination to that of the source, and says in ZF whether it did. [SDM2-3.2] */
const adjustPrivilege = (core: ProcessorCore, instruction: Instruction): Outcome => {
  if (usesParagraphs(core.state)) return invalidOpcode();
  const destination = core.operands.read(instruction, 0, 2);
  if (isAccessFault(destination)) return accessFault(destination);
  const source = core.operands.read(instruction, 1, 2);
  if (isAccessFault(source)) return accessFault(source);
  const raises = (destination & 3) < (source & 3);
  if (raises) {
    const fault = core.operands.write(instruction, 0, 2, (destination & ~3) | (source & 3));
    if (fault !== 0) return fault;
  }
  setZero(core, raises);
  return OUTCOME.next;
};

/** LAR, LSL, VERR, VERW, ARPL. */
export const DESCRIPTOR_INSPECTION: Readonly<Record<string, SystemOperation>> = {
  lar: tellAbout(LAR_TYPES, LONG_LAR_TYPES, ({ high }) => high & 0x00ff_ff00),
  lsl: tellAbout(LSL_TYPES, LONG_LSL_TYPES, ({ low, high }) => descriptorLimit(low, high)),
  verr: verify((descriptor) => isReadable(descriptor)),
  verw: verify((descriptor) => !isCode(descriptor) && isWritableData(descriptor)),
  arpl: adjustPrivilege,
};
