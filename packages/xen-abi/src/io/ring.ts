/**
 * The shared page of every request/response ring: four free-running u32 indices in a header of 64 bytes, then slots.
 * [XEN io/ring.h]
 */
export const SHARED_RING = {
  /** Requests produced so far, written by the front. */
  reqProd: 0,
  /** The front notifies when `reqProd` passes this; written by the back. */
  reqEvent: 4,
  /** Responses produced so far, written by the back. */
  rspProd: 8,
  /** The back notifies when `rspProd` passes this; written by the front. */
  rspEvent: 12,
  /** First slot. */
  slots: 64,
} as const;

/** Number of slots of `slotBytes` that a ring of `ringBytes` has: the largest power of two that fits. */
export const ringSlotCount = (ringBytes: number, slotBytes: number): number => {
  const fitting = Math.floor((ringBytes - SHARED_RING.slots) / slotBytes);
  return fitting < 1 ? 0 : 2 ** Math.floor(Math.log2(fitting));
};
