import { gateOffset, gateSelector, type PackedFault, SYSTEM_TYPE } from "@xenolith/x86-architecture";
import type { ProcessorCore } from "../engine/system-operations.ts";
import {
  type Descriptor,
  isCodeOrData,
  isPresent,
  privilegeOf,
  selectorError,
  systemType,
} from "./descriptor.ts";
import { generalProtection, segmentNotPresent } from "./faults.ts";

/** A call gate: where it leads, how wide it is, and how many parameters it copies. [SDM3A-5.8.3] */
export interface CallGate {
  readonly selector: number;
  readonly offset: number;
  readonly sizeBytes: 2 | 4;
  readonly parameters: number;
}

/**
 * Reads a call gate out of the descriptor a far jump or call names, or the fault. Task gates and task state segments are
 * refused with #GP: tasks are not switched by hardware here.
 */
export const readCallGate = (core: ProcessorCore, descriptor: Descriptor): CallGate | PackedFault => {
  const error = selectorError(descriptor.selector);
  const type = systemType(descriptor);
  const isGate =
    !isCodeOrData(descriptor) && (type === SYSTEM_TYPE.callGate || type === SYSTEM_TYPE.callGate16);
  if (!isGate) return generalProtection(error);
  const privilege = privilegeOf(descriptor);
  if (privilege < core.state.privilege || privilege < (descriptor.selector & 3))
    return generalProtection(error);
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
