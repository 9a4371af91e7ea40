import {
  XS_MKDIR,
  XS_RESET_WATCHES,
  XS_RM,
  XS_SET_PERMS,
  XS_TRANSACTION_END,
  XS_TRANSACTION_START,
  XS_UNWATCH,
  XS_WATCH,
  XS_WRITE,
} from "@xenolith/xen-abi/io/xs-wire";
import { describe, expect, it } from "vitest";
import { createTestDaemon } from "../daemon.ts";

describe("a watch", () => {
  it("fires once when it is set, whether there is a node or not", () => {
    const dom0 = createTestDaemon().client(0);
    expect(dom0.ask(XS_WATCH, "/nowhere|token|")).toBe("OK|");
    expect(dom0.events()).toEqual(["/nowhere|token"]);
  });

  it("fires for changes at its path and below, not above and not beside", () => {
    const dom0 = createTestDaemon().client(0);
    dom0.ask(XS_WATCH, "/a/b|t|");
    dom0.events();
    for (const path of ["/a", "/a/b", "/a/b/c/d", "/a/bb", "/b"]) dom0.ask(XS_WRITE, `${path}|x`);
    expect(dom0.events()).toEqual(["/a/b|t", "/a/b/c/d|t"]);
  });

  it("at the root fires for everything but special names", () => {
    const { client, ringClient } = createTestDaemon();
    const dom0 = client(0);
    dom0.ask(XS_WATCH, "/|t|");
    dom0.events();
    dom0.ask(XS_MKDIR, "/x|");
    ringClient(3);
    expect(dom0.events()).toEqual(["/x|t"]);
  });

  it("fires with its own path when it goes with a node above it", () => {
    const dom0 = createTestDaemon().client(0);
    dom0.ask(XS_MKDIR, "/a/b/c|");
    dom0.ask(XS_WATCH, "/a/b|t|");
    dom0.events();
    dom0.ask(XS_RM, "/a|");
    expect(dom0.events()).toEqual(["/a/b|t"]);
  });

  it("set by a relative path is told of relative paths", () => {
    const { client } = createTestDaemon();
    const dom0 = client(0);
    const dom5 = client(5);
    dom0.ask(XS_MKDIR, "/local/domain/5/device|");
    dom0.ask(XS_SET_PERMS, "/local/domain/5/device|n0|r5|");
    dom5.ask(XS_WATCH, "device|t|");
    expect(dom5.events()).toEqual(["device|t"]);
    dom0.ask(XS_WRITE, "/local/domain/5/device/vbd|x");
    expect(dom5.events()).toEqual(["device/vbd|t"]);
  });

  it("may be set twice with different tokens, not with the same", () => {
    const dom0 = createTestDaemon().client(0);
    dom0.ask(XS_WATCH, "/a|1|");
    expect(dom0.ask(XS_WATCH, "/a|1|")).toBe("EEXIST");
    expect(dom0.ask(XS_WATCH, "/a|2|")).toBe("OK|");
    dom0.events();
    dom0.ask(XS_MKDIR, "/a|");
    expect(dom0.events()).toEqual(["/a|1", "/a|2"]);
  });

  it("ends with UNWATCH, which names path and token", () => {
    const dom0 = createTestDaemon().client(0);
    dom0.ask(XS_WATCH, "/a|1|");
    expect(dom0.ask(XS_UNWATCH, "/a|2|")).toBe("ENOENT");
    expect(dom0.ask(XS_UNWATCH, "/a|1|")).toBe("OK|");
    dom0.events();
    dom0.ask(XS_MKDIR, "/a|");
    expect(dom0.events()).toEqual([]);
  });

  it("ends with RESET_WATCHES, together with transactions", () => {
    const dom0 = createTestDaemon().client(0);
    dom0.ask(XS_WATCH, "/a|1|");
    const transaction = Number.parseInt(dom0.ask(XS_TRANSACTION_START, "|"), 10);
    expect(dom0.ask(XS_RESET_WATCHES, "|")).toBe("OK|");
    dom0.events();
    dom0.ask(XS_MKDIR, "/a|");
    expect(dom0.events()).toEqual([]);
    expect(dom0.ask(XS_TRANSACTION_END, "T|", transaction)).toBe("ENOENT");
  });

  it("tells an ordinary domain of nothing that it may not see", () => {
    const { client } = createTestDaemon();
    const dom0 = client(0);
    const dom5 = client(5);
    dom5.ask(XS_WATCH, "/|t|");
    dom5.events();
    dom0.ask(XS_WRITE, "/secret|x");
    expect(dom5.events()).toEqual([]);
    dom0.ask(XS_SET_PERMS, "/secret|r0|");
    expect(dom5.events()).toEqual(["/secret|t"]);
    dom0.ask(XS_SET_PERMS, "/secret|n0|");
    expect(dom5.events()).toEqual(["/secret|t"]);
    dom0.ask(XS_WRITE, "/secret|y");
    expect(dom5.events()).toEqual([]);
  });

  it("fires for what a transaction did when it is committed, and for nothing when it is not", () => {
    const dom0 = createTestDaemon().client(0);
    dom0.ask(XS_WATCH, "/a|t|");
    dom0.events();
    const transaction = Number.parseInt(dom0.ask(XS_TRANSACTION_START, "|"), 10);
    dom0.ask(XS_WRITE, "/a/1|x", transaction);
    dom0.ask(XS_WRITE, "/a/2|x", transaction);
    dom0.ask(XS_WRITE, "/a/1|y", transaction);
    expect(dom0.events()).toEqual([]);
    dom0.ask(XS_TRANSACTION_END, "T|", transaction);
    expect(dom0.events()).toEqual(["/a/1|t", "/a/2|t"]);
    const other = Number.parseInt(dom0.ask(XS_TRANSACTION_START, "|"), 10);
    dom0.ask(XS_WRITE, "/a/1|z", other);
    dom0.ask(XS_TRANSACTION_END, "F|", other);
    expect(dom0.events()).toEqual([]);
  });

  it.each(["/a|", "/a|t", "|t|", "/a|t|more|"])("cannot be set by %j", (payload) => {
    expect(createTestDaemon().client(0).ask(XS_WATCH, payload)).toBe("EINVAL");
  });
});

describe("events that wait", () => {
  it("are queued once for one path and token", () => {
    const { client } = createTestDaemon();
    const dom0 = client(0);
    const watcher = client(0);
    watcher.ask(XS_WATCH, "/a|t|");
    watcher.events();
    const path = `/a/${"x".repeat(1000)}`;
    for (let index = 0; index < 500; index++) dom0.ask(XS_WRITE, `${path}|${index}`);
    const told = watcher.events();
    // What the stream holds (64 KiB), the one that is half sent, and one that waits.
    expect(told.length).toBeLessThanOrEqual(64 + 2);
    expect(new Set(told)).toEqual(new Set([`${path}|t`]));
  });

  it("become one for the watched path when a client takes none of them", () => {
    const { client } = createTestDaemon({ pendingEvents: 4 });
    const dom0 = client(0);
    dom0.ask(XS_WRITE, "/a|");
    dom0.ask(XS_SET_PERMS, "/a|r0|");
    const dom5 = client(5);
    dom5.ask(XS_WATCH, "/a|t|");
    dom5.events();
    const long = "x".repeat(1000);
    for (let index = 0; index < 100; index++) dom0.ask(XS_WRITE, `/a/${index}${long}|1`);
    const told = dom5.events().map((event) => event.split("|")[0]);
    expect(told.length).toBeLessThan(100);
    expect(told.at(-1)).toBe("/a");
    expect(told.filter((path) => path === "/a")).toHaveLength(1);
  });
});
