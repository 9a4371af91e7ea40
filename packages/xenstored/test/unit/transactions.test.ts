import {
  XS_DIRECTORY,
  XS_MKDIR,
  XS_READ,
  XS_RM,
  XS_TRANSACTION_END,
  XS_TRANSACTION_START,
  XS_WRITE,
} from "@xenolith/xen-abi/io/xs-wire";
import { describe, expect, it } from "vitest";
import { createTestDaemon, type RawClient } from "../daemon.ts";

const begin = (client: RawClient): number => Number.parseInt(client.ask(XS_TRANSACTION_START, "|"), 10);
const commit = (client: RawClient, transaction: number): string =>
  client.ask(XS_TRANSACTION_END, "T|", transaction);

describe("a transaction", () => {
  it("shows its changes to nobody else before it is committed", () => {
    const { client } = createTestDaemon();
    const [one, two] = [client(0), client(0)];
    const transaction = begin(one);
    one.ask(XS_WRITE, "/a|1", transaction);
    expect(one.ask(XS_READ, "/a|", transaction)).toBe("1");
    expect(two.ask(XS_READ, "/a|")).toBe("ENOENT");
    expect(commit(one, transaction)).toBe("OK|");
    expect(two.ask(XS_READ, "/a|")).toBe("1");
  });

  it("sees the tree as it was when it began", () => {
    const { client } = createTestDaemon();
    const dom0 = client(0);
    dom0.ask(XS_WRITE, "/a|old");
    const transaction = begin(dom0);
    dom0.ask(XS_WRITE, "/a|new");
    dom0.ask(XS_WRITE, "/b|new");
    expect(dom0.ask(XS_READ, "/a|", transaction)).toBe("old");
    expect(dom0.ask(XS_READ, "/b|", transaction)).toBe("ENOENT");
  });

  it("is refused with EAGAIN when something it read has changed, and changes nothing", () => {
    const { client } = createTestDaemon();
    const dom0 = client(0);
    dom0.ask(XS_WRITE, "/a|1");
    const transaction = begin(dom0);
    dom0.ask(XS_READ, "/a|", transaction);
    dom0.ask(XS_WRITE, "/b|1", transaction);
    dom0.ask(XS_WRITE, "/a|2");
    expect(commit(dom0, transaction)).toBe("EAGAIN");
    expect(dom0.ask(XS_READ, "/b|")).toBe("ENOENT");
    expect(commit(dom0, transaction)).toBe("ENOENT");
  });

  it("is refused when something it found missing has come into being", () => {
    const { client } = createTestDaemon();
    const dom0 = client(0);
    const transaction = begin(dom0);
    dom0.ask(XS_READ, "/a|", transaction);
    dom0.ask(XS_MKDIR, "/a|");
    expect(commit(dom0, transaction)).toBe("EAGAIN");
  });

  it("is not disturbed by changes elsewhere, and carries its own over", () => {
    const { client, store } = createTestDaemon();
    const dom0 = client(0);
    for (const path of ["/a/x", "/a/y/z", "/b"]) dom0.ask(XS_WRITE, `${path}|1`);
    const transaction = begin(dom0);
    dom0.ask(XS_WRITE, "/a/x|2", transaction);
    dom0.ask(XS_RM, "/a/y|", transaction);
    dom0.ask(XS_WRITE, "/a/new/deep|3", transaction);
    dom0.ask(XS_WRITE, "/b|2");
    dom0.ask(XS_WRITE, "/b/c|2");
    expect(commit(dom0, transaction)).toBe("OK|");
    expect(dom0.ask(XS_DIRECTORY, "/a|")).toBe("x|new|");
    expect(dom0.ask(XS_READ, "/a/new/deep|")).toBe("3");
    expect(dom0.ask(XS_READ, "/b/c|")).toBe("2");
    expect(store.check()).toBeNull();
  });

  it("may remove a node and make it again", () => {
    const { client, store } = createTestDaemon();
    const dom0 = client(0);
    dom0.ask(XS_WRITE, "/a/old|1");
    const transaction = begin(dom0);
    dom0.ask(XS_RM, "/a|", transaction);
    dom0.ask(XS_WRITE, "/a/new|2", transaction);
    dom0.ask(XS_WRITE, "/elsewhere/x|1");
    expect(commit(dom0, transaction)).toBe("EAGAIN");
    const again = begin(dom0);
    dom0.ask(XS_RM, "/a|", again);
    dom0.ask(XS_WRITE, "/a/new|2", again);
    dom0.ask(XS_WRITE, "/elsewhere/x|2");
    expect(commit(dom0, again)).toBe("OK|");
    expect(dom0.ask(XS_DIRECTORY, "/a|")).toBe("new|");
    expect(store.check()).toBeNull();
  });

  it("belongs to the connection that began it", () => {
    const { client } = createTestDaemon();
    const [one, two] = [client(0), client(0)];
    const transaction = begin(one);
    expect(two.ask(XS_READ, "/|", transaction)).toBe("ENOENT");
  });

  it("cannot be begun within another, nor ended by anything but T or F", () => {
    const dom0 = createTestDaemon().client(0);
    const transaction = begin(dom0);
    expect(dom0.ask(XS_TRANSACTION_START, "|", transaction)).toBe("EBUSY");
    expect(dom0.ask(XS_TRANSACTION_END, "X|", transaction)).toBe("EINVAL");
    expect(dom0.ask(XS_TRANSACTION_END, "T|", 0)).toBe("ENOENT");
    expect(commit(dom0, transaction)).toBe("OK|");
  });
});
