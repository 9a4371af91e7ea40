/**
 * Xen's shared ring of request and response slots: the front produces requests, the back answers each in a slot of the same
 * ring. Indices run freely over 32 bits; a slot is `index & (slotCount - 1)`. A ring only says whether the other end wants to be
 * notified: its owner holds the event channel. [XEN io/ring.h]
 */
import { HostError } from "@xenolith/machine-interface";
import { ringSlotCount, SHARED_RING } from "@xenolith/xen-abi/io/ring";
import type { RingPage } from "./ring-page.ts";

/** Where a ring of slots lies. */
export interface SlotRingPlace {
  readonly page: RingPage;
  /** Bytes of the whole ring, header included: 4096 times a power of two. */
  readonly ringBytes: number;
  /** Bytes of a slot: the larger of a request and a response. */
  readonly slotBytes: number;
}

/** Result of taking a message from a ring: {@link SLOT_TAKEN}, {@link SLOT_NONE} or `RING_VIOLATION`. */
export type SlotTake = number;

/** Nothing waits. */
export const SLOT_NONE = 0;
/** A message was copied out. */
export const SLOT_TAKEN = 1;

/** Difference of two free-running indices. */
export const distance = (later: number, earlier: number): number => (later - earlier) >>> 0;

/** Index after `index`. */
export const after = (index: number): number => (index + 1) >>> 0;

/**
 * Whether an end that waits for an event when its peer's producer passes `event` wants one, now that the producer has moved from
 * `before` to `now`. The hold-off of RING_PUSH_*_AND_CHECK_NOTIFY.
 */
export const crossesEvent = (before: number, now: number, event: number): boolean =>
  distance(now, event) < distance(now, before);

/** Slots of a ring, and where slot `index` begins. */
export interface SlotGeometry {
  readonly slotCount: number;
  offsetOf(index: number): number;
}

/** Computes the geometry of a ring. @throws HostError when not a single slot fits. */
export const slotGeometry = ({ ringBytes, slotBytes }: SlotRingPlace): SlotGeometry => {
  const slotCount = ringSlotCount(ringBytes, slotBytes);
  if (slotCount === 0) {
    throw new HostError("ring-too-small", `no slot of ${slotBytes} bytes fits into a ring of ${ringBytes}`);
  }
  return { slotCount, offsetOf: (index) => SHARED_RING.slots + (index & (slotCount - 1)) * slotBytes };
};
