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
import type { Watch, WatchOwner, WatchRegistry } from "./watches.ts";

/** One client's connection: who it is, what it watches, its transactions, and what is on the way to it. */
export interface Session extends Caller, WatchOwner {
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

/** What all sessions have in common. */
export interface SharedStore {
  /** Limits for clients that are not privileged. */
  readonly quotas: Quotas;
  readonly database: Database;
  readonly watches: WatchRegistry;
}

/** What a session is made with. */
export interface SessionOptions {
  readonly stream: ByteStream;
  readonly principal: Principal;
  readonly shared: SharedStore;
  /** Called when something was put into the outbox from outside a request of this session's own. */
  readonly onPending: () => void;
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

/** A class, not closures: a host has one for every domain. */
class ClientSession implements Session {
  readonly stream: ByteStream;
  readonly quotas: Quotas | null;
  readonly reader: MessageReader = createMessageReader();
  readonly outbox: Outbox = createOutbox();
  principal: Principal;
  readonly #shared: SharedStore;
  readonly #onPending: () => void;
  /** By {@link watchKey}; no map while there is none. */
  #watches: Map<string, Watch> | null = null;
  /** By number; no map while there is none. */
  #transactions: Map<number, Transaction> | null = null;
  #nextTransaction = 1;

  constructor({ stream, principal, shared, onPending }: SessionOptions) {
    this.stream = stream;
    this.principal = principal;
    this.quotas = principal.privileged ? null : shared.quotas;
    this.#shared = shared;
    this.#onPending = onPending;
  }

  get base(): string {
    return domainPath(this.principal.domain);
  }

  setTarget(target: number | null): void {
    const { domain, privileged } = this.principal;
    this.principal = { domain, privileged, target };
  }

  addWatch(path: string, token: string, relative: boolean): Watch | XsdError {
    const key = watchKey(path, token);
    this.#watches ??= new Map();
    if (this.#watches.has(key)) return "EEXIST";
    if (this.quotas !== null && this.#watches.size >= this.quotas.watches) return "E2BIG";
    const prefixLength = relative ? this.base.length + 1 : 0;
    const watch = this.#shared.watches.add({ path, token, prefixLength, owner: this });
    this.#watches.set(key, watch);
    return watch;
  }

  removeWatch(path: string, token: string): XsdError | null {
    const key = watchKey(path, token);
    const watch = this.#watches?.get(key);
    if (watch === undefined) return "ENOENT";
    this.#watches?.delete(key);
    this.#shared.watches.remove(watch);
    return null;
  }

  startTransaction(): number | XsdError {
    const { quotas } = this;
    this.#transactions ??= new Map();
    const transactions = this.#transactions;
    if (quotas !== null && transactions.size >= quotas.transactions) return "ENOSPC";
    while (transactions.has(this.#nextTransaction) || this.#nextTransaction === 0) this.#countOn();
    const id = this.#nextTransaction;
    this.#countOn();
    const limit = quotas?.transactionNodes ?? Number.POSITIVE_INFINITY;
    transactions.set(id, createTransaction(this.#shared.database, limit));
    return id;
  }

  transaction(id: number): Transaction | undefined {
    return this.#transactions?.get(id);
  }

  endTransaction(id: number): void {
    this.#transactions?.delete(id);
    if (this.#transactions?.size === 0) this.#transactions = null;
  }

  resetState(): void {
    for (const watch of this.#watches?.values() ?? []) this.#shared.watches.remove(watch);
    this.#watches = null;
    this.#transactions = null;
  }

  clear(): void {
    this.resetState();
    this.outbox.clear();
    this.reader.reset();
  }

  fire(watch: Watch, path: string): void {
    const payloadBytes = path.length - watch.prefixLength + watch.token.length + 2;
    const eventLimit = this.quotas?.pendingEvents ?? PRIVILEGED_PENDING_EVENTS;
    // A client that does not take its events is told once per watch that it has to look again; so is one whose token
    // leaves no room for the path.
    const exact = this.outbox.events < eventLimit && payloadBytes <= XENSTORE_PAYLOAD_MAX;
    const told = exact ? path : watch.path;
    const message = eventMessage(told.slice(watch.prefixLength), watch.token);
    this.outbox.pushEvent(watchKey(told, watch.token), message);
    this.#onPending();
  }

  #countOn(): void {
    this.#nextTransaction = (this.#nextTransaction + 1) >>> 0;
  }
}

/** Makes the state of a new connection. */
export const createSession = (options: SessionOptions): Session => new ClientSession(options);
