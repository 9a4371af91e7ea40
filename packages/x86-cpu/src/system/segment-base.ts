import type { SegmentIndex } from "@xenolith/x86-architecture";
import { SEGMENT_BYTES, SEGMENT_FIELD, STATE } from "../state/layout.ts";
import type { VcpuState } from "../state/vcpu-state.ts";

const baseOffset = (segment: SegmentIndex): number =>
  STATE.segments + SEGMENT_BYTES * segment + SEGMENT_FIELD.base;

/** Base of FS or GS, all 64 bits. [SDM3A-3.4.4] */
export const segmentBaseValue = (state: VcpuState, segment: SegmentIndex): bigint =>
  state.wide(baseOffset(segment));

/** Sets the base of FS or GS and nothing else of it. The value is canonical. */
export const setSegmentBaseValue = (state: VcpuState, segment: SegmentIndex, value: bigint): void =>
  state.setWide(baseOffset(segment), value);
