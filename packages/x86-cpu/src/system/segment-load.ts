import {
  ATTRIBUTE,
  type PackedFault,
  packFault,
  SEGMENT,
  type SegmentIndex,
  type SegmentState,
  VECTOR,
} from "@xenolith/x86-architecture";
import type { ProcessorCore } from "../engine/system-operations.ts";
import { SEGMENT_FIELD } from "../state/layout.ts";
import {
  isConformingCode,
  isNullSelector,
  isPresent,
  isReadable,
  isWritableData,
  nullSegment,
  privilegeOf,
  segmentFrom,
  selectorError,
} from "./descriptor.ts";
import { lookUpDescriptor, markAccessed } from "./descriptor-tables.ts";
import { generalProtection, segmentNotPresent, stackFault } from "./faults.ts";
import { paragraphSegment, usesParagraphs } from "./real-mode.ts";
import { allowsNullStack } from "./wide-stack.ts";

/** Loads DS, ES, FS or GS with the checks of MOV; a null selector clears the base too. Returns 0 or the fault; then nothing has changed. [SDM2-4.3] */
export const loadDataSegment = (
  core: ProcessorCore,
  index: SegmentIndex,
  selector: number,
): PackedFault | 0 => {
  if (isNullSelector(selector)) {
    core.state.setSegment(index, nullSegment(selector));
    return 0;
  }
  const descriptor = lookUpDescriptor(core, selector);
  if (typeof descriptor === "number") return descriptor;
  const error = selectorError(selector);
  if (descriptor === null || !isReadable(descriptor)) return generalProtection(error);
  const privilege = privilegeOf(descriptor);
  if (!isConformingCode(descriptor) && (privilege < (selector & 3) || privilege < core.state.privilege)) {
    return generalProtection(error);
  }
  if (!isPresent(descriptor)) return segmentNotPresent(error);
  const fault = markAccessed(core, descriptor);
  if (fault !== 0) return fault;
  core.state.setSegment(index, segmentFrom(descriptor, selector));
  return 0;
};

/**
 * Checks a stack segment for a privilege level and gives what SS will hold, or the fault. Sets the accessed bit.
 * @param vector of the fault for a selector that does not fit: #GP for loads and returns, #TS for stacks out of a TSS
 */
export const prepareStackSegment = (
  core: ProcessorCore,
  selector: number,
  privilege: number,
  vector: number = VECTOR.generalProtection,
  external = 0,
): SegmentState | PackedFault => {
  if (isNullSelector(selector)) return packFault(vector, external);
  const descriptor = lookUpDescriptor(core, selector);
  if (typeof descriptor === "number") return descriptor;
  const error = selectorError(selector, external);
  if (descriptor === null || (selector & 3) !== privilege || privilegeOf(descriptor) !== privilege) {
    return packFault(vector, error);
  }
  if (!isWritableData(descriptor)) return packFault(vector, error);
  if (!isPresent(descriptor)) return stackFault(error);
  const fault = markAccessed(core, descriptor);
  return fault === 0 ? segmentFrom(descriptor, selector) : fault;
};

/** Loads a data or stack segment register as MOV and POP do, in every mode. Returns 0 or the fault. */
export const loadSegmentRegister = (
  core: ProcessorCore,
  index: SegmentIndex,
  selector: number,
): PackedFault | 0 => {
  const { state } = core;
  if (usesParagraphs(state)) {
    state.setSegment(index, paragraphSegment(state, index, selector));
    return 0;
  }
  if (index !== SEGMENT.ss) return loadDataSegment(core, index, selector);
  if (isNullSelector(selector) && allowsNullStack(selector, state.privilege, state.isWideCode)) {
    state.setSegment(index, nullSegment(selector));
    return 0;
  }
  const segment = prepareStackSegment(core, selector, state.privilege);
  if (typeof segment === "number") return segment;
  state.setSegment(index, segment);
  return 0;
};

/**
 * After a return to an outer privilege: data segments that the new privilege must not see become null. [SDM3A-5.8.6]
 */
export const dropInnerDataSegments = (core: ProcessorCore): void => {
  for (const index of [SEGMENT.es, SEGMENT.ds, SEGMENT.fs, SEGMENT.gs]) {
    const attributes = core.state.segmentField(index, SEGMENT_FIELD.attributes);
    const isConforming = (attributes & ATTRIBUTE.code) !== 0 && (attributes & ATTRIBUTE.conforming) !== 0;
    const privilege = (attributes >>> ATTRIBUTE.dplShift) & 3;
    if (attributes !== 0 && !isConforming && privilege < core.state.privilege) {
      core.state.setSegment(index, nullSegment(0));
    }
  }
};
