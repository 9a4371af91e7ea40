import type { Vcpu } from "../vcpu.ts";
import type { Delivery } from "./delivery.ts";
import { DATA_SEGMENTS, nullSegment } from "./segment-loading.ts";

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
    const { selector } = context.segment(index);
    if (context.loadSegment(index, selector) === 0) continue;
    context.setSegment(index, nullSegment(0));
    isComplete = false;
  }
  if (!isComplete) delivery.failsafe(vcpu);
};
