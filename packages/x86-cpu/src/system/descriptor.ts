import {
  ATTRIBUTE,
  descriptorAttributes,
  descriptorBase,
  descriptorDpl,
  descriptorLimit,
  type SegmentState,
} from "@xenolith/x86-architecture";

/** A descriptor as read from a table, with the selector that named it. */
export interface Descriptor {
  readonly selector: number;
  readonly low: number;
  readonly high: number;
}

/** Bits of the high word. [SDM3A-3.4.5] */
const HIGH = {
  readableOrWritable: 0x200,
  conforming: 0x400,
  code: 0x800,
  codeOrData: 0x1000,
  present: 0x8000,
  long: 0x20_0000,
  big: 0x40_0000,
} as const;

/** Bit 8 of the high word: the accessed bit of code and data segments. */
export const ACCESSED_HIGH = 0x100;

/** Whether bits 15:2 of a selector are clear. */
export const isNullSelector = (selector: number): boolean => (selector & 0xfffc) === 0;

/** Error code that names a selector. [SDM3A-6.13] */
export const selectorError = (selector: number, external = 0): number => (selector & 0xfffc) | external;

/** A selector with another requested privilege level. */
export const withRequestedPrivilege = (selector: number, privilege: number): number =>
  (selector & 0xfffc) | privilege;

/** Whether P is set. */
export const isPresent = ({ high }: Descriptor): boolean => (high & HIGH.present) !== 0;

/** Whether it is a code or data segment rather than a system descriptor. */
export const isCodeOrData = ({ high }: Descriptor): boolean => (high & HIGH.codeOrData) !== 0;

/** Whether it is a code segment. */
export const isCode = ({ high }: Descriptor): boolean =>
  (high & (HIGH.codeOrData | HIGH.code)) === (HIGH.codeOrData | HIGH.code);

/** Whether it is 64-bit code: L set, and D, which would make it meaningless, clear. [SDM3A-5.2.1] */
export const isWideCode = (descriptor: Descriptor): boolean =>
  isCode(descriptor) && (descriptor.high & (HIGH.long | HIGH.big)) === HIGH.long;

/** Whether L and D are both set, which is reserved in IA-32e mode. */
export const isContradictoryCode = (descriptor: Descriptor): boolean =>
  isCode(descriptor) && (descriptor.high & (HIGH.long | HIGH.big)) === (HIGH.long | HIGH.big);

/** Whether it is conforming code. */
export const isConformingCode = (descriptor: Descriptor): boolean =>
  isCode(descriptor) && (descriptor.high & HIGH.conforming) !== 0;

/** Whether it is data that may be written. */
export const isWritableData = ({ high }: Descriptor): boolean =>
  (high & (HIGH.codeOrData | HIGH.code | HIGH.readableOrWritable)) ===
  (HIGH.codeOrData | HIGH.readableOrWritable);

/** Whether it may be read through: data, or readable code. */
export const isReadable = (descriptor: Descriptor): boolean =>
  isCodeOrData(descriptor) && (!isCode(descriptor) || (descriptor.high & HIGH.readableOrWritable) !== 0);

/** Type of a system descriptor: a value of `SYSTEM_TYPE`. */
export const systemType = ({ high }: Descriptor): number => (high >>> 8) & 0x0f;

/** Descriptor privilege level. */
export const privilegeOf = ({ high }: Descriptor): number => descriptorDpl(high);

/** What a segment register holds once the descriptor is loaded under `selector`. */
export const segmentFrom = ({ low, high }: Descriptor, selector: number): SegmentState => ({
  selector,
  base: descriptorBase(low, high),
  limit: descriptorLimit(low, high),
  attributes: descriptorAttributes(high) | (high & HIGH.codeOrData ? ATTRIBUTE.accessed : 0),
});

/** A segment register that holds a null selector. */
export const nullSegment = (selector: number): SegmentState => ({
  selector,
  base: 0,
  limit: 0,
  attributes: 0,
});
