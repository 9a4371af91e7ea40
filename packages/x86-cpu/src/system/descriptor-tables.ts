import { type PackedFault, SEGMENT } from "@xenolith/x86-architecture";
import type { ProcessorCore } from "../engine/system-operations.ts";
import { ACCESSED_HIGH, type Descriptor, isCodeOrData } from "./descriptor.ts";

/** Bit 2 of a selector: the local table. */
const TABLE_INDICATOR = 4;

/** The descriptor; null when the selector is beyond its table; a fault when the table could not be read. */
export type DescriptorLookup = Descriptor | PackedFault | null;

/** Linear address of a selector's descriptor in the processor's own tables, or null when it is beyond the table. */
const descriptorAddress = (core: ProcessorCore, selector: number): number | null => {
  const offset = selector & 0xfff8;
  if (selector & TABLE_INDICATOR) {
    const { base, limit, attributes } = core.state.segment(SEGMENT.ldtr);
    return attributes === 0 || offset + 7 > limit ? null : base + offset;
  }
  const { base, limit } = core.state.gdtr;
  return offset + 7 > limit ? null : base + offset;
};

/** Reads the descriptor that a non-null selector names, from the monitor's virtual tables or the processor's own. */
export const lookUpDescriptor = (core: ProcessorCore, selector: number): DescriptorLookup => {
  const { descriptors } = core.environment;
  if (descriptors !== null) {
    if (!descriptors.read(selector)) return null;
    const { low, high } = descriptors;
    if ((selector & TABLE_INDICATOR) === 0) core.state.keepDescriptor(selector, low, high);
    return { selector, low, high };
  }
  const address = descriptorAddress(core, selector);
  if (address === null) return null;
  const fault = core.memory.read64(address, "supervisor");
  if (fault !== 0) return fault;
  return { selector, low: core.memory.low, high: core.memory.high };
};

/** A system descriptor of 16 bytes: IA-32e mode's local tables, task states and gates. [SDM3A-3.5.2] */
export interface WideDescriptor extends Descriptor {
  /** Third word: bits 63:32 of a base or an offset. */
  readonly upper: number;
}

/** Bits of the fourth word that must be 0 so that the upper half is no descriptor by itself: its type. */
const UPPER_TYPE = 0x1f00;

/**
 * Reads the upper half of a system descriptor in IA-32e mode. Null: beyond the table, or its type field is not 0, for which
 * callers raise #GP with the selector.
 */
export const extendDescriptor = (
  core: ProcessorCore,
  descriptor: Descriptor,
): WideDescriptor | PackedFault | null => {
  if (descriptor.selector + 8 > 0xffff) return null;
  const upper = lookUpDescriptor(core, descriptor.selector + 8);
  if (upper === null || typeof upper === "number") return upper;
  return (upper.high & UPPER_TYPE) === 0 ? { ...descriptor, upper: upper.low } : null;
};

/** Sets the accessed bit of a code or data descriptor where it is clear. Returns 0 or the fault of the store. */
export const markAccessed = (core: ProcessorCore, descriptor: Descriptor): PackedFault | 0 => {
  if (!isCodeOrData(descriptor) || (descriptor.high & ACCESSED_HIGH) !== 0) return 0;
  return setTypeByte(core, descriptor, ((descriptor.high | ACCESSED_HIGH) >>> 8) & 0xff);
};

/** Marks the descriptor of an available TSS as busy. Returns 0 or the fault of the store. */
export const markBusy = (core: ProcessorCore, descriptor: Descriptor): PackedFault | 0 =>
  setTypeByte(core, descriptor, ((descriptor.high >>> 8) & 0xff) | 2);

/** Marks the descriptor of a busy TSS as available. Returns 0 or the fault of the store. */
export const markAvailable = (core: ProcessorCore, descriptor: Descriptor): PackedFault | 0 =>
  setTypeByte(core, descriptor, (descriptor.high >>> 8) & 0xff & ~2);

const setTypeByte = (core: ProcessorCore, { selector }: Descriptor, value: number): PackedFault | 0 => {
  if (core.environment.descriptors !== null) {
    core.environment.descriptors.setAccessed(selector);
    return 0;
  }
  const address = descriptorAddress(core, selector);
  return address === null ? 0 : core.memory.write8(address + 5, value, "supervisor");
};
