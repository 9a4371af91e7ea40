import type { ByteStream } from "@xenolith/backend-interface";
import {
  XS_GET_DOMAIN_PATH,
  XS_INTRODUCE,
  XS_IS_DOMAIN_INTRODUCED,
  XS_RELEASE,
  XS_RESUME,
  XS_TRANSACTION_END,
  XS_TRANSACTION_START,
  XS_UNWATCH,
  XS_WATCH,
} from "@xenolith/xen-abi/io/xs-wire";
import { acknowledge, createStoreNodes, mapResult, type SendRequest } from "./nodes.ts";
import { createRequestChannel } from "./requests.ts";
import type { StoreCallback, StoreClient, StoreNodes, StoreWatch } from "./types.ts";
import { decodeStrings, encodeStrings } from "./wire/payload.ts";

/** How often a transaction is tried before `EAGAIN` is its result. */
export const TRANSACTION_ATTEMPTS = 16;

interface OwnWatch {
  readonly path: string;
  readonly listener: (changed: string) => void;
}

/** A client whose connection can be replaced: after a restart of the store, or of the domain after migration. */
export interface ReconnectingStoreClient extends StoreClient {
  /** Goes on over another stream. Requests under way give `EIO`; watches are set again, and so fire. */
  reconnect(stream: ByteStream): void;
}

/** Makes a client over a stream, whose listener it takes: `domain.store`, or one half of a pair. */
export const createStoreClient = (stream: ByteStream): ReconnectingStoreClient => {
  const watches = new Map<string, OwnWatch>();
  let nextToken = 1;
  const onEvent = (path: string, token: string): void => watches.get(token)?.listener(path);
  let channel = createRequestChannel(stream, onEvent);

  const sendIn =
    (transactionId: number): SendRequest =>
    (type, payload, done) =>
      channel.send({ type, transactionId, payload }, done);
  const send = sendIn(0);

  const setWatch = (token: string, { path }: OwnWatch): void => {
    send(XS_WATCH, encodeStrings([path, token]), () => {});
  };

  const attempt = (
    body: (nodes: StoreNodes, end: (commit: boolean) => void) => void,
    done: StoreCallback<void>,
    attemptsLeft: number,
  ): void => {
    send(XS_TRANSACTION_START, encodeStrings([""]), (started) => {
      if (!started.ok) {
        done(started);
        return;
      }
      const sendHere = sendIn(Number(decodeStrings(started.value)[0]));
      let ended = false;
      body(createStoreNodes(sendHere), (commit) => {
        if (ended) return;
        ended = true;
        sendHere(XS_TRANSACTION_END, encodeStrings([commit ? "T" : "F"]), (result) => {
          if (!result.ok && result.error === "EAGAIN" && attemptsLeft > 1)
            attempt(body, done, attemptsLeft - 1);
          else acknowledge(done)(result);
        });
      });
    });
  };

  return {
    ...createStoreNodes(send),
    watch: (path, listener): StoreWatch => {
      const token = String(nextToken++);
      const watch = { path, listener };
      watches.set(token, watch);
      setWatch(token, watch);
      return {
        path,
        cancel: () => {
          if (watches.delete(token)) send(XS_UNWATCH, encodeStrings([path, token]), () => {});
        },
      };
    },
    transaction: (body, done = () => {}) => attempt(body, done, TRANSACTION_ATTEMPTS),
    introduce: (domain, frame, port, done) =>
      send(XS_INTRODUCE, encodeStrings([domain, frame, port, 1].map(String)), acknowledge(done)),
    release: (domain, done) => send(XS_RELEASE, encodeStrings([String(domain)]), acknowledge(done)),
    resume: (domain, done) => send(XS_RESUME, encodeStrings([String(domain)]), acknowledge(done)),
    isIntroduced: (domain, done) =>
      send(
        XS_IS_DOMAIN_INTRODUCED,
        encodeStrings([String(domain)]),
        mapResult(done, (bytes) => decodeStrings(bytes)[0] === "T"),
      ),
    domainPath: (domain, done) =>
      send(
        XS_GET_DOMAIN_PATH,
        encodeStrings([String(domain)]),
        mapResult(done, (bytes) => decodeStrings(bytes)[0] ?? ""),
      ),
    close: () => {
      watches.clear();
      channel.close();
    },
    get closed() {
      return channel.closed;
    },
    reconnect: (next) => {
      channel.close();
      channel = createRequestChannel(next, onEvent);
      for (const [token, watch] of watches) setWatch(token, watch);
    },
  };
};
