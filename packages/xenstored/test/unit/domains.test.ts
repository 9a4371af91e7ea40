import { toDomId, toPort } from "@xenolith/xen-abi";
import {
  XENSTORE_DOMAIN_INTERFACE,
  XENSTORE_ERROR_PROTO,
  XENSTORE_ERROR_RINGIDX,
  XENSTORE_RECONNECT,
  XS_CONTROL,
  XS_DIRECTORY,
  XS_GET_DOMAIN_PATH,
  XS_GET_PERMS,
  XS_INTRODUCE,
  XS_IS_DOMAIN_INTRODUCED,
  XS_MKDIR,
  XS_READ,
  XS_RELEASE,
  XS_RESUME,
  XS_SET_PERMS,
  XS_SET_TARGET,
  XS_TRANSACTION_START,
  XS_WATCH,
  XS_WRITE,
} from "@xenolith/xen-abi/io/xs-wire";
import { describe, expect, it } from "vitest";
import { createTestDaemon } from "../daemon.ts";

const readError = (page: { readUint32(at: number): number }): number =>
  page.readUint32(XENSTORE_DOMAIN_INTERFACE.error);

describe("a domain served over its page", () => {
  it("is announced, may be asked for, and uses its own directory", () => {
    const { client, ringClient } = createTestDaemon();
    const dom0 = client(0);
    dom0.ask(XS_WATCH, "@introduceDomain|t|");
    dom0.events();
    dom0.ask(XS_WRITE, "/local/domain/3/name|three");
    dom0.ask(XS_SET_PERMS, "/local/domain/3/name|n0|r3|");
    const dom3 = ringClient(3);
    expect(dom0.events()).toEqual(["@introduceDomain|t"]);
    expect(dom0.ask(XS_IS_DOMAIN_INTRODUCED, "3|")).toBe("T|");
    expect(dom0.ask(XS_IS_DOMAIN_INTRODUCED, "4|")).toBe("F|");
    expect(dom3.ask(XS_READ, "name|")).toBe("three");
    expect(dom3.ask(XS_GET_DOMAIN_PATH, "3|")).toBe("/local/domain/3|");
  });

  it("can send messages larger than the ring and read answers larger than the ring", () => {
    const { client, ringClient } = createTestDaemon({ nodeBytes: 8192 });
    client(0).ask(XS_MKDIR, "/local/domain/3/data|");
    client(0).ask(XS_SET_PERMS, "/local/domain/3/data|n3|");
    const dom3 = ringClient(3);
    const value = "0123456789".repeat(400);
    expect(dom3.ask(XS_WRITE, `data/x|${value}`)).toBe("OK|");
    expect(dom3.ask(XS_READ, "data/x|")).toBe(value);
  });

  it("is introduced by a request of the control domain, and released by one", () => {
    const { client, host, store } = createTestDaemon();
    const dom0 = client(0);
    const domain = host.domain(3);
    expect(dom0.ask(XS_INTRODUCE, "3|1|9|")).toBe("EINVAL");
    const page = domain.grants.allocatePages(1);
    if (page === null) throw new Error("no page");
    domain.seedGrant(1, page, 0, 0);
    const port = domain.events.allocateUnbound(toDomId(0));
    expect(dom0.ask(XS_INTRODUCE, `3|1|${port}|`)).toBe("OK|");
    expect(host.mappedGrants).toBe(1);
    expect(dom0.ask(XS_RELEASE, "3|")).toBe("OK|");
    expect(dom0.ask(XS_RELEASE, "3|")).toBe("ENOENT");
    expect(host.mappedGrants).toBe(0);
    expect(store.stats.connections).toBe(1);
  });

  it("leaves nothing mapped when its event channel cannot be bound", () => {
    const { host, store } = createTestDaemon();
    const domain = host.domain(3);
    const page = domain.grants.allocatePages(1);
    if (page === null) throw new Error("no page");
    domain.seedGrant(1, page, 0, 0);
    expect(store.introduce(toDomId(3), toPort(77))).toBeLessThan(0);
    expect(host.mappedGrants).toBe(0);
  });

  it("is served on when it is introduced again with another event channel", () => {
    const { ringClient, host, store } = createTestDaemon();
    const dom3 = ringClient(3);
    const domain = host.domain(3);
    dom3.ask(XS_WATCH, "data|t|");
    const port = domain.events.allocateUnbound(toDomId(0));
    expect(store.introduce(toDomId(3), toPort(port))).toBe(0);
    expect(store.stats.watches).toBe(1);
    expect(host.mappedGrants).toBe(1);
  });

  it("is served again from the start when it is introduced after it broke the protocol", () => {
    const { ringClient, host } = createTestDaemon();
    const dom3 = ringClient(3);
    dom3.page.writeUint32(XENSTORE_DOMAIN_INTERFACE.reqProd, 5000);
    dom3.notify();
    host.settle();
    const again = ringClient(3);
    expect(again.ask(XS_GET_DOMAIN_PATH, "3|")).toBe("/local/domain/3|");
    expect(host.mappedGrants).toBe(1);
  });

  it("takes along what it owned and what it was allowed when it is released", () => {
    const { client, ringClient, store } = createTestDaemon();
    const dom0 = client(0);
    dom0.ask(XS_MKDIR, "/own|");
    dom0.ask(XS_SET_PERMS, "/own|n3|");
    dom0.ask(XS_MKDIR, "/shared|");
    dom0.ask(XS_SET_PERMS, "/shared|n0|r3|r4|");
    ringClient(3);
    dom0.ask(XS_WATCH, "@releaseDomain|t|");
    dom0.events();
    store.release(toDomId(3));
    expect(dom0.events()).toEqual(["@releaseDomain|t"]);
    expect(dom0.ask(XS_READ, "/own|")).toBe("ENOENT");
    expect(dom0.ask(XS_GET_PERMS, "/shared|")).toBe("n0|r4|");
    expect(store.check()).toBeNull();
  });

  it("is announced once when it stops, and again after RESUME", () => {
    const { client, ringClient, store } = createTestDaemon();
    const dom0 = client(0);
    ringClient(3);
    dom0.ask(XS_WATCH, "@releaseDomain|t|");
    dom0.events();
    store.domainStopped(toDomId(3));
    expect(dom0.events()).toEqual(["@releaseDomain|t"]);
    store.domainStopped(toDomId(3));
    expect(dom0.events()).toEqual([]);
    expect(dom0.ask(XS_RESUME, "3|")).toBe("OK|");
    store.domainStopped(toDomId(3));
    expect(dom0.events()).toEqual(["@releaseDomain|t"]);
  });

  it("has the rights of its target as well", () => {
    const { client, ringClient, store } = createTestDaemon();
    const dom0 = client(0);
    dom0.ask(XS_WRITE, "/of-four|x");
    dom0.ask(XS_SET_PERMS, "/of-four|n4|");
    const dom3 = ringClient(3);
    ringClient(4);
    expect(dom3.ask(XS_READ, "/of-four|")).toBe("EACCES");
    expect(dom0.ask(XS_SET_TARGET, "3|4|")).toBe("OK|");
    expect(dom3.ask(XS_READ, "/of-four|")).toBe("x");
    dom0.ask(XS_MKDIR, "/later|");
    store.release(toDomId(4));
    dom0.ask(XS_SET_PERMS, "/later|n4|");
    expect(dom3.ask(XS_READ, "/later|")).toBe("EACCES");
  });

  it.each([XS_INTRODUCE, XS_RELEASE, XS_RESUME, XS_SET_TARGET, XS_IS_DOMAIN_INTRODUCED, XS_CONTROL])(
    "may not send requests of type %i",
    (type) => {
      expect(createTestDaemon().ringClient(3).ask(type, "3|4|")).toBe("EACCES");
    },
  );

  it("starts afresh when it asks for it: no watch, no transaction, empty rings", () => {
    const { ringClient, store, host } = createTestDaemon();
    const dom3 = ringClient(3);
    dom3.ask(XS_WATCH, "data|t|");
    dom3.ask(XS_TRANSACTION_START, "|");
    dom3.events();
    dom3.stream.write(new Uint8Array(7));
    dom3.page.writeUint32(XENSTORE_DOMAIN_INTERFACE.connection, XENSTORE_RECONNECT);
    dom3.notify();
    host.settle();
    expect(dom3.page.readUint32(XENSTORE_DOMAIN_INTERFACE.connection)).toBe(0);
    expect(store.stats.watches).toBe(0);
    expect(dom3.ask(XS_DIRECTORY, "/|", 1)).toBe("ENOENT");
  });
});

describe("a domain that breaks the protocol", () => {
  it("by a payload too long is served no more, and finds the reason in its page", () => {
    const { ringClient, host, client } = createTestDaemon();
    const dom3 = ringClient(3);
    dom3.stream.write(Uint8Array.of(2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 16, 0, 0));
    host.settle();
    expect(readError(dom3.page)).toBe(XENSTORE_ERROR_PROTO);
    expect(client(0).ask(XS_IS_DOMAIN_INTRODUCED, "3|")).toBe("T|");
  });

  it("by an impossible index likewise", () => {
    const { ringClient, host, store } = createTestDaemon();
    const dom3 = ringClient(3);
    dom3.page.writeUint32(XENSTORE_DOMAIN_INTERFACE.reqProd, 5000);
    dom3.notify();
    host.settle();
    expect(readError(dom3.page)).toBe(XENSTORE_ERROR_RINGIDX);
    expect(store.stats.violations).toBe(1);
    expect(store.release(toDomId(3))).toBe(true);
    expect(host.mappedGrants).toBe(0);
  });

  it("on a stream has it closed", () => {
    const { client, host, store } = createTestDaemon();
    const dom0 = client(0);
    dom0.stream.write(Uint8Array.of(2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255));
    host.settle();
    expect(dom0.stream.closed).toBe(true);
    expect(store.stats.connections).toBe(0);
  });
});

describe("requests that are none", () => {
  it.each([15, 16, 20, 23, 0xffff, 0xffff_ffff])("of type %i are answered ENOSYS", (type) => {
    expect(createTestDaemon().client(0).ask(type, "|")).toBe("ENOSYS");
  });
});

describe("CONTROL", () => {
  it("lists its commands, checks the store and shows limits", () => {
    const dom0 = createTestDaemon({ nodes: 7 }).client(0);
    expect(dom0.ask(XS_CONTROL, "help|").split("|")[0]?.split("\n")).toEqual(["help", "check", "quota"]);
    expect(dom0.ask(XS_CONTROL, "check|")).toBe("OK|");
    expect(dom0.ask(XS_CONTROL, "quota|")).toContain("nodes: 7");
    expect(dom0.ask(XS_CONTROL, "quota|9|")).toBe("ENOENT");
    expect(dom0.ask(XS_CONTROL, "nonsense|")).toBe("EINVAL");
  });
});
