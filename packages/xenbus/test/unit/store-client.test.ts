import { createStreamPair } from "@xenolith/backend-interface";
import {
  XS_DIRECTORY,
  XS_DIRECTORY_PART,
  XS_TRANSACTION_END,
  XS_TRANSACTION_START,
} from "@xenolith/xen-abi/io/xs-wire";
import { describe, expect, it } from "vitest";
import { createStoreClient, promiseStore, type StoreResult, TRANSACTION_ATTEMPTS } from "../../src/index.ts";
import { createFakeStore } from "../../src/testing/index.ts";

const createScene = () => {
  const store = createFakeStore();
  const client = createStoreClient(store.connect());
  /** Result of one operation. */
  const result = <Value>(
    start: (done: (result: StoreResult<Value>) => void) => void,
  ): StoreResult<Value> | null => {
    let given: StoreResult<Value> | null = null;
    start((value) => {
      given = value;
    });
    store.settle();
    return given;
  };
  return { store, client, result };
};

describe("a store client", () => {
  it("gives each request its own answer", () => {
    const { store, client } = createScene();
    for (const name of ["a", "b", "c"]) store.set(`/${name}`, `value of ${name}`);
    const answers: string[] = [];
    for (const name of ["c", "a", "b"]) {
      client.read(`/${name}`, (result) => answers.push(result.ok ? result.value : result.error));
    }
    store.settle();
    expect(answers).toEqual(["value of c", "value of a", "value of b"]);
  });

  it("gives xenstore's errors by name, and EIO for one it does not know", () => {
    const { store, client, result } = createScene();
    expect(result((done) => client.read("/missing", done))).toEqual({ ok: false, error: "ENOENT" });
    store.override(XS_DIRECTORY, { error: "EWHATEVER" });
    expect(result((done) => client.list("/", done))).toEqual({ ok: false, error: "EIO" });
  });

  it("refuses by itself what is longer than a message may be", () => {
    const { client, result, store } = createScene();
    expect(result((done) => client.write("/a", "x".repeat(4094), done))).toEqual({
      ok: false,
      error: "E2BIG",
    });
    expect(store.requests).toEqual([]);
  });

  it("fetches a long list in parts, from the start when it changes meanwhile", () => {
    const { client, result, store } = createScene();
    store.override(XS_DIRECTORY, { error: "E2BIG" });
    store.override(XS_DIRECTORY_PART, { payload: "7|a|bb|" });
    store.override(XS_DIRECTORY_PART, { payload: "8|ccc|" });
    store.override(XS_DIRECTORY_PART, { payload: "8|a|ccc|" });
    store.override(XS_DIRECTORY_PART, { payload: "8|dddd||" });
    expect(result((done) => client.list("/long", done))).toEqual({ ok: true, value: ["a", "ccc", "dddd"] });
    expect(store.requests.slice(1)).toEqual([
      `${XS_DIRECTORY_PART} /long 0`,
      `${XS_DIRECTORY_PART} /long 5`,
      `${XS_DIRECTORY_PART} /long 0`,
      `${XS_DIRECTORY_PART} /long 6`,
    ]);
  });

  it("calls a watch's listener until it is cancelled", () => {
    const { store, client } = createScene();
    const seen: string[] = [];
    const watch = client.watch("/a", (path) => seen.push(path));
    store.settle();
    store.set("/a/b", "1");
    store.set("/c", "1");
    watch.cancel();
    store.set("/a/b", "2");
    store.settle();
    expect(seen).toEqual(["/a", "/a/b"]);
  });

  it("sends more than the stream holds as room appears", () => {
    const [near, far] = createStreamPair(64);
    const client = createStoreClient(near);
    for (let index = 0; index < 20; index++) client.write(`/node-${index}`, "x".repeat(30));
    let received = 0;
    const into = new Uint8Array(64);
    for (let count = far.read(into); count > 0; count = far.read(into)) received += count;
    expect(received).toBe(
      Array.from({ length: 20 }, (_, index) => 16 + `/node-${index}`.length + 1 + 30).reduce((a, b) => a + b),
    );
  });

  it("ends everything under way with EIO when the connection goes", () => {
    const { client } = createScene();
    const errors: string[] = [];
    client.read("/a", (result) => errors.push(result.ok ? "" : result.error));
    client.close();
    client.read("/b", (result) => errors.push(result.ok ? "" : result.error));
    expect(errors).toEqual(["EIO", "EIO"]);
    expect(client.closed).toBe(true);
  });

  it("goes on over another stream, with its watches", () => {
    const { store, client, result } = createScene();
    const seen: string[] = [];
    client.watch("/a", (path) => seen.push(path));
    store.settle();
    client.reconnect(store.connect());
    store.settle();
    store.set("/a", "x");
    expect(seen).toEqual(["/a", "/a", "/a"]);
    expect(result((done) => client.read("/a", done))).toEqual({ ok: true, value: "x" });
  });
});

describe("a transaction", () => {
  const writeOne =
    (client: ReturnType<typeof createStoreClient>) => (done: (result: StoreResult<void>) => void) =>
      client.transaction((nodes, end) => nodes.write("/a", "1", (written) => end(written.ok)), done);

  it("is done again on EAGAIN", () => {
    const { store, client, result } = createScene();
    store.override(XS_TRANSACTION_END, { error: "EAGAIN" });
    expect(result(writeOne(client))).toEqual({ ok: true, value: undefined });
    expect(store.requests.filter((request) => request.startsWith(`${XS_TRANSACTION_START} `))).toHaveLength(
      2,
    );
  });

  it("is given up after so many conflicts", () => {
    const { store, client, result } = createScene();
    for (let index = 0; index < TRANSACTION_ATTEMPTS; index++) {
      store.override(XS_TRANSACTION_END, { error: "EAGAIN" });
    }
    expect(result(writeOne(client))).toEqual({ ok: false, error: "EAGAIN" });
  });

  it("is ended once, however often its body says so", () => {
    const { store, client } = createScene();
    client.transaction((_, end) => {
      end(true);
      end(false);
    });
    store.settle();
    expect(store.requests.filter((request) => request.startsWith(`${XS_TRANSACTION_END} `))).toHaveLength(1);
  });
});

describe("promises", () => {
  it("fail with an error that names operation, path and reason", async () => {
    const { store, client } = createScene();
    const reading = promiseStore(client).read("/missing");
    store.settle();
    await expect(reading).rejects.toMatchObject({
      code: "ENOENT",
      message: "xenstore: read /missing: ENOENT",
    });
  });

  it("abort a transaction whose body throws, and throw the same", async () => {
    const { store, client } = createScene();
    const changing = promiseStore(client).transaction(() => Promise.reject(new Error("mine")));
    store.settle();
    await Promise.resolve();
    await Promise.resolve();
    store.settle();
    await expect(changing).rejects.toThrow("mine");
    expect(store.requests.at(-1)).toBe(`${XS_TRANSACTION_END} F`);
  });
});
