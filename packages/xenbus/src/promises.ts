import type { DomId, Port } from "@xenolith/xen-abi";
import type { StoreCallback, StoreClient, StoreNodes } from "./types.ts";

/** A store operation that failed, for code that is written with promises. */
export class StoreError extends Error {
  /** Xenstore's name of the error, such as `ENOENT`. */
  readonly code: string;
  constructor(operation: string, path: string, code: string) {
    super(`xenstore: ${operation} ${path}: ${code}`);
    this.name = "StoreError";
    this.code = code;
  }
}

/** Operations on nodes as promises that fail with a {@link StoreError}. */
export interface PromisedNodes {
  read(path: string): Promise<string>;
  write(path: string, value: string | Uint8Array): Promise<void>;
  makeDirectory(path: string): Promise<void>;
  remove(path: string): Promise<void>;
  list(path: string): Promise<string[]>;
  getPermissions(path: string): Promise<string[]>;
  setPermissions(path: string, permissions: readonly string[]): Promise<void>;
}

/** A store client as promises, for toolstacks and tools. */
export interface PromisedStore extends PromisedNodes {
  /** Runs `body` in a transaction, again on a conflict. What it throws aborts the transaction and is thrown on. */
  transaction(body: (nodes: PromisedNodes) => Promise<void>): Promise<void>;
  introduce(domain: DomId, frame: number, port: Port): Promise<void>;
  release(domain: DomId): Promise<void>;
  resume(domain: DomId): Promise<void>;
}

const promise = <Value>(
  operation: string,
  path: string,
  start: (done: StoreCallback<Value>) => void,
): Promise<Value> =>
  new Promise((resolve, reject) => {
    start((result) => {
      if (result.ok) resolve(result.value);
      else reject(new StoreError(operation, path, result.error));
    });
  });

const promiseNodes = (nodes: StoreNodes): PromisedNodes => ({
  read: (path) => promise("read", path, (done) => nodes.read(path, done)),
  write: (path, value) => promise("write", path, (done) => nodes.write(path, value, done)),
  makeDirectory: (path) => promise("mkdir", path, (done) => nodes.makeDirectory(path, done)),
  remove: (path) => promise("rm", path, (done) => nodes.remove(path, done)),
  list: (path) => promise("list", path, (done) => nodes.list(path, done)),
  getPermissions: (path) => promise("get-perms", path, (done) => nodes.getPermissions(path, done)),
  setPermissions: (path, permissions) =>
    promise("set-perms", path, (done) => nodes.setPermissions(path, permissions, done)),
});

/** Wraps a client. The client can still be used itself. */
export const promiseStore = (client: StoreClient): PromisedStore => ({
  ...promiseNodes(client),
  transaction: async (body) => {
    let failure: { readonly error: unknown } | null = null;
    await promise<void>("transaction", "", (done) =>
      client.transaction((nodes, end) => {
        failure = null;
        body(promiseNodes(nodes)).then(
          () => end(true),
          (error: unknown) => {
            failure = { error };
            end(false);
          },
        );
      }, done),
    );
    const failed: { readonly error: unknown } | null = failure;
    if (failed !== null) throw (failed as { readonly error: unknown }).error;
  },
  introduce: (domain, frame, port) =>
    promise("introduce", `${domain}`, (done) => client.introduce(domain, frame, port, done)),
  resume: (domain) => promise("resume", `${domain}`, (done) => client.resume(domain, done)),
  release: (domain) => promise("release", `${domain}`, (done) => client.release(domain, done)),
});
