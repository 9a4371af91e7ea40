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

/** Makes an empty outbox. */
export const createOutbox = (): Outbox => {
  let queue: Waiting[] = [];
  let first = 0;
  let sentOfFirst = 0;
  let replies = 0;
  const eventKeys = new Set<string>();

  const dropFirst = ({ eventKey }: Waiting): void => {
    if (eventKey === null) replies--;
    else eventKeys.delete(eventKey);
    first++;
    sentOfFirst = 0;
    // Sent messages leave the array in batches, so that a long queue does not cost its square.
    if (first >= 64 && first * 2 >= queue.length) {
      queue = queue.slice(first);
      first = 0;
    }
  };

  return {
    get replies() {
      return replies;
    },
    get events() {
      return eventKeys.size;
    },
    pushReply: (bytes) => {
      replies++;
      queue.push({ bytes, eventKey: null });
    },
    pushEvent: (key, bytes) => {
      if (eventKeys.has(key)) return;
      eventKeys.add(key);
      queue.push({ bytes, eventKey: key });
    },
    flush: (stream) => {
      let sent = 0;
      for (let waiting = queue[first]; waiting !== undefined; waiting = queue[first]) {
        const count = stream.write(waiting.bytes.subarray(sentOfFirst));
        sent += count;
        sentOfFirst += count;
        if (sentOfFirst < waiting.bytes.length) break;
        dropFirst(waiting);
      }
      return sent;
    },
    clear: () => {
      queue = [];
      first = 0;
      sentOfFirst = 0;
      replies = 0;
      eventKeys.clear();
    },
  };
};
