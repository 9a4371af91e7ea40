import { SHARED_RING } from "@xenolith/xen-abi/io/ring";
import { RING_VIOLATION } from "./ring-page.ts";
import {
  after,
  crossesEvent,
  distance,
  SLOT_NONE,
  SLOT_TAKEN,
  type SlotRingPlace,
  type SlotTake,
  slotGeometry,
} from "./slot-ring.ts";

/** The back's half of a ring: consumes requests, produces responses, in whatever order they are done. [XEN io/ring.h] */
export interface BackRing {
  readonly slotCount: number;
  /** Requests taken whose responses have not been put. */
  readonly unanswered: number;
  /**
   * Copies the next request out, once; `into` may be shorter than a slot. A producer that runs ahead of the free slots, or back
   * behind requests already taken, is a violation.
   */
  takeRequest(into: Uint8Array): SlotTake;
  /**
   * To be called when {@link takeRequest} found nothing and before waiting for an event: asks for an event at the next request.
   * @returns whether requests came meanwhile (or the index became impossible), so that the caller must look again.
   */
  finalCheck(): boolean;
  /**
   * Writes a response into the next slot; the front sees it after {@link pushResponses}. @returns false when no request is
   * unanswered: nothing is written then.
   */
  putResponse(bytes: Uint8Array): boolean;
  /** Shows the front all responses put. @returns whether the front wants an event. */
  pushResponses(): boolean;
}

/**
 * Makes the back half of a ring that its front has prepared. It goes on where the responses stand, so that a back end can take
 * over a ring in use whose requests have all been answered.
 */
export const createBackRing = (place: SlotRingPlace): BackRing => {
  const { page } = place;
  const { slotCount, offsetOf } = slotGeometry(place);
  const start = page.readUint32(SHARED_RING.rspProd);
  let requestConsumer = start;
  let responseProducer = start;
  let pushedResponses = start;

  const unanswered = (): number => distance(requestConsumer, responseProducer);
  const unconsumed = (): number => distance(page.readUint32(SHARED_RING.reqProd), requestConsumer);

  return {
    slotCount,
    get unanswered() {
      return unanswered();
    },
    takeRequest: (into) => {
      const waiting = unconsumed();
      if (waiting === 0) return SLOT_NONE;
      if (waiting > slotCount - unanswered()) return RING_VIOLATION;
      page.copyOut(offsetOf(requestConsumer), into.subarray(0, place.slotBytes));
      requestConsumer = after(requestConsumer);
      return SLOT_TAKEN;
    },
    finalCheck: () => {
      if (unconsumed() !== 0) return true;
      page.writeUint32(SHARED_RING.reqEvent, after(requestConsumer));
      return unconsumed() !== 0;
    },
    putResponse: (bytes) => {
      if (unanswered() === 0) return false;
      page.copyIn(offsetOf(responseProducer), bytes.subarray(0, place.slotBytes));
      responseProducer = after(responseProducer);
      return true;
    },
    pushResponses: () => {
      const before = pushedResponses;
      pushedResponses = responseProducer;
      page.writeUint32(SHARED_RING.rspProd, pushedResponses);
      return crossesEvent(before, pushedResponses, page.readUint32(SHARED_RING.rspEvent));
    },
  };
};
