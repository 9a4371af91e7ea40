import {
  XS_DIRECTORY,
  XS_DIRECTORY_PART,
  XS_GET_PERMS,
  XS_MKDIR,
  XS_READ,
  XS_RM,
  XS_SET_PERMS,
  XS_WRITE,
} from "@xenolith/xen-abi/io/xs-wire";
import { describe, expect, it } from "vitest";
import { createTestDaemon } from "../daemon.ts";

describe("nodes", () => {
  it("keep what is written, byte by byte", () => {
    const dom0 = createTestDaemon().client(0);
    expect(dom0.ask(XS_WRITE, "/a|\u00ff|binary|")).toBe("OK|");
    expect(dom0.ask(XS_READ, "/a|")).toBe("\u00ff|binary|");
  });

  it("come into being with all that is missing above them, with empty values", () => {
    const dom0 = createTestDaemon().client(0);
    dom0.ask(XS_WRITE, "/a/b/c|value");
    expect(dom0.ask(XS_READ, "/a/b|")).toBe("");
    expect(dom0.ask(XS_DIRECTORY, "/a|")).toBe("b|");
  });

  it("are listed in the order in which they were made", () => {
    const dom0 = createTestDaemon().client(0);
    for (const name of ["zebra", "ant", "mole"]) dom0.ask(XS_MKDIR, `/z/${name}|`);
    expect(dom0.ask(XS_DIRECTORY, "/z|")).toBe("zebra|ant|mole|");
  });

  it("stay as they are when MKDIR names them", () => {
    const dom0 = createTestDaemon().client(0);
    dom0.ask(XS_WRITE, "/a|value");
    expect(dom0.ask(XS_MKDIR, "/a|")).toBe("OK|");
    expect(dom0.ask(XS_READ, "/a|")).toBe("value");
  });

  it("go with all that is below them", () => {
    const { client, store } = createTestDaemon();
    const dom0 = client(0);
    dom0.ask(XS_WRITE, "/a/b/c|value");
    expect(dom0.ask(XS_RM, "/a|")).toBe("OK|");
    expect(dom0.ask(XS_READ, "/a/b/c|")).toBe("ENOENT");
    expect(store.check()).toBeNull();
  });

  it("may be missing when RM names them, if the node above is there", () => {
    const dom0 = createTestDaemon().client(0);
    expect(dom0.ask(XS_RM, "/missing|")).toBe("OK|");
    expect(dom0.ask(XS_RM, "/missing/child|")).toBe("ENOENT");
  });

  it("cannot be removed at the root", () => {
    expect(createTestDaemon().client(0).ask(XS_RM, "/|")).toBe("EINVAL");
  });

  it("are named relative to the client's own directory", () => {
    const { client } = createTestDaemon();
    client(0).ask(XS_WRITE, "/local/domain/7/name|guest");
    expect(client(7, true).ask(XS_READ, "name|")).toBe("guest");
  });

  it.each([
    "",
    "|",
    "a",
    "//a|",
    "/a/|",
    "/a b|",
    "/a|b|",
    "/ä|",
    "@introduceDomain|",
    `/${"a".repeat(3072)}|`,
  ])("cannot have the name %j", (payload) => {
    expect(createTestDaemon().client(0).ask(XS_READ, payload)).toBe("EINVAL");
  });

  it("give a list longer than a message in parts, with a generation that changes when the list does", () => {
    const dom0 = createTestDaemon().client(0);
    const names = Array.from({ length: 900 }, (_, index) => `child-${index}`);
    for (const name of names) dom0.ask(XS_MKDIR, `/long/${name}|`);
    expect(dom0.ask(XS_DIRECTORY, "/long|")).toBe("E2BIG");

    const found: string[] = [];
    const generations = new Set<string>();
    for (let offset = 0, complete = false; !complete; ) {
      const answer = dom0.ask(XS_DIRECTORY_PART, `/long|${offset}|`);
      const [generation = "", ...part] = answer.split("|").slice(0, -1);
      generations.add(generation);
      complete = part.at(-1) === "";
      const whole = part.filter((name) => name !== "");
      found.push(...whole);
      offset += whole.join("|").length + 1;
    }
    expect(found).toEqual(names);
    expect(generations.size).toBe(1);

    dom0.ask(XS_MKDIR, "/long/another|");
    expect(generations.has(dom0.ask(XS_DIRECTORY_PART, "/long|0|").split("|")[0] ?? "")).toBe(false);
  });

  it("answer a part from beyond the end of the list with an empty string", () => {
    const dom0 = createTestDaemon().client(0);
    dom0.ask(XS_MKDIR, "/a|");
    expect(dom0.ask(XS_DIRECTORY_PART, "/a|5|")).toMatch(/^\d+\|\|$/);
  });
});

describe("permissions", () => {
  it("are inherited, and what an ordinary domain makes belongs to it", () => {
    const { client } = createTestDaemon();
    const dom0 = client(0);
    dom0.ask(XS_MKDIR, "/local/domain/5/data|");
    dom0.ask(XS_SET_PERMS, "/local/domain/5/data|n5|r6|");
    expect(client(5).ask(XS_WRITE, "data/x/y|1")).toBe("OK|");
    expect(dom0.ask(XS_GET_PERMS, "/local/domain/5/data/x/y|")).toBe("n5|r6|");
    expect(client(6).ask(XS_READ, "/local/domain/5/data/x/y|")).toBe("1");
    dom0.ask(XS_WRITE, "/local/domain/5/data/z|1");
    expect(dom0.ask(XS_GET_PERMS, "/local/domain/5/data/z|")).toBe("n5|r6|");
  });

  it.each([
    ["n0|", "EACCES", "EACCES"],
    ["r0|", "value", "EACCES"],
    ["w0|", "EACCES", "OK|"],
    ["b0|", "value", "OK|"],
    ["n0|r5|", "value", "EACCES"],
    ["b0|n5|", "EACCES", "EACCES"],
    ["n5|", "value", "OK|"],
  ])("%s lets domain 5 read: %s, write: %s", (permissions, read, write) => {
    const { client } = createTestDaemon();
    const dom0 = client(0);
    dom0.ask(XS_WRITE, "/a|value");
    dom0.ask(XS_SET_PERMS, `/a|${permissions}`);
    const dom5 = client(5);
    expect(dom5.ask(XS_READ, "/a|")).toBe(read);
    expect(dom5.ask(XS_WRITE, "/a|value")).toBe(write);
  });

  it("hide from who may not look above a node whether it is there", () => {
    const { client } = createTestDaemon();
    client(0).ask(XS_WRITE, "/secret|x");
    const dom5 = client(5);
    expect(dom5.ask(XS_READ, "/secret|")).toBe("EACCES");
    expect(dom5.ask(XS_READ, "/missing|")).toBe("EACCES");
  });

  it("can be changed by the owner, but not the owner by itself", () => {
    const { client } = createTestDaemon();
    const dom0 = client(0);
    dom0.ask(XS_MKDIR, "/a|");
    dom0.ask(XS_SET_PERMS, "/a|n5|");
    expect(client(5).ask(XS_SET_PERMS, "/a|n5|r6|")).toBe("OK|");
    expect(client(5).ask(XS_SET_PERMS, "/a|n6|")).toBe("EPERM");
    expect(client(6).ask(XS_SET_PERMS, "/a|n5|b6|")).toBe("EACCES");
  });

  it.each(["/a|", "/a|x5|", "/a|r|", "/a|r5|oops|"])("cannot be set by %j", (payload) => {
    const dom0 = createTestDaemon().client(0);
    dom0.ask(XS_MKDIR, "/a|");
    expect(dom0.ask(XS_SET_PERMS, payload)).toBe("EINVAL");
  });

  it("exist for the special names too", () => {
    const dom0 = createTestDaemon().client(0);
    expect(dom0.ask(XS_GET_PERMS, "@releaseDomain|")).toBe("n0|");
    expect(dom0.ask(XS_SET_PERMS, "@releaseDomain|r0|")).toBe("OK|");
  });
});
