import {
  XS_MKDIR,
  XS_READ,
  XS_SET_PERMS,
  XS_TRANSACTION_END,
  XS_TRANSACTION_START,
  XS_WATCH,
  XS_WRITE,
} from "@xenolith/xen-abi/io/xs-wire";
import { beforeEach, describe, expect, it } from "vitest";
import { createTestDaemon, type RawClient, type TestDaemon } from "../daemon.ts";

let daemon: TestDaemon;
let dom5: RawClient;
beforeEach(() => {
  daemon = createTestDaemon({
    nodes: 5,
    nodeBytes: 100,
    permissionsPerNode: 3,
    pathLength: 30,
    watches: 2,
    transactions: 2,
    transactionNodes: 12,
  });
  const dom0 = daemon.client(0);
  dom0.ask(XS_MKDIR, "/local/domain/5/data|");
  dom0.ask(XS_SET_PERMS, "/local/domain/5/data|n5|");
  dom5 = daemon.client(5);
});

const begin = (): number => Number.parseInt(dom5.ask(XS_TRANSACTION_START, "|"), 10);

describe("an ordinary domain", () => {
  it("owns at most so many nodes, counted with those that a write makes on its way", () => {
    expect(dom5.ask(XS_WRITE, "data/a/b/c/d/e|1")).toBe("ENOSPC");
    expect(dom5.ask(XS_WRITE, "data/a/b/c/d|1")).toBe("OK|");
    expect(dom5.ask(XS_MKDIR, "data/x|")).toBe("ENOSPC");
    expect(dom5.ask(XS_WRITE, "data/a|2")).toBe("OK|");
    expect(daemon.store.check()).toBeNull();
  });

  it("cannot go round that limit with transactions", () => {
    const transaction = begin();
    for (const name of ["a", "b"]) dom5.ask(XS_MKDIR, `data/${name}|`, transaction);
    expect(dom5.ask(XS_MKDIR, "data/c/d/e|", transaction)).toBe("ENOSPC");
    dom5.ask(XS_MKDIR, "data/x/y/z|");
    expect(dom5.ask(XS_TRANSACTION_END, "T|", transaction)).toBe("ENOSPC");
  });

  it("stores at most so many bytes in a node, names of children included", () => {
    expect(dom5.ask(XS_WRITE, `data/a|${"x".repeat(77)}`)).toBe("ENOSPC");
    expect(dom5.ask(XS_WRITE, `data/a|${"x".repeat(76)}`)).toBe("OK|");
    expect(dom5.ask(XS_WRITE, `data/a|${"x".repeat(77)}`)).toBe("ENOSPC");
    expect(dom5.ask(XS_MKDIR, "data/a/b|")).toBe("ENOSPC");
  });

  it("gives a node at most so many permissions", () => {
    expect(dom5.ask(XS_SET_PERMS, "data|n5|r1|r2|")).toBe("OK|");
    expect(dom5.ask(XS_SET_PERMS, "data|n5|r1|r2|r3|")).toBe("ENOSPC");
  });

  it("uses paths of at most so many characters below its directory", () => {
    expect(dom5.ask(XS_READ, `data/${"x".repeat(25)}|`)).toBe("ENOENT");
    expect(dom5.ask(XS_READ, `data/${"x".repeat(26)}|`)).toBe("EINVAL");
  });

  it("sets at most so many watches", () => {
    for (const token of ["1", "2"]) expect(dom5.ask(XS_WATCH, `data|${token}|`)).toBe("OK|");
    expect(dom5.ask(XS_WATCH, "data|3|")).toBe("E2BIG");
  });

  it("has at most so many transactions", () => {
    begin();
    begin();
    expect(dom5.ask(XS_TRANSACTION_START, "|")).toBe("ENOSPC");
  });

  it("touches at most so many nodes in a transaction, which cannot be committed afterwards", () => {
    const transaction = begin();
    const answers = Array.from({ length: 20 }, (_, index) =>
      dom5.ask(XS_READ, `data/${index}|`, transaction),
    );
    expect(answers[0]).toBe("ENOENT");
    expect(answers.at(-1)).toBe("ENOSPC");
    expect(dom5.ask(XS_TRANSACTION_END, "T|", transaction)).toBe("ENOMEM");
  });
});

it("does not limit a privileged client", () => {
  const dom0 = daemon.client(0);
  for (let index = 0; index < 10; index++) {
    expect(dom0.ask(XS_WRITE, `/many/${"n".repeat(40)}-${index}|${"x".repeat(200)}`)).toBe("OK|");
  }
});
