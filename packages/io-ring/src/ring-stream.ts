import type { ByteStream } from "@xenolith/backend-interface";
import { type ByteRingLayout, readByteRing, writeByteRing } from "./byte-ring.ts";
import type { RingPage } from "./ring-page.ts";

/** One end of a page with a ring of bytes in each direction. */
export interface RingStreamOptions {
  readonly page: RingPage;
  /** Ring this end produces into. */
  readonly send: ByteRingLayout;
  /** Ring this end consumes from. */
  readonly receive: ByteRingLayout;
  /** Sends the event that tells the other end that bytes or room have appeared. */
  readonly notify: () => void;
}

/** A byte stream over shared rings. The owner of the event channel calls {@link RingStream.activity} when its event comes. */
export interface RingStream extends ByteStream {
  /** The other end has notified: tells the listener. */
  activity(): void;
  /** Whether the other end's indices were impossible. The stream is closed then. */
  readonly violated: boolean;
}

/** Makes a stream over shared rings. Impossible indices close it; nothing throws. */
export const createRingStream = ({ page, send, receive, notify }: RingStreamOptions): RingStream => {
  let listener: (() => void) | null = null;
  let closed = false;
  let violated = false;

  const settle = (result: number): number => {
    if (result < 0) {
      closed = true;
      violated = true;
      return 0;
    }
    if (result > 0) notify();
    return result;
  };

  return {
    write: (bytes) => (closed ? 0 : settle(writeByteRing(page, send, bytes))),
    read: (into) => (closed ? 0 : settle(readByteRing(page, receive, into))),
    onActivity: (next) => {
      listener = next;
    },
    activity: () => listener?.(),
    get closed() {
      return closed;
    },
    get violated() {
      return violated;
    },
    close: () => {
      closed = true;
    },
  };
};
