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

/** A class, not closures: a host has several of these for every domain. */
class SharedRingStream implements RingStream {
  closed = false;
  violated = false;
  readonly #options: RingStreamOptions;
  #listener: (() => void) | null = null;

  constructor(options: RingStreamOptions) {
    this.#options = options;
  }

  write(bytes: Uint8Array): number {
    return this.closed ? 0 : this.#settle(writeByteRing(this.#options.page, this.#options.send, bytes));
  }

  read(into: Uint8Array): number {
    return this.closed ? 0 : this.#settle(readByteRing(this.#options.page, this.#options.receive, into));
  }

  onActivity(next: (() => void) | null): void {
    this.#listener = next;
  }

  activity(): void {
    this.#listener?.();
  }

  close(): void {
    this.closed = true;
  }

  #settle(result: number): number {
    if (result < 0) {
      this.closed = true;
      this.violated = true;
      return 0;
    }
    if (result > 0) this.#options.notify();
    return result;
  }
}

/** Makes a stream over shared rings. Impossible indices close it; nothing throws. */
export const createRingStream = (options: RingStreamOptions): RingStream => new SharedRingStream(options);
