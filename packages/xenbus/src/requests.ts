import type { ByteStream } from "@xenolith/backend-interface";
import { XS_ERROR, XS_WATCH_EVENT, XSD_ERRORS, type XsdError } from "@xenolith/xen-abi/io/xs-wire";
import type { StoreResult } from "./types.ts";
import { createMessageReader, encodeMessage, type StoreMessage } from "./wire/message.ts";
import { decodeStrings } from "./wire/payload.ts";

/** A request without the number that matches its answer to it. */
export interface StoreRequest {
  readonly type: number;
  readonly transactionId: number;
  readonly payload: Uint8Array;
}

/** Sends requests over a stream and gives each its answer. */
export interface RequestChannel {
  /** Sends as soon as there is room. `done` is called once: with the answer's payload, or an error. */
  send(request: StoreRequest, done: (result: StoreResult<Uint8Array>) => void): void;
  close(): void;
  readonly closed: boolean;
}

const failure = (error: XsdError): StoreResult<never> => ({ ok: false, error });

const answerOf = (request: StoreRequest, reply: StoreMessage): StoreResult<Uint8Array> => {
  if (reply.type === request.type) return { ok: true, value: reply.payload };
  const name = reply.type === XS_ERROR ? decodeStrings(reply.payload)[0] : undefined;
  return failure(XSD_ERRORS.find((error) => error === name) ?? "EIO");
};

/** Makes a channel over a stream, whose listener it takes. Watch events go to `onEvent`. */
export const createRequestChannel = (
  stream: ByteStream,
  onEvent: (path: string, token: string) => void,
): RequestChannel => {
  const reader = createMessageReader();
  const waiting = new Map<
    number,
    { readonly request: StoreRequest; readonly done: (result: StoreResult<Uint8Array>) => void }
  >();
  let unsent: Uint8Array[] = [];
  let nextId = 1;
  let closed = false;
  let reading = false;
  let flushing = false;

  const flush = (): void => {
    // Writing may make a peer in this process answer at once, which comes back here.
    if (flushing) return;
    flushing = true;
    for (let first = unsent[0]; first !== undefined; first = unsent[0]) {
      const taken = stream.write(first);
      if (taken === first.length) unsent.shift();
      else {
        unsent[0] = first.subarray(taken);
        break;
      }
    }
    flushing = false;
  };
  const close = (): void => {
    if (closed) return;
    closed = true;
    stream.onActivity(null);
    stream.close();
    unsent = [];
    const pending = [...waiting.values()];
    waiting.clear();
    for (const { done } of pending) done(failure("EIO"));
  };
  const dispatch = (message: StoreMessage): void => {
    if (message.type === XS_WATCH_EVENT) {
      const [path, token] = decodeStrings(message.payload);
      if (path !== undefined && token !== undefined) onEvent(path, token);
      return;
    }
    const entry = waiting.get(message.requestId);
    if (entry === undefined) return;
    waiting.delete(message.requestId);
    entry.done(answerOf(entry.request, message));
  };
  const onActivity = (): void => {
    flush();
    // A callback may send, and a stream within one process may answer at once: the outer call reads that answer.
    if (reading) return;
    reading = true;
    for (let message = reader.next(stream); message !== null && !closed; message = reader.next(stream)) {
      dispatch(message);
    }
    reading = false;
    if (reader.violated || stream.closed) close();
  };

  const takeId = (): number => {
    while (waiting.has(nextId) || nextId === 0) nextId = (nextId + 1) >>> 0;
    const id = nextId;
    nextId = (nextId + 1) >>> 0;
    return id;
  };

  stream.onActivity(onActivity);
  return {
    get closed() {
      return closed;
    },
    close,
    send: (request, done) => {
      if (closed) {
        done(failure("EIO"));
        return;
      }
      const requestId = takeId();
      waiting.set(requestId, { request, done });
      unsent.push(encodeMessage({ ...request, requestId }));
      flush();
    },
  };
};
