import { BLOCK_STORE_LAWS, performRequest } from "@xenolith/backend-interface/testing";
import { describe, expect, it } from "vitest";
import { createMemoryStore } from "../../src/index.ts";

const settle = (): void => {};

describe("memory store", () => {
  it.each(BLOCK_STORE_LAWS)("$name", ({ check }) => {
    // More than one chunk, and a last one that is not whole.
    check({ store: createMemoryStore({ sectorCount: 300 }), settle });
  });

  it("begins with the contents given and zeroes after them, and keeps a copy", () => {
    const contents = new Uint8Array(700).fill(5);
    const store = createMemoryStore({ sectorCount: 2, contents });
    contents.fill(9);
    const into = new Uint8Array(1024);
    expect(performRequest({ store, settle }, { kind: "read", sector512: 0, into })).toBe("ok");
    expect(into.indexOf(0)).toBe(700);
    expect(new Set(into)).toEqual(new Set([5, 0]));
  });

  it("reads zeroes where it was discarded", () => {
    const store = createMemoryStore({ sectorCount: 1000, contents: new Uint8Array(512_000).fill(1) });
    performRequest({ store, settle }, { kind: "discard", sector512: 10, sectorCount: 700 });
    const into = new Uint8Array(512_000);
    performRequest({ store, settle }, { kind: "read", sector512: 0, into });
    expect(into.every((byte, at) => byte === (at >= 5120 && at < 363_520 ? 0 : 1))).toBe(true);
  });

  it("refuses every change when it is read-only", () => {
    const store = createMemoryStore({ sectorCount: 64, readOnly: true });
    const from = new Uint8Array(512);
    expect(performRequest({ store, settle }, { kind: "write", sector512: 0, from })).toBe("io-error");
    expect(performRequest({ store, settle }, { kind: "discard", sector512: 0, sectorCount: 1 })).toBe(
      "io-error",
    );
    expect(performRequest({ store, settle }, { kind: "flush" })).toBe("ok");
  });

  it("may be huge: only what is written takes memory", () => {
    const store = createMemoryStore({ sectorCount: 2 ** 32 });
    const from = new Uint8Array(512).fill(3);
    const into = new Uint8Array(1024);
    performRequest({ store, settle }, { kind: "write", sector512: 2 ** 32 - 1, from });
    performRequest({ store, settle }, { kind: "read", sector512: 2 ** 32 - 2, into });
    expect(into.indexOf(3)).toBe(512);
  });

  it("takes no size that is none, and no contents that do not fit", () => {
    expect(() => createMemoryStore({ sectorCount: -1 })).toThrow("not a size");
    expect(() => createMemoryStore({ sectorCount: 1.5 })).toThrow("not a size");
    expect(() => createMemoryStore({ sectorCount: 1, contents: new Uint8Array(513) })).toThrow("do not fit");
  });
});
