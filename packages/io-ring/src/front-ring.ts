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

/** The front's half of a ring: produces requests, consumes responses. [XEN io/ring.h] */
export interface FrontRing {
  readonly slotCount: number;
  /** Requests that can still be put before a response is taken. */
  readonly freeSlots: number;
  /** Requests pushed whose responses have not been taken. */
  readonly outstanding: number;
  /** Writes a request into the next slot; the back sees it after {@link pushRequests}. @returns false when the ring is full. */
  putRequest(bytes: Uint8Array): boolean;
  /** Shows the back all requests put. @returns whether the back wants an event. */
  pushRequests(): boolean;
  /**
   * Copies the next response out, once; `into` may be shorter than a slot. More responses than requests are a violation.
   * Effects: the slot is free for a request again.
   */
  takeResponse(into: Uint8Array): SlotTake;
  /**
   * To be called when {@link takeResponse} found nothing and before waiting for an event: asks for an event at the next response.
   * @returns whether responses came meanwhile, so that the caller must take them instead of waiting.
   */
  finalCheck(): boolean;
}

/** A ring's front and the index at which both directions start: 0 but in tests of the indices' wrap. */
export interface FrontRingOptions extends SlotRingPlace {
  readonly startIndex?: number;
}

/** Writes the ring's header and makes its front half. The memory is zeroed and not yet shared. */
export const createFrontRing = (options: FrontRingOptions): FrontRing => {
  const { page, startIndex = 0 } = options;
  const { slotCount, offsetOf } = slotGeometry(options);
  let requestProducer = startIndex;
  let pushedRequests = startIndex;
  let responseConsumer = startIndex;

  page.writeUint32(SHARED_RING.reqProd, startIndex);
  page.writeUint32(SHARED_RING.rspProd, startIndex);
  page.writeUint32(SHARED_RING.reqEvent, after(startIndex));
  page.writeUint32(SHARED_RING.rspEvent, after(startIndex));

  const unconsumed = (): number => distance(page.readUint32(SHARED_RING.rspProd), responseConsumer);

  return {
    slotCount,
    get freeSlots() {
      return slotCount - distance(requestProducer, responseConsumer);
    },
    get outstanding() {
      return distance(pushedRequests, responseConsumer);
    },
    putRequest: (bytes) => {
      if (distance(requestProducer, responseConsumer) >= slotCount) return false;
      page.copyIn(offsetOf(requestProducer), bytes.subarray(0, options.slotBytes));
      requestProducer = after(requestProducer);
      return true;
    },
    pushRequests: () => {
      const before = pushedRequests;
      pushedRequests = requestProducer;
      page.writeUint32(SHARED_RING.reqProd, pushedRequests);
      return crossesEvent(before, pushedRequests, page.readUint32(SHARED_RING.reqEvent));
    },
    takeResponse: (into) => {
      const waiting = unconsumed();
      if (waiting === 0) return SLOT_NONE;
      if (waiting > distance(pushedRequests, responseConsumer)) return RING_VIOLATION;
      page.copyOut(offsetOf(responseConsumer), into.subarray(0, options.slotBytes));
      responseConsumer = after(responseConsumer);
      return SLOT_TAKEN;
    },
    finalCheck: () => {
      if (unconsumed() !== 0) return true;
      page.writeUint32(SHARED_RING.rspEvent, after(responseConsumer));
      return unconsumed() !== 0;
    },
  };
};
