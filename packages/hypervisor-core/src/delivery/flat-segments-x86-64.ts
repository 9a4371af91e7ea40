import {
  descriptorAttributes,
  descriptorBase,
  descriptorLimit,
  SEGMENT,
  type SegmentState,
  type VcpuContext,
} from "@xenolith/x86-architecture";
import { FLAT_RING3_CS32, FLAT_RING3_CS64, FLAT_RING3_SS64 } from "@xenolith/xen-abi/arch-x86";
import { monitorDescriptor } from "../memory/monitor-descriptors.ts";
import { nullSegment } from "./segment-loading.ts";

/** State of a flat segment of the monitor's for 64-bit guests. */
const flat = (selector: number): SegmentState => {
  const descriptor = monitorDescriptor("x86_64", selector >>> 3);
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
export const FLAT_CODE_64: SegmentState = flat(FLAT_RING3_CS64);
/** 32-bit code, of user mode. */
export const FLAT_CODE_32: SegmentState = flat(FLAT_RING3_CS32);
/** The stack that goes with it. */
export const FLAT_STACK_64: SegmentState = flat(FLAT_RING3_SS64);

/** Continues in flat 64-bit code and stack, as SYSRET does. */
export const loadFlatSegments64 = (context: VcpuContext): void => {
  context.setSegment(SEGMENT.cs, FLAT_CODE_64);
  context.setSegment(SEGMENT.ss, FLAT_STACK_64);
};
