import type { DomId, Port } from "@xenolith/xen-abi";
import type { XsdError } from "@xenolith/xen-abi/io/xs-wire";

/** What a store operation gave: a value, or the name of xenstore's error. `EIO`: the connection is gone. */
export type StoreResult<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly error: XsdError };

/** Receives a result, once. Must not throw. */
export type StoreCallback<Value> = (result: StoreResult<Value>) => void;

/** Operations on nodes, outside a transaction or in one. Paths without a leading `/` start from the own domain's directory. */
export interface StoreNodes {
  /** A value as text (UTF-8). */
  read(path: string, done: StoreCallback<string>): void;
  /** A value as bytes. */
  readBytes(path: string, done: StoreCallback<Uint8Array>): void;
  /** Sets a value; creates the node and what is missing above it. */
  write(path: string, value: string | Uint8Array, done?: StoreCallback<void>): void;
  /** Makes sure that a node exists. */
  makeDirectory(path: string, done?: StoreCallback<void>): void;
  /** Makes sure that a node and all below it do not exist. */
  remove(path: string, done?: StoreCallback<void>): void;
  /** Names of the children, however many there are. */
  list(path: string, done: StoreCallback<string[]>): void;
  /** Permissions in the wire's form, owner first: `n0`, `r5` … */
  getPermissions(path: string, done: StoreCallback<string[]>): void;
  setPermissions(path: string, permissions: readonly string[], done?: StoreCallback<void>): void;
}

/** A watch that has been set. */
export interface StoreWatch {
  readonly path: string;
  /** Ends the watch. Its listener is not called any more, from now on. */
  cancel(): void;
}

/** A client of xenstore. Requests go out in order; answers come through callbacks. [XEN io/xs_wire.h] */
export interface StoreClient extends StoreNodes {
  /**
   * Calls `listener` with the path of each change at `path` or below it, and once after the watch has been set. Several
   * changes may come as one call, and a call may be spurious: read what you need to know.
   */
  watch(path: string, listener: (changed: string) => void): StoreWatch;
  /**
   * Runs `body` in a transaction. `body` calls `end` once, when its last answer has come: true commits. On a conflict with
   * another client everything is done again, at most `TRANSACTION_ATTEMPTS` times; then the result is `EAGAIN`.
   */
  transaction(
    body: (nodes: StoreNodes, end: (commit: boolean) => void) => void,
    done?: StoreCallback<void>,
  ): void;
  /** Tells the store to serve a domain: its reserved grant and its unbound port. Privileged. */
  introduce(domain: DomId, frame: number, port: Port, done?: StoreCallback<void>): void;
  /** Tells the store that a domain is gone. Privileged. */
  release(domain: DomId, done?: StoreCallback<void>): void;
  /** Tells the store that a domain which had stopped goes on. */
  resume(domain: DomId, done?: StoreCallback<void>): void;
  isIntroduced(domain: DomId, done: StoreCallback<boolean>): void;
  /** Directory of a domain. */
  domainPath(domain: DomId, done: StoreCallback<string>): void;
  /** Ends the connection. Requests under way give `EIO`. */
  close(): void;
  readonly closed: boolean;
}
