import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BLOCK_STORE_LAWS, performRequest } from "@xenolith/backend-interface/testing";
import { HostError } from "@xenolith/machine-interface";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openRawFile } from "../../src/node/index.ts";

const settle = (): void => {};

describe("raw file", () => {
  let directory = "";
  let path = "";
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "raw-file-"));
    path = join(directory, "disk.img");
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  it.each(BLOCK_STORE_LAWS)("$name", async ({ check }) => {
    writeFileSync(path, new Uint8Array(100 * 512));
    const store = openRawFile({ path });
    check({ store, settle });
    await store.close();
  });

  it("is the file, byte for byte, in whole sectors", async () => {
    writeFileSync(path, new Uint8Array(3 * 512 + 100).fill(1));
    const store = openRawFile({ path });
    expect(store.sectorCount).toBe(3);
    performRequest({ store, settle }, { kind: "write", sector512: 1, from: new Uint8Array(512).fill(2) });
    await store.close();
    const bytes = readFileSync(path);
    expect(bytes.length).toBe(3 * 512 + 100);
    expect(bytes.every((byte, at) => byte === (at >= 512 && at < 1024 ? 2 : 1))).toBe(true);
  });

  it("writes nothing when it is read-only", async () => {
    writeFileSync(path, new Uint8Array(1024).fill(1));
    const store = openRawFile({ path, readOnly: true });
    expect(store.readOnly).toBe(true);
    const from = new Uint8Array(512);
    expect(performRequest({ store, settle }, { kind: "write", sector512: 0, from })).toBe("io-error");
    expect(performRequest({ store, settle }, { kind: "flush" })).toBe("ok");
    expect(performRequest({ store, settle }, { kind: "read", sector512: 1, into: from })).toBe("ok");
    await store.close();
    expect(readFileSync(path).every((byte) => byte === 1)).toBe(true);
  });

  it("answers io-error when the file has become shorter, and after it was closed", async () => {
    writeFileSync(path, new Uint8Array(2048));
    const store = openRawFile({ path });
    truncateSync(path, 512);
    const into = new Uint8Array(512);
    expect(performRequest({ store, settle }, { kind: "read", sector512: 2, into })).toBe("io-error");
    expect(performRequest({ store, settle }, { kind: "read", sector512: 0, into })).toBe("ok");
    await store.close();
    await store.close();
    expect(performRequest({ store, settle }, { kind: "read", sector512: 0, into })).toBe("io-error");
  });

  it("says in one line which file cannot be a disk and why", () => {
    const messageOf = (file: string): string => {
      try {
        openRawFile({ path: file });
      } catch (error) {
        expect(error).toBeInstanceOf(HostError);
        return error instanceof Error ? error.message : "";
      }
      return "opened";
    };
    const missing = join(directory, "missing.img");
    expect(messageOf(missing)).toBe(`disk image ${missing}: no such file or directory`);
    expect(messageOf(directory)).toMatch(
      /^disk image \S+: (not a regular file|illegal operation on a directory)$/,
    );
    writeFileSync(path, new Uint8Array(511));
    expect(messageOf(path)).toBe(`disk image ${path}: 511 bytes are less than a sector`);
  });
});
