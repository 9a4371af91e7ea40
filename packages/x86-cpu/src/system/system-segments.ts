import {
  ATTRIBUTE,
  descriptorBase,
  type PackedFault,
  SEGMENT,
  type SegmentIndex,
  type SegmentState,
  SYSTEM_TYPE,
} from "@xenolith/x86-architecture";
import type { Instruction } from "../decoder/instruction.ts";
import {
  accessFault,
  isAccessFault,
  OUTCOME,
  type Outcome,
  type ProcessorCore,
  type SystemOperation,
} from "../engine/system-operations.ts";
import { addressOfWords, isCanonical } from "./canonical.ts";
import {
  type Descriptor,
  isCodeOrData,
  isNullSelector,
  isPresent,
  nullSegment,
  segmentFrom,
  selectorError,
  systemType,
} from "./descriptor.ts";
import { extendDescriptor, lookUpDescriptor, markBusy } from "./descriptor-tables.ts";
import { generalProtection, invalidOpcode, segmentNotPresent } from "./faults.ts";
import { refuseOutsideRing0, wordOrDoubleword } from "./instruction-flow.ts";
import { usesParagraphs } from "./real-mode.ts";

/** Bit of a selector that names the local table. */
const LOCAL_TABLE = 4;

/** A descriptor of a system segment; `upper` in IA-32e mode. */
interface SystemDescriptor extends Descriptor {
  readonly upper?: number;
}

/** Reads a system descriptor of one of some types out of the GDT, present, or the fault. */
const lookUpSystem = (
  core: ProcessorCore,
  selector: number,
  types: readonly number[],
): SystemDescriptor | PackedFault => {
  const error = selectorError(selector);
  if ((selector & LOCAL_TABLE) !== 0) return generalProtection(error);
  const descriptor = lookUpDescriptor(core, selector);
  if (typeof descriptor === "number") return descriptor;
  if (descriptor === null || isCodeOrData(descriptor) || !types.includes(systemType(descriptor))) {
    return generalProtection(error);
  }
  if (!core.state.isLongMode) return isPresent(descriptor) ? descriptor : segmentNotPresent(error);
  const extended = extendDescriptor(core, descriptor);
  if (typeof extended === "number") return extended;
  if (extended === null) return generalProtection(error);
  if (!isPresent(descriptor)) return segmentNotPresent(error);
  return isCanonical(systemBase(extended)) ? extended : generalProtection(error);
};

/** Base of a system segment: its upper half where the descriptor has 16 bytes. */
const systemBase = ({ low, high, upper = 0 }: SystemDescriptor): number =>
  addressOfWords(descriptorBase(low, high), upper);

/** What LDTR or TR hold once the descriptor is loaded. */
const systemSegment = (descriptor: SystemDescriptor, selector: number): SegmentState => ({
  ...segmentFrom(descriptor, selector),
  base: systemBase(descriptor),
});

/** Loads LDTR; a null selector leaves no local table. Returns 0 or the fault. [SDM2-3.2] */
export const loadLocalTable = (core: ProcessorCore, selector: number): PackedFault | 0 => {
  if (isNullSelector(selector)) {
    core.state.setSegment(SEGMENT.ldtr, nullSegment(selector));
    return 0;
  }
  const descriptor = lookUpSystem(core, selector, [SYSTEM_TYPE.ldt]);
  if (typeof descriptor === "number") return descriptor;
  core.state.setSegment(SEGMENT.ldtr, systemSegment(descriptor, selector));
  return 0;
};

/** Loads TR from an available TSS and marks that busy. Returns 0 or the fault. [SDM2-3.2] */
export const loadTaskRegister = (core: ProcessorCore, selector: number): PackedFault | 0 => {
  if (isNullSelector(selector)) return generalProtection(0);
  const types = core.state.isLongMode ? [SYSTEM_TYPE.tss] : [SYSTEM_TYPE.tss, SYSTEM_TYPE.tss16];
  const descriptor = lookUpSystem(core, selector, types);
  if (typeof descriptor === "number") return descriptor;
  const fault = markBusy(core, descriptor);
  if (fault !== 0) return fault;
  const segment = systemSegment(descriptor, selector);
  core.state.setSegment(SEGMENT.tr, {
    ...segment,
    attributes: segment.attributes | (ATTRIBUTE.typeMask & 2),
  });
  return 0;
};

const loadWith =
  (load: (core: ProcessorCore, selector: number) => PackedFault | 0): SystemOperation =>
  (core: ProcessorCore, instruction: Instruction): Outcome => {
    if (usesParagraphs(core.state)) return invalidOpcode();
    const refused = refuseOutsideRing0(core);
    if (refused !== null) return refused;
    const selector = core.operands.read(instruction, 0, 2);
    if (isAccessFault(selector)) return accessFault(selector);
    return load(core, selector) || OUTCOME.next;
  };

/** SLDT and STR: 16 bits to memory, zero-extended to a register. */
const storeSelector =
  (index: SegmentIndex): SystemOperation =>
  (core: ProcessorCore, instruction: Instruction): Outcome => {
    if (usesParagraphs(core.state)) return invalidOpcode();
    const isMemory = instruction.operands[0]?.kind === "memory";
    const sizeBytes = isMemory ? 2 : wordOrDoubleword(instruction.operandBytes);
    return core.operands.write(instruction, 0, sizeBytes, core.state.selector(index));
  };

/** LLDT, SLDT, LTR, STR. */
export const SYSTEM_SEGMENTS: Readonly<Record<string, SystemOperation>> = {
  lldt: loadWith(loadLocalTable),
  ltr: loadWith(loadTaskRegister),
  sldt: storeSelector(SEGMENT.ldtr),
  str: storeSelector(SEGMENT.tr),
};
