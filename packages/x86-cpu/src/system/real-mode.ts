import type { SegmentIndex, SegmentState } from "@xenolith/x86-architecture";
import type { VcpuState } from "../state/vcpu-state.ts";

/** Attributes of a present, writable, accessed data segment, at DPL 0 and DPL 3. */
const REAL_ATTRIBUTES = 0x93;
const VIRTUAL_8086_ATTRIBUTES = 0xf3;

/** Whether selectors are paragraph numbers: real mode and virtual-8086 mode. */
export const usesParagraphs = (state: VcpuState): boolean => state.isRealMode || state.isVirtual8086;

/** A segment of virtual-8086 mode. [SDM3A-21.2.1] */
export const virtualSegment = (selector: number): SegmentState => ({
  selector: selector & 0xffff,
  base: (selector & 0xffff) << 4,
  limit: 0xffff,
  attributes: VIRTUAL_8086_ATTRIBUTES,
});

/**
 * What a segment register holds after a load in real or virtual-8086 mode. In real mode limit and size stay what they
 * were, large ones out of protected mode too. [SDM3A-21.1.1]
 */
export const paragraphSegment = (state: VcpuState, index: SegmentIndex, selector: number): SegmentState => {
  if (state.isVirtual8086) return virtualSegment(selector);
  const { limit, attributes } = state.segment(index);
  const base = (selector & 0xffff) << 4;
  return { selector, base, limit, attributes: (attributes & 0xf000) | REAL_ATTRIBUTES };
};
