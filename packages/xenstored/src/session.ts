import type { ByteStream } from "@xenolith/backend-interface";
import { XENSTORE_PAYLOAD_MAX, XS_WATCH_EVENT, type XsdError } from "@xenolith/xen-abi/io/xs-wire";
import { createMessageReader, encodeMessage, encodeStrings, type MessageReader } from "@xenolith/xenbus/wire";
import { createOutbox, type Outbox } from "./outbox.ts";
import type { Quotas } from "./quotas.ts";
import type { Database } from "./store/database.ts";
import type { Caller } from "./store/operations.ts";
import { domainPath } from "./store/path.ts";
import type { Principal } from "./store/permissions.ts";
import { createTransaction, type Transaction } from "./store/transaction.ts";
import type { Watch, WatchRegistry } from "./watches.ts";

/** One client's connection: who it is, what it watches, its transactions, and what is on the way to it. */
export interface Session extends Caller {
  readonly stream: ByteStream;
  readonly reader: MessageReader;
  readonly outbox: Outbox;
  /** Directory that the client's relative paths start from. */
  readonly base: string;
  setTarget(target: number | null): void;
  addWatch(path: string, token: string, relative: boolean): Watch | XsdError;
  removeWatch(path: string, token: string): XsdError | null;
  startTransaction(): number | XsdError;
  transaction(id: number): Transaction | undefined;
  endTransaction(id: number): void;
  /** Forgets watches and transactions. */
  resetState(): void;
  /** Forgets everything, also what was half received or waits to be sent. */
  clear(): void;
}

/** What sessions are made with. */
export interface SessionOptions {
  readonly stream: ByteStream;
  readonly principal: Principal;
  /** Limits for a client that is not privileged. */
  readonly quotas: Quotas;
  readonly database: Database;
  readonly watches: WatchRegistry;
  /** Called when something was put into the outbox from outside a request of this session's own. */
  readonly onPending: (session: Session) => void;
}

/** Most events that wait for a privileged client before they are merged. */
const PRIVILEGED_PENDING_EVENTS = 65_536;

const eventMessage = (path: string, token: string): Uint8Array =>
  encodeMessage({
    type: XS_WATCH_EVENT,
    requestId: 0,
    transactionId: 0,
    payload: encodeStrings([path, token]),
  });

const watchKey = (path: string, token: string): string => `${path}\0${token}`;

/** Makes the state of a new connection. */
export const createSession = (options: SessionOptions): Session => {
  const { database, watches: registry } = options;
  let principal = options.principal;
  const quotas = principal.privileged ? null : options.quotas;
  const base = domainPath(principal.domain);
  const own = new Map<string, Watch>();
  const transactions = new Map<number, Transaction>();
  const outbox = createOutbox();
  const reader = createMessageReader();
  const eventLimit = quotas?.pendingEvents ?? PRIVILEGED_PENDING_EVENTS;
  let nextTransaction = 1;

  const fire = (watch: Watch, path: string): void => {
    const payloadBytes = path.length - watch.prefixLength + watch.token.length + 2;
    // A client that does not take its events is told once per watch that it has to look again; so is one whose token
    // leaves no room for the path.
    const exact = outbox.events < eventLimit && payloadBytes <= XENSTORE_PAYLOAD_MAX;
    const told = exact ? path : watch.path;
    outbox.pushEvent(watchKey(told, watch.token), eventMessage(told.slice(watch.prefixLength), watch.token));
    options.onPending(session);
  };
  const resetState = (): void => {
    for (const watch of own.values()) registry.remove(watch);
    own.clear();
    transactions.clear();
  };

  const session: Session = {
    stream: options.stream,
    get principal() {
      return principal;
    },
    quotas,
    base,
    reader,
    outbox,
    setTarget: (target) => {
      principal = { ...principal, target };
    },
    addWatch: (path, token, relative) => {
      const key = watchKey(path, token);
      if (own.has(key)) return "EEXIST";
      if (quotas !== null && own.size >= quotas.watches) return "E2BIG";
      const watch = registry.add({
        path,
        token,
        prefixLength: relative ? base.length + 1 : 0,
        owner: session,
        fire,
      });
      own.set(key, watch);
      return watch;
    },
    removeWatch: (path, token) => {
      const watch = own.get(watchKey(path, token));
      if (watch === undefined) return "ENOENT";
      own.delete(watchKey(path, token));
      registry.remove(watch);
      return null;
    },
    startTransaction: () => {
      if (quotas !== null && transactions.size >= quotas.transactions) return "ENOSPC";
      while (transactions.has(nextTransaction) || nextTransaction === 0)
        nextTransaction = (nextTransaction + 1) >>> 0;
      const id = nextTransaction;
      nextTransaction = (nextTransaction + 1) >>> 0;
      transactions.set(id, createTransaction(database, quotas?.transactionNodes ?? Number.POSITIVE_INFINITY));
      return id;
    },
    transaction: (id) => transactions.get(id),
    endTransaction: (id) => {
      transactions.delete(id);
    },
    resetState,
    clear: () => {
      resetState();
      outbox.clear();
      reader.reset();
    },
  };
  return session;
};
