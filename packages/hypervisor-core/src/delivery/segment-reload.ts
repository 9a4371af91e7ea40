import { SEGMENT, type SegmentIndex } from "@xenolith/x86-architecture";
import type { Vcpu } from "../vcpu.ts";
import type { Delivery } from "./delivery.ts";
import { DATA_SEGMENTS, nullSegment } from "./segment-loading.ts";

/** Bases of FS and GS of 64-bit guests are their own, whatever the descriptors say. */
const keepsBase = (vcpu: Vcpu, index: SegmentIndex): boolean =>
  vcpu.domain.width === "x86_64" && (index === SEGMENT.fs || index === SEGMENT.gs);

/**
 * Loads the data segments of a VCPU again when its descriptor tables have changed since it last left the processor, as a
 * switch between guests does. One that cannot be loaded any more becomes null, and the guest gets its failsafe callback.
 */
export const reloadSegments = (vcpu: Vcpu, delivery: Delivery): void => {
  if (!vcpu.descriptorsChanged || vcpu.x86 === null) return;
  vcpu.descriptorsChanged = false;
  const { context } = vcpu.x86;
  let isComplete = true;
  for (const index of DATA_SEGMENTS) {
    const { selector, base } = context.segment(index);
    if (context.loadSegment(index, selector) !== 0) {
      context.setSegment(index, nullSegment(selector));
      isComplete = false;
    }
    if (keepsBase(vcpu, index)) context.setSegment(index, { ...context.segment(index), base });
  }
  if (!isComplete) delivery.failsafe(vcpu);
};
