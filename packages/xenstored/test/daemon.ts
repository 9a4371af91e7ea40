import { type ByteStream, createStreamPair } from "@xenolith/backend-interface";
import type { OwnPages } from "@xenolith/domain-interface";
import { createFakeHost, type FakeHost } from "@xenolith/domain-interface/testing";
import { createRingStream } from "@xenolith/io-ring";
import { toDomId, toPort } from "@xenolith/xen-abi";
import { XENSTORE_RING, XS_ERROR, XS_WATCH_EVENT } from "@xenolith/xen-abi/io/xs-wire";
import { createMessageReader, encodeMessage } from "@xenolith/xenbus/wire";
import { createXenstored, type Quotas, type Xenstored } from "../src/index.ts";

/** An answer: the name of the error, or the payload as text with `|` for each zero byte. */
export type Answer = string;

/** A client that speaks the wire protocol and nothing more. */
export interface RawClient {
  readonly stream: ByteStream;
  /** Sends a request whose payload is given with `|` for each zero byte, and gives its answer. */
  ask(type: number, payload: string, transaction?: number): Answer;
  /** Events that have come since the last call, each as `path|token`. */
  events(): string[];
  /** Takes what has come without waiting for anything. */
  pump(): void;
}

export interface TestDaemon {
  readonly host: FakeHost;
  readonly store: Xenstored;
  /** A client on a stream. */
  client(domain: number, privileged?: boolean): RawClient;
  /** A domain that is served over its page. */
  ringClient(domain: number): RawClient & { readonly page: OwnPages; notify(): void };
}

const decoder = new TextDecoder("latin1");

const rawClient = (host: FakeHost, stream: ByteStream): RawClient => {
  const reader = createMessageReader();
  const answers = new Map<number, Answer>();
  let events: string[] = [];
  let nextId = 1;
  const pump = (): void => {
    for (let message = reader.next(stream); message !== null; message = reader.next(stream)) {
      const text = decoder.decode(message.payload);
      if (message.type === XS_WATCH_EVENT) events.push(text.slice(0, -1).replace("\0", "|"));
      else answers.set(message.requestId, message.type === XS_ERROR ? (text.split("\0")[0] ?? "") : text);
    }
  };
  return {
    stream,
    pump,
    ask: (type, payload, transaction = 0) => {
      const requestId = nextId++;
      const bytes = Uint8Array.from(payload, (character) =>
        character === "|" ? 0 : character.charCodeAt(0),
      );
      let message = encodeMessage({ type, requestId, transactionId: transaction, payload: bytes });
      for (let round = 0; round < 100; round++) {
        message = message.subarray(stream.write(message));
        host.settle();
        pump();
        const answer = answers.get(requestId);
        if (answer !== undefined) return answer.replaceAll("\0", "|");
      }
      throw new Error(`no answer to request ${type} ${payload}`);
    },
    events: () => {
      for (let round = 0; round < 100; round++) {
        host.settle();
        pump();
      }
      const taken = events;
      events = [];
      return taken;
    },
  };
};

/** A store in domain 0 of a fake host. */
export const createTestDaemon = (quotas: Partial<Quotas> = {}): TestDaemon => {
  const host = createFakeHost();
  const store = createXenstored({ domain: host.domain(0), quotas });
  return {
    host,
    store,
    client: (domain, privileged = domain === 0) => {
      const [near, far] = createStreamPair();
      store.connect(far, { domain: toDomId(domain), privileged });
      return rawClient(host, near);
    },
    ringClient: (id) => {
      const domain = host.domain(id);
      const page = domain.grants.allocatePages(1);
      if (page === null) throw new Error("no page");
      domain.seedGrant(1, page, 0, 0);
      const port = toPort(domain.events.allocateUnbound(toDomId(0)));
      const result = store.introduce(toDomId(id), port);
      if (result !== 0) throw new Error(`introduce: ${result}`);
      const notify = (): void => {
        domain.events.notify(port);
      };
      const stream = createRingStream({
        page,
        send: XENSTORE_RING.requests,
        receive: XENSTORE_RING.replies,
        notify,
      });
      return { ...rawClient(host, stream), page, notify };
    },
  };
};
