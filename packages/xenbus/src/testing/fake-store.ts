import { type ByteStream, createStreamPair } from "@xenolith/backend-interface";
import {
  XS_DIRECTORY,
  XS_ERROR,
  XS_READ,
  XS_RM,
  XS_TRANSACTION_END,
  XS_TRANSACTION_START,
  XS_UNWATCH,
  XS_WATCH,
  XS_WATCH_EVENT,
  XS_WRITE,
} from "@xenolith/xen-abi/io/xs-wire";
import { createMessageReader, decodeStrings, encodeMessage, type StoreMessage } from "../wire/index.ts";

/** What a fake store has to say to a request: a payload with `|` for zero bytes, or an error. */
export type FakeAnswer = { readonly payload: string } | { readonly error: string };

/** A store without rights, transactions' isolation or limits, for clients that share it. It answers when told to. */
export interface FakeStore {
  readonly nodes: Map<string, string>;
  /** A client's end of a new connection. Relative paths start from `base`: `/local/domain/3` for domain 3. */
  connect(base?: string): ByteStream;
  /** Answers everything that has come. */
  settle(): void;
  /** Requests of all clients so far, as `type payload`. */
  readonly requests: string[];
  /** Changes a node from outside and fires watches. */
  set(path: string, value: string | null): void;
  /** Answers the next request of a type otherwise than the fake would. */
  override(type: number, answer: FakeAnswer): void;
}

interface Connection {
  readonly stream: ByteStream;
  readonly base: string;
  readonly reader: ReturnType<typeof createMessageReader>;
  readonly watches: { readonly path: string; readonly token: string }[];
}

const toBytes = (text: string): Uint8Array =>
  Uint8Array.from(text, (character) => (character === "|" ? 0 : character.charCodeAt(0)));
/** Paths are absolute, unless a connection without a base is given relative ones: those are kept as they are. */
const resolvePath = (base: string, path: string): string =>
  path.startsWith("/") || base === "" ? path : `${base}/${path}`;
const OK: FakeAnswer = { payload: "OK|" };

/** Makes an empty store. */
export const createFakeStore = (): FakeStore => {
  const nodes = new Map<string, string>();
  const connections: Connection[] = [];
  const requests: string[] = [];
  const overrides = new Map<number, FakeAnswer[]>();
  let transactions = 0;

  const send = (connection: Connection, message: StoreMessage): void => {
    connection.stream.write(encodeMessage(message));
  };
  const event = (connection: Connection, path: string, token: string): void =>
    send(connection, {
      type: XS_WATCH_EVENT,
      requestId: 0,
      transactionId: 0,
      payload: toBytes(`${path}|${token}|`),
    });
  const fire = (path: string): void => {
    for (const connection of connections) {
      for (const watch of connection.watches) {
        if (path === watch.path || path.startsWith(`${watch.path}/`)) event(connection, path, watch.token);
      }
    }
  };
  const set = (path: string, value: string | null): void => {
    if (value === null) for (const key of [...nodes.keys()]) if (key.startsWith(path)) nodes.delete(key);
    if (value !== null) nodes.set(path, value);
    fire(path);
  };

  const answer = (connection: Connection, { type, payload }: StoreMessage): FakeAnswer => {
    const [given = "", token = ""] = decodeStrings(payload);
    const path = resolvePath(connection.base, given);
    switch (type) {
      case XS_READ: {
        const value = nodes.get(path);
        return value === undefined ? { error: "ENOENT" } : { payload: value };
      }
      case XS_WRITE:
        set(path, new TextDecoder().decode(payload.subarray(given.length + 1)));
        return OK;
      case XS_RM:
        set(path, null);
        return OK;
      case XS_DIRECTORY: {
        const names = [...nodes.keys()]
          .filter((key) => key.startsWith(`${path}/`))
          .map((key) => key.slice(path.length + 1));
        return { payload: names.map((name) => `${name}|`).join("") };
      }
      case XS_WATCH:
        connection.watches.push({ path, token });
        return OK;
      case XS_UNWATCH: {
        const index = connection.watches.findIndex((watch) => watch.path === path && watch.token === token);
        connection.watches.splice(index, 1);
        return OK;
      }
      case XS_TRANSACTION_START:
        transactions++;
        return { payload: `${transactions}|` };
      case XS_TRANSACTION_END:
        return OK;
      default:
        return { error: "ENOSYS" };
    }
  };

  const serveOne = (connection: Connection): boolean => {
    const message = connection.reader.next(connection.stream);
    if (message === null) return false;
    requests.push(`${message.type} ${decodeStrings(message.payload).join(" ")}`);
    const result = overrides.get(message.type)?.shift() ?? answer(connection, message);
    const failed = "error" in result;
    send(connection, {
      ...message,
      type: failed ? XS_ERROR : message.type,
      payload: toBytes(failed ? `${result.error}|` : result.payload),
    });
    const watch = connection.watches.at(-1);
    if (message.type === XS_WATCH && watch !== undefined) event(connection, watch.path, watch.token);
    return true;
  };

  return {
    nodes,
    requests,
    set,
    connect: (base = "") => {
      const [near, far] = createStreamPair();
      connections.push({ stream: far, base, reader: createMessageReader(), watches: [] });
      return near;
    },
    settle: () => {
      for (let round = 0; round < 10_000; round++) {
        if (!connections.some((connection) => serveOne(connection))) return;
      }
      throw new Error("the fake store does not settle");
    },
    override: (type, result) => {
      overrides.set(type, [...(overrides.get(type) ?? []), result]);
    },
  };
};
