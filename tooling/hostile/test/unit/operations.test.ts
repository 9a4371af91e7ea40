import { describe, expect, it } from "vitest";
import { OPERATIONS } from "../../src/calls/operations.ts";
import { createTally } from "../../src/calls/tally.ts";

describe.each(Object.entries(OPERATIONS))("the interface of %s as data", (_width, allOperations) => {
  it("names each sub-operation once", () => {
    const names = allOperations.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it.each(allOperations.map((operation) => [operation.name, operation] as const))(
    "%s can succeed or says why not, and gives a reason for each error",
    (_name, { succeeds, errors }) => {
      if (typeof succeeds === "string") {
        expect(succeeds).not.toBe("");
        expect(Object.keys(errors)).not.toEqual([]);
      }
      for (const { because } of Object.values(errors)) expect(because).not.toBe("");
    },
  );
});

describe("the tally", () => {
  const [operation] = OPERATIONS.x86_32p;
  if (operation === undefined) throw new Error("there are no operations");

  it("tells an answer that is not listed, with the call that had it", () => {
    const tally = createTally([operation]);
    tally.count(operation, "ok", "call 1");
    tally.count(operation, "EXDEV", "call 2");
    expect(tally.surprises()).toEqual([`${operation.name} answers EXDEV, which is not listed: call 2`]);
  });

  it("is finished with an operation that has succeeded often enough and given all its errors", () => {
    const tally = createTally([operation]);
    for (const outcome of Object.keys(operation.errors)) tally.count(operation, outcome, "");
    tally.count(operation, "ok", "");
    expect(tally.unfinished(2)).toEqual([operation]);
    tally.count(operation, "ok", "");
    expect(tally.unfinished(2)).toEqual([]);
  });
});
