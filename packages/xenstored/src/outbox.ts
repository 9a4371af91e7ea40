import type { ByteStream } from "@xenolith/backend-interface";

interface Waiting {
  readonly bytes: Uint8Array;
  /** Identifies an event among those that wait; null for an answer. */
  readonly eventKey: string | null;
}

/** Messages on their way to a client, in order, sent as the client makes room. */
export interface Outbox {
  pushReply(bytes: Uint8Array): void;
  /** Queues an event, unless one with the same key still waits. */
  pushEvent(key: string, bytes: Uint8Array): void;
  /** Answers that wait. */
  readonly replies: number;
  /** Events that wait. */
  readonly events: number;
  /** Sends what there is room for. @returns bytes sent. */
  flush(stream: ByteStream): number;
  clear(): void;
}

/** A class, not closures: a host has one for every domain. */
class MessageQueue implements Outbox {
  replies = 0;
  #queue: Waiting[] = [];
  #first = 0;
  #sentOfFirst = 0;
  /** Keys of the events that wait; no set while there is none. */
  #eventKeys: Set<string> | null = null;

  get events(): number {
    return this.#eventKeys?.size ?? 0;
  }

  pushReply(bytes: Uint8Array): void {
    this.replies++;
    this.#queue.push({ bytes, eventKey: null });
  }

  pushEvent(key: string, bytes: Uint8Array): void {
    if (this.#eventKeys?.has(key) === true) return;
    this.#eventKeys ??= new Set();
    this.#eventKeys.add(key);
    this.#queue.push({ bytes, eventKey: key });
  }

  flush(stream: ByteStream): number {
    let sent = 0;
    for (;;) {
      const waiting = this.#queue[this.#first];
      if (waiting === undefined) break;
      const count = stream.write(waiting.bytes.subarray(this.#sentOfFirst));
      sent += count;
      this.#sentOfFirst += count;
      if (this.#sentOfFirst < waiting.bytes.length) break;
      this.#dropFirst(waiting);
    }
    return sent;
  }

  clear(): void {
    this.#queue = [];
    this.#first = 0;
    this.#sentOfFirst = 0;
    this.replies = 0;
    this.#eventKeys = null;
  }

  #dropFirst({ eventKey }: Waiting): void {
    if (eventKey === null) this.replies--;
    else this.#eventKeys?.delete(eventKey);
    if (this.#eventKeys?.size === 0) this.#eventKeys = null;
    this.#first++;
    this.#sentOfFirst = 0;
    // Sent messages leave the array in batches, so that a long queue does not cost its square; an empty one keeps nothing.
    if (this.#first === this.#queue.length || (this.#first >= 64 && this.#first * 2 >= this.#queue.length)) {
      this.#queue = this.#queue.slice(this.#first);
      this.#first = 0;
    }
  }
}

/** Makes an empty outbox. */
export const createOutbox = (): Outbox => new MessageQueue();
