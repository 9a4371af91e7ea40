import { toMfn } from "@xenolith/machine-interface";
import { PTE } from "@xenolith/x86-architecture";
import { beforeEach, describe, expect, it } from "vitest";
import type { TableEntry } from "../../src/index.ts";
import {
  createFixture,
  DOM1,
  DOM2,
  type Fixture,
  first,
  leadsTo,
  NOTHING,
  RO,
  RW,
  type Space,
} from "../support/fixture.ts";

describe("checkInvariants", () => {
  let fixture: Fixture;
  let space: Space;
  beforeEach(() => {
    fixture = createFixture();
    space = fixture.buildSpace(DOM1, 2);
    fixture.frames.pin(DOM1, space.root, 3);
  });
  const problems = () => fixture.frames.checkInvariants().map(({ problem }) => problem);

  it("finds nothing wrong with a machine that is in order", () => expect(problems()).toEqual([]));

  it.each([
    [
      "a writable mapping of a page table",
      () => [space.level1, 9, leadsTo(space.level1, RW)],
      /mapped writable/,
    ],
    ["a lost mapping", () => [space.level1, 0, NOTHING], /references, but/],
    ["a foreign frame", () => [space.level1, 9, leadsTo(first(fixture.take(DOM2, 1)), RO)], /may not/],
    ["a superpage", () => [first(space.level2), 7, leadsTo(0, RW | PTE.large)], /bad entry/],
    ["a data page as a table", () => [first(space.level2), 7, leadsTo(first(space.pages))], /has level 0/],
    ["an entry in the monitor's range", () => [space.level2[3] ?? 0, 500, leadsTo(1)], /the monitor's/],
    ["a root without its last slot", () => [space.root, 3, NOTHING], /lacks its last slot/],
    [
      "a writable table in itself",
      () => [first(space.level2), 7, leadsTo(first(space.level2), RW)],
      /to itself/,
    ],
  ] as [string, () => [number, number, TableEntry], RegExp][])("finds %s", (_name, corruption, expected) => {
    const [table, index, entry] = corruption();
    fixture.poke(toMfn(table), index, entry);
    expect(problems().join("; ")).toMatch(expected);
  });
});
