import type { SegmentIndex, SegmentState } from "@xenolith/x86-architecture";
import type { VcpuState } from "../state/vcpu-state.ts";

/** Attributes of a present, writable, accessed data segment, at DPL 0 and DPL 3. */
const REAL_ATTRIBUTES = 0x93;
const VIRTUAL_8086_ATTRIBUTES = 0xf3;

/** Whether selectors are paragraph numbers: real mode and virtual-8086 mode. */
export const usesParagraphs = (state: VcpuState): boolean => state.isRealMode || state.isVirtual8086;

/**
 * What a segment register holds after a load in real or virtual-8086 mode. In real mode limit and size stay what they
 * were. [SDM3A-20.1.1]
 */
export const paragraphSegment = (state: VcpuState, index: SegmentIndex, selector: number): SegmentState => {
  const base = (selector & 0xffff) << 4;
  if (state.isVirtual8086) return { selector, base, limit: 0xffff, attributes: VIRTUAL_8086_ATTRIBUTES };
  const { limit, attributes } = state.segment(index);
  return { selector, base, limit, attributes: (attributes & 0xf000) | REAL_ATTRIBUTES };
};
