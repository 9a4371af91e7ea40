import { ATTRIBUTE, type PackedFault, type SegmentState } from "@xenolith/x86-architecture";
import type { ProcessorCore } from "../engine/system-operations.ts";
import { isCanonical } from "./canonical.ts";
import {
  type Descriptor,
  isCode,
  isConformingCode,
  isContradictoryCode,
  isNullSelector,
  isPresent,
  privilegeOf,
  segmentFrom,
  selectorError,
  withRequestedPrivilege,
} from "./descriptor.ts";
import { lookUpDescriptor, markAccessed } from "./descriptor-tables.ts";
import { generalProtection, segmentNotPresent } from "./faults.ts";

/** Reads the descriptor of a code segment: #GP for a null selector, one beyond its table, or no code. */
export const lookUpCode = (core: ProcessorCore, selector: number, external = 0): Descriptor | PackedFault => {
  if (isNullSelector(selector)) return generalProtection(external);
  const descriptor = lookUpDescriptor(core, selector);
  if (typeof descriptor === "number") return descriptor;
  if (descriptor === null || !isCode(descriptor)) return generalProtection(selectorError(selector, external));
  return descriptor;
};

/**
 * Last checks of a transfer: privilege 0 belongs to the monitor where there is one, the segment must be present and the
 * offset within its limit, for 64-bit code canonical. Gives what CS will hold, with the privilege as its RPL. Sets the accessed bit.
 */
export const prepareCodeSegment = (
  core: ProcessorCore,
  descriptor: Descriptor,
  privilege: number,
  offset: number,
  external = 0,
): SegmentState | PackedFault => {
  const error = selectorError(descriptor.selector, external);
  if (privilege === 0 && core.environment.isMonitored) return generalProtection(error);
  if (!isPresent(descriptor)) return segmentNotPresent(error);
  if (core.state.isLongMode && isContradictoryCode(descriptor)) return generalProtection(error);
  const segment = segmentFrom(descriptor, withRequestedPrivilege(descriptor.selector, privilege));
  const isInside = isForWideCode(core, segment)
    ? isCanonical(offset)
    : offset >= 0 && offset <= segment.limit;
  if (!isInside) return generalProtection(external);
  const fault = markAccessed(core, descriptor);
  return fault === 0 ? segment : fault;
};

/** Whether code of a segment that is about to be loaded is 64-bit code. */
export const isForWideCode = (core: ProcessorCore, { attributes }: SegmentState): boolean =>
  core.state.isLongMode && (attributes & ATTRIBUTE.long) !== 0;

/**
 * Whether a direct far jump or call at privilege `current` may go to a code segment: conforming segments of the same or a
 * more privileged level, others of exactly this level. [SDM3A-5.8.1]
 */
export const allowsDirectTransfer = (descriptor: Descriptor, current: number): boolean =>
  isConformingCode(descriptor)
    ? privilegeOf(descriptor) <= current
    : privilegeOf(descriptor) === current && (descriptor.selector & 3) <= current;

/** Whether a return may go to a code segment: its RPL is the new privilege. [SDM3A-5.8.6] */
export const allowsReturn = (descriptor: Descriptor, current: number): boolean => {
  const requested = descriptor.selector & 3;
  if (requested < current) return false;
  return isConformingCode(descriptor)
    ? privilegeOf(descriptor) <= requested
    : privilegeOf(descriptor) === requested;
};
