import {
  ATTRIBUTE,
  type DescriptorSource,
  descriptorAttributes,
  descriptorBase,
  descriptorDpl,
  descriptorLimit,
  type PackedFault,
  packFault,
  SEGMENT,
  type SegmentIndex,
  type SegmentState,
  type VcpuContext,
  VECTOR,
} from "@xenolith/x86-architecture";

/** The registers of data segments, in the order in which the failsafe callback finds their selectors. */
export const DATA_SEGMENTS: readonly SegmentIndex[] = [SEGMENT.ds, SEGMENT.es, SEGMENT.fs, SEGMENT.gs];

/** A segment as IRET would load it, or the fault that IRET would raise. */
export type LoadedSegment = SegmentState | PackedFault;

/** Whether a segment could not be loaded. */
export const isFault = (segment: LoadedSegment): segment is PackedFault => typeof segment === "number";

/** What a segment register holds when its selector is null. */
export const nullSegment = (selector: number): SegmentState => ({
  selector,
  base: 0,
  limit: 0,
  attributes: 0,
});

/** Makes null the data segments whose selectors could not be loaded, once those have been saved. Bases stay. */
export const emptyUnusableSegments = (context: VcpuContext): void => {
  for (const index of DATA_SEGMENTS) {
    const segment = context.segment(index);
    if (segment.attributes === 0) context.setSegment(index, { ...segment, selector: 0 });
  }
};

/** The fault of a vector that names a selector. */
export const selectorFault = (vector: number, selector: number): PackedFault =>
  packFault(vector, selector & 0xfffc);

const protection = (selector: number): PackedFault => selectorFault(VECTOR.generalProtection, selector);

const isNull = (selector: number): boolean => (selector & 0xfffc) === 0;

const has = (attributes: number, bits: number): boolean => (attributes & bits) === bits;

/** State of the segment whose descriptor the source holds now. Marks it accessed, as loading does. */
export const takeSegment = (source: DescriptorSource, selector: number): SegmentState => {
  const { low, high } = source;
  source.setAccessed(selector);
  return {
    selector,
    base: descriptorBase(low, high),
    limit: descriptorLimit(low, high),
    attributes: descriptorAttributes(high) | ATTRIBUTE.accessed,
  };
};

/**
 * Loads CS as IRET from the monitor to the ring in the selector's RPL does; ring 0 is refused. [SDM2-IRET]
 */
export const loadCodeSegment = (source: DescriptorSource, selector: number): LoadedSegment => {
  const privilege = selector & 3;
  if (isNull(selector)) return packFault(VECTOR.generalProtection, 0);
  if (privilege === 0 || !source.read(selector)) return protection(selector);
  const attributes = descriptorAttributes(source.high);
  if (!has(attributes, ATTRIBUTE.codeOrData | ATTRIBUTE.code)) return protection(selector);
  const level = descriptorDpl(source.high);
  const conforming = has(attributes, ATTRIBUTE.conforming);
  if (has(attributes, ATTRIBUTE.long | ATTRIBUTE.big)) return protection(selector);
  if (conforming ? level > privilege : level !== privilege) return protection(selector);
  if (!has(attributes, ATTRIBUTE.present)) return selectorFault(VECTOR.segmentNotPresent, selector);
  return takeSegment(source, selector);
};

/** Loads SS for code at `privilege`: writable data of exactly that level. [SDM2-IRET] */
export const loadStackSegment = (
  source: DescriptorSource,
  selector: number,
  privilege: number,
): LoadedSegment => {
  if (isNull(selector)) return packFault(VECTOR.generalProtection, 0);
  if ((selector & 3) !== privilege || !source.read(selector)) return protection(selector);
  const attributes = descriptorAttributes(source.high);
  const isData =
    has(attributes, ATTRIBUTE.codeOrData | ATTRIBUTE.writable) && !has(attributes, ATTRIBUTE.code);
  if (!isData || descriptorDpl(source.high) !== privilege) return protection(selector);
  if (!has(attributes, ATTRIBUTE.present)) return selectorFault(VECTOR.stackFault, selector);
  return takeSegment(source, selector);
};

/** Whether code at `privilege` may keep a data segment: IRET to an outer ring empties those that it may not. [SDM2-IRET] */
export const mayKeepDataSegment = ({ attributes }: SegmentState, privilege: number): boolean => {
  if (has(attributes, ATTRIBUTE.code | ATTRIBUTE.conforming)) return true;
  return ((attributes >>> ATTRIBUTE.dplShift) & 3) >= privilege;
};

/** Whether `lengthBytes` bytes from `offset` lie within a segment. [SDM3A-5.3] */
export const isWithinLimit = (
  { attributes, limit }: SegmentState,
  offset: number,
  lengthBytes: number,
): boolean => {
  const last = offset + lengthBytes - 1;
  const expandsDown = !has(attributes, ATTRIBUTE.code) && has(attributes, ATTRIBUTE.expandDown);
  if (!expandsDown) return last <= limit;
  return offset > limit && last <= (has(attributes, ATTRIBUTE.big) ? 0xffff_ffff : 0xffff);
};
