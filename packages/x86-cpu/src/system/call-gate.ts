import { gateOffset, gateSelector, type PackedFault, SYSTEM_TYPE } from "@xenolith/x86-architecture";
import type { ProcessorCore } from "../engine/system-operations.ts";
import { addressOfWords } from "./canonical.ts";
import { lookUpCode } from "./code-segment.ts";
import {
  type Descriptor,
  isCodeOrData,
  isPresent,
  isWideCode,
  privilegeOf,
  selectorError,
  systemType,
} from "./descriptor.ts";
import { extendDescriptor } from "./descriptor-tables.ts";
import { generalProtection, segmentNotPresent } from "./faults.ts";

/** A call gate: where it leads, how wide it is, and how many parameters it copies. [SDM3A-5.8.3] */
export interface CallGate {
  readonly selector: number;
  readonly offset: number;
  readonly sizeBytes: 2 | 4 | 8;
  readonly parameters: number;
}

/**
 * Reads a call gate out of the descriptor a far jump or call names, or the fault. In IA-32e mode gates have 16 bytes and
 * there are no others. What leads to a task has been dealt with, or is refused with #GP where tasks cannot be switched.
 */
export const readCallGate = (core: ProcessorCore, descriptor: Descriptor): CallGate | PackedFault => {
  const error = selectorError(descriptor.selector);
  const isLong = core.state.isLongMode;
  const type = systemType(descriptor);
  const isGate =
    !isCodeOrData(descriptor) &&
    (type === SYSTEM_TYPE.callGate || (type === SYSTEM_TYPE.callGate16 && !isLong));
  if (!isGate) return generalProtection(error);
  const privilege = privilegeOf(descriptor);
  if (privilege < core.state.privilege || privilege < (descriptor.selector & 3))
    return generalProtection(error);
  if (isLong) return readLongGate(core, descriptor);
  if (!isPresent(descriptor)) return segmentNotPresent(error);
  const { low, high } = descriptor;
  const isWide = type === SYSTEM_TYPE.callGate;
  return {
    selector: gateSelector(low),
    offset: isWide ? gateOffset(low, high) : low & 0xffff,
    sizeBytes: isWide ? 4 : 2,
    parameters: high & 31,
  };
};

/** A gate of IA-32e mode; the type field of its upper half must be 0. [SDM3A-5.8.3.1] */
const readLongGate = (core: ProcessorCore, descriptor: Descriptor): CallGate | PackedFault => {
  const error = selectorError(descriptor.selector);
  const extended = extendDescriptor(core, descriptor);
  if (typeof extended === "number") return extended;
  if (extended === null) return generalProtection(error);
  if (!isPresent(descriptor)) return segmentNotPresent(error);
  const { low, high, upper } = extended;
  return {
    selector: gateSelector(low),
    offset: addressOfWords(gateOffset(low, high), upper),
    sizeBytes: 8,
    parameters: 0,
  };
};

/** The code that a call gate leads to: in IA-32e mode 64-bit code only. */
export const lookUpGateCode = (core: ProcessorCore, { selector }: CallGate): Descriptor | PackedFault => {
  const code = lookUpCode(core, selector);
  if (typeof code === "number") return code;
  if (core.state.isLongMode && !isWideCode(code)) return generalProtection(selectorError(selector));
  return code;
};
