import {
  descriptorAttributes,
  descriptorBase,
  descriptorLimit,
  SEGMENT,
  type SegmentIndex,
  type SegmentState,
  type VcpuContext,
} from "@xenolith/x86-architecture";
import type { GuestWidth } from "@xenolith/xen-abi";
import {
  FLAT_RING3_CS,
  FLAT_RING3_CS32,
  FLAT_RING3_CS64,
  FLAT_RING3_SS,
  FLAT_RING3_SS64,
} from "@xenolith/xen-abi/arch-x86";
import { monitorDescriptor } from "../memory/monitor-descriptors.ts";
import { nullSegment } from "./segment-loading.ts";

/** State of a flat segment of the monitor's for guests of a width. */
const flat = (width: GuestWidth, selector: number): SegmentState => {
  const descriptor = monitorDescriptor(width, selector >>> 3);
  if (descriptor === null) return nullSegment(selector);
  const { low, high } = descriptor;
  return {
    selector,
    base: descriptorBase(low, high),
    limit: descriptorLimit(low, high),
    attributes: descriptorAttributes(high),
  };
};

/** 64-bit code, of the kernel and of user mode. */
export const FLAT_CODE_64: SegmentState = flat("x86_64", FLAT_RING3_CS64);
/** 32-bit code, of user mode. */
export const FLAT_CODE_32: SegmentState = flat("x86_64", FLAT_RING3_CS32);
/** The stack that goes with it. */
export const FLAT_STACK_64: SegmentState = flat("x86_64", FLAT_RING3_SS64);

/** Code and stack of user mode, for a 32-bit guest. */
export const flatUserSegments = (
  width: GuestWidth,
): { readonly code: SegmentState; readonly stack: SegmentState } => ({
  code: flat(width, FLAT_RING3_CS),
  stack: flat(width, FLAT_RING3_SS),
});

/** Sets a segment that most often is there already: then nothing that hangs on it has to be worked out again. */
const setUnlessSame = (context: VcpuContext, index: SegmentIndex, wanted: SegmentState): void => {
  const { selector, base, limit, attributes } = context.segment(index);
  const isSame =
    selector === wanted.selector &&
    attributes === wanted.attributes &&
    base === wanted.base &&
    limit === wanted.limit;
  if (!isSame) context.setSegment(index, wanted);
};

/** Continues in flat 64-bit code and stack, as SYSRET does. */
export const loadFlatSegments64 = (context: VcpuContext): void => {
  setUnlessSame(context, SEGMENT.cs, FLAT_CODE_64);
  setUnlessSame(context, SEGMENT.ss, FLAT_STACK_64);
};
