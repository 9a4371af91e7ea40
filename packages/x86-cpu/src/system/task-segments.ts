import { type PackedFault, packFault, SEGMENT, SYSTEM_TYPE, VECTOR } from "@xenolith/x86-architecture";
import type { ProcessorCore } from "../engine/system-operations.ts";
import {
  type Descriptor,
  isCode,
  isCodeOrData,
  isConformingCode,
  isNullSelector,
  isPresent,
  isReadable,
  nullSegment,
  privilegeOf,
  segmentFrom,
  selectorError,
  systemType,
} from "./descriptor.ts";
import { lookUpDescriptor, markAccessed } from "./descriptor-tables.ts";
import { invalidTss, segmentNotPresent } from "./faults.ts";
import { virtualSegment } from "./real-mode.ts";
import { prepareStackSegment } from "./segment-load.ts";
import type { TaskImage } from "./task-image.ts";

const DATA = [SEGMENT.ds, SEGMENT.es, SEGMENT.fs, SEGMENT.gs] as const;

const loadLocalTable = (core: ProcessorCore, selector: number, external: number): PackedFault | 0 => {
  core.state.setSegment(SEGMENT.ldtr, nullSegment(selector));
  if (isNullSelector(selector)) return 0;
  const error = selectorError(selector, external);
  if ((selector & 4) !== 0) return invalidTss(error);
  const descriptor = lookUpDescriptor(core, selector);
  if (typeof descriptor === "number") return descriptor;
  const isTable =
    descriptor !== null && !isCodeOrData(descriptor) && systemType(descriptor) === SYSTEM_TYPE.ldt;
  if (!isTable || !isPresent(descriptor)) return invalidTss(error);
  core.state.setSegment(SEGMENT.ldtr, segmentFrom(descriptor, selector));
  return 0;
};

const lookUp = (core: ProcessorCore, selector: number, external: number): Descriptor | PackedFault => {
  if (isNullSelector(selector)) return invalidTss(selectorError(selector, external));
  const descriptor = lookUpDescriptor(core, selector);
  return descriptor ?? invalidTss(selectorError(selector, external));
};

const loadCode = (core: ProcessorCore, selector: number, external: number): PackedFault | 0 => {
  const error = selectorError(selector, external);
  const code = lookUp(core, selector, external);
  if (typeof code === "number") return code;
  const requested = selector & 3;
  const fits = isConformingCode(code) ? privilegeOf(code) <= requested : privilegeOf(code) === requested;
  if (!isCode(code) || !fits) return invalidTss(error);
  if (!isPresent(code)) return segmentNotPresent(error);
  const fault = markAccessed(core, code);
  if (fault === 0) core.state.setSegment(SEGMENT.cs, segmentFrom(code, selector));
  return fault;
};

const loadData = (
  core: ProcessorCore,
  index: number,
  selector: number,
  external: number,
): PackedFault | 0 => {
  if (isNullSelector(selector)) return 0;
  const error = selectorError(selector, external);
  const data = lookUp(core, selector, external);
  if (typeof data === "number") return data;
  const privilege = privilegeOf(data);
  const isVisible =
    isConformingCode(data) || (privilege >= core.state.privilege && privilege >= (selector & 3));
  if (!isReadable(data) || !isVisible) return invalidTss(error);
  if (!isPresent(data)) return segmentNotPresent(error);
  const fault = markAccessed(core, data);
  if (fault === 0) core.state.setSegment(index, segmentFrom(data, selector));
  return fault;
};

/**
 * Loads the segments of a task that has just begun. A fault belongs to the new task: what is not loaded yet holds its selector
 * and cannot be used. [SDM3A-7.3 table 7-1]
 */
export const loadTaskSegments = (
  core: ProcessorCore,
  image: TaskImage,
  external: number,
): PackedFault | 0 => {
  const { state } = core;
  const { selectors } = image;
  const selectorOf = (index: number): number => selectors[index] ?? 0;
  if (state.isVirtual8086) {
    selectors.forEach((selector, index) => {
      state.setSegment(index, virtualSegment(selector));
    });
    return loadLocalTable(core, image.localTable, external);
  }
  selectors.forEach((selector, index) => {
    state.setSegment(index, nullSegment(selector));
  });
  let fault = loadLocalTable(core, image.localTable, external);
  if (fault !== 0) return fault;
  fault = loadCode(core, selectorOf(SEGMENT.cs), external);
  if (fault !== 0) return fault;
  const stackSelector = selectorOf(SEGMENT.ss);
  if (isNullSelector(stackSelector)) {
    return packFault(VECTOR.invalidTss, selectorError(stackSelector, external));
  }
  const stack = prepareStackSegment(core, stackSelector, state.privilege, VECTOR.invalidTss, external);
  if (typeof stack === "number") return stack;
  state.setSegment(SEGMENT.ss, stack);
  for (const index of DATA) {
    fault = loadData(core, index, selectorOf(index), external);
    if (fault !== 0) return fault;
  }
  return 0;
};
