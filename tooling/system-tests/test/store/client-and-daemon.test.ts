import { toDomId, toPort } from "@xenolith/xen-abi";
import { promiseStore } from "@xenolith/xenbus";
import { describe, expect, it } from "vitest";
import { createStoreHost } from "./store-host.ts";

describe("the store client against xenstored, over a domain's page", () => {
  it("writes, reads, lists and removes in its own directory", () => {
    const { toolstack, guest, result } = createStoreHost();
    toolstack.makeDirectory("/local/domain/5/data");
    toolstack.setPermissions("/local/domain/5/data", ["n5"]);
    const client = guest(5);
    expect(result<void>((done) => client.write("data/a/b", "grüße", done))).toMatchObject({ ok: true });
    expect(result<string>((done) => client.read("data/a/b", done))).toEqual({ ok: true, value: "grüße" });
    expect(result<string[]>((done) => client.list("data", done))).toEqual({ ok: true, value: ["a"] });
    expect(result<string[]>((done) => client.getPermissions("data/a", done))).toEqual({
      ok: true,
      value: ["n5"],
    });
    expect(result<void>((done) => client.remove("data/a", done))).toMatchObject({ ok: true });
    expect(result<string>((done) => client.read("data/a/b", done))).toEqual({ ok: false, error: "ENOENT" });
  });

  it("fetches lists and values much longer than its rings", () => {
    const { toolstack, guest, result, host } = createStoreHost();
    const names = Array.from({ length: 500 }, (_, index) => `a-child-with-a-long-name-${index}`);
    for (const name of names) toolstack.write(`/long/${name}`, "x".repeat(3000));
    toolstack.setPermissions("/long", ["r0"]);
    toolstack.setPermissions(`/long/${names[0]}`, ["r0"]);
    host.settle();
    const client = guest(5);
    expect(result<string[]>((done) => client.list("/long", done))).toEqual({ ok: true, value: names });
    const value = result<string>((done) => client.read(`/long/${names[0]}`, done));
    expect(value).toEqual({ ok: true, value: "x".repeat(3000) });
  });

  it("has hundreds of requests under way and gets every answer", () => {
    const { toolstack, guest, host } = createStoreHost();
    toolstack.write("/local/domain/5/data", "");
    toolstack.setPermissions("/local/domain/5/data", ["n5"]);
    const client = guest(5);
    let answers = 0;
    for (let index = 0; index < 300; index++) {
      client.write(`data/node-${index}`, String(index), () => {
        answers++;
      });
    }
    host.settle();
    expect(answers).toBe(300);
  });

  it("sees every client's additions to a counter, in transactions that are done again on conflicts", () => {
    const { toolstack, guest, result, host } = createStoreHost();
    toolstack.write("/counter", "0");
    toolstack.setPermissions("/counter", ["b0"]);
    const clients = [toolstack, guest(5), guest(6)];
    let done = 0;
    for (const client of clients) {
      for (let round = 0; round < 3; round++) {
        client.transaction(
          (nodes, end) =>
            nodes.read("/counter", (value) => {
              if (!value.ok) end(false);
              else nodes.write("/counter", String(Number(value.value) + 1), (written) => end(written.ok));
            }),
          (outcome) => {
            if (outcome.ok) done++;
          },
        );
      }
    }
    host.settle();
    expect(done).toBe(9);
    expect(result<string>((read) => toolstack.read("/counter", read))).toEqual({ ok: true, value: "9" });
  });

  it("introduces and releases domains for a toolstack, by callbacks or promises", async () => {
    const { toolstack, host, xenstored, result } = createStoreHost();
    const domain = host.domain(7);
    const page = domain.grants.allocatePages(1);
    if (page === null) throw new Error("no page");
    domain.seedGrant(1, page, 0, 0);
    const port = toPort(domain.events.allocateUnbound(toDomId(0)));
    expect(result<void>((done) => toolstack.introduce(domain.id, 1, port, done))).toMatchObject({ ok: true });
    expect(result<boolean>((done) => toolstack.isIntroduced(domain.id, done))).toEqual({
      ok: true,
      value: true,
    });
    expect(result<string>((done) => toolstack.domainPath(domain.id, done))).toMatchObject({
      value: "/local/domain/7",
    });
    const released = promiseStore(toolstack).release(domain.id);
    host.settle();
    await released;
    expect(xenstored.stats.connections).toBe(1);
    const again = promiseStore(toolstack).release(domain.id);
    host.settle();
    await expect(again).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("is told of changes that others make", () => {
    const { toolstack, guest, host } = createStoreHost();
    toolstack.write("/local/domain/5/control", "");
    toolstack.setPermissions("/local/domain/5/control", ["n0", "r5"]);
    const seen: string[] = [];
    guest(5).watch("control", (path) => seen.push(path));
    host.settle();
    toolstack.write("/local/domain/5/control/shutdown", "poweroff");
    host.settle();
    expect(seen).toEqual(["control", "control/shutdown"]);
  });
});
