import {
  XS_DIRECTORY,
  XS_GET_PERMS,
  XS_MKDIR,
  XS_READ,
  XS_RM,
  XS_SET_PERMS,
  XS_TRANSACTION_END,
  XS_TRANSACTION_START,
  XS_WRITE,
} from "@xenolith/xen-abi/io/xs-wire";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createTestDaemon, type RawClient } from "../daemon.ts";
import { createReferenceStore, type ReferenceOperation } from "./reference-store.ts";

const path = fc.constantFrom("/", "/a", "/a/b", "/a/b/c", "/a/d", "/e", "/e/f", "/e/f/g/h", "/tool");
const permissions = fc.constantFrom(["n0"], ["n1"], ["b0"], ["r0", "b1"], ["n1", "r2"], ["w2", "n1"]);
const operation: fc.Arbitrary<ReferenceOperation> = fc.oneof(
  fc.record({
    kind: fc.constantFrom(
      "read" as const,
      "mkdir" as const,
      "directory" as const,
      "get-permissions" as const,
    ),
    path,
  }),
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("rm" as const), path }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("write" as const), path, value: fc.constantFrom("", "x", "y") }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("set-permissions" as const), path, permissions }) },
);

/** One thing that one of three clients does: domain 0, 1 or 2, outside or in one of its two transactions. */
const step = fc.record({
  domain: fc.nat(2),
  slot: fc.oneof(fc.constant(-1), fc.nat(1)),
  action: fc.oneof(
    { weight: 2, arbitrary: fc.constant("begin" as const) },
    { weight: 1, arbitrary: fc.constantFrom("commit" as const, "commit" as const, "abort" as const) },
    { weight: 5, arbitrary: operation },
  ),
});

const TYPES = {
  read: XS_READ,
  mkdir: XS_MKDIR,
  rm: XS_RM,
  directory: XS_DIRECTORY,
  "get-permissions": XS_GET_PERMS,
  write: XS_WRITE,
  "set-permissions": XS_SET_PERMS,
};

const send = (client: RawClient, wanted: ReferenceOperation, transaction: number): string => {
  const rest =
    wanted.kind === "write"
      ? wanted.value
      : wanted.kind === "set-permissions"
        ? wanted.permissions.map((entry) => `${entry}|`).join("")
        : "";
  const answer = client.ask(TYPES[wanted.kind], `${wanted.path}|${rest}`, transaction);
  if (wanted.kind !== "directory" || !answer.endsWith("|")) return answer;
  return answer
    .slice(0, -1)
    .split("|")
    .sort()
    .map((name) => `${name}|`)
    .join("");
};

interface OpenTransaction {
  readonly id: number;
  readonly history: { readonly operation: ReferenceOperation; readonly answer: string }[];
  /** Somebody else has changed something since it began. */
  disturbed: boolean;
}

describe("histories of requests of three domains", () => {
  it("answer as if each committed transaction had happened at once, at its end", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 60, maxLength: 120 }), (steps) => {
        const { client, store } = createTestDaemon();
        const clients = [client(0), client(1), client(2)];
        const reference = createReferenceStore();
        const everybodyMayWrite: ReferenceOperation = {
          kind: "set-permissions",
          path: "/",
          permissions: ["b0"],
        };
        reference.apply(0, everybodyMayWrite);
        send(client(0), everybodyMayWrite, 0);
        const open = new Map<string, OpenTransaction>();
        const disturbOthers = (except: OpenTransaction | undefined): void => {
          for (const transaction of open.values()) if (transaction !== except) transaction.disturbed = true;
        };

        for (const { domain, slot, action } of steps) {
          const own = clients[domain];
          if (own === undefined) continue;
          const key = `${domain}.${slot}`;
          const transaction = open.get(key);
          if (action === "begin") {
            if (slot < 0 || transaction !== undefined) continue;
            const id = Number.parseInt(own.ask(XS_TRANSACTION_START, "|"), 10);
            open.set(key, { id, history: [], disturbed: false });
          } else if (action === "commit" || action === "abort") {
            if (transaction === undefined) continue;
            open.delete(key);
            const answer = own.ask(XS_TRANSACTION_END, action === "commit" ? "T|" : "F|", transaction.id);
            if (answer === "EAGAIN") expect(transaction.disturbed).toBe(true);
            else expect(answer).toBe("OK|");
            if (action === "abort" || answer === "EAGAIN") continue;
            const before = reference.dump();
            for (const { operation: done, answer: seen } of transaction.history) {
              expect(reference.apply(domain, done)).toBe(seen);
            }
            if (reference.dump() !== before) disturbOthers(undefined);
          } else if (transaction !== undefined) {
            transaction.history.push({ operation: action, answer: send(own, action, transaction.id) });
          } else if (slot < 0) {
            const expected = reference.apply(domain, action);
            expect(send(own, action, 0)).toBe(expected);
            // A write of the same value is a change too.
            if (expected === "OK|") disturbOthers(undefined);
          }
        }
        expect(store.check()).toBeNull();
      }),
      { numRuns: 150 },
    );
  });
});
