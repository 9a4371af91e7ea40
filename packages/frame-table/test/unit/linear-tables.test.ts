import { type Mfn, toMfn } from "@xenolith/machine-interface";
import { PTE } from "@xenolith/x86-architecture";
import { EINVAL } from "@xenolith/xen-abi";
import { beforeEach, describe, expect, it } from "vitest";
import {
  createFixture,
  DOM1,
  type Fixture,
  leadsTo,
  NOTHING,
  RO,
  RW,
  type Space,
} from "../support/fixture.ts";

const OWN = { domain: DOM1, mapped: DOM1 };

describe("linear page tables", () => {
  let fixture: Fixture;
  let space: Space;
  const level2 = (slot: number): Mfn => space.level2[slot] ?? toMfn(0);
  const update = (table: Mfn, index: number, entry = NOTHING) =>
    fixture.frames.updateEntry(table, index, entry, OWN);

  beforeEach(() => {
    fixture = createFixture();
    space = fixture.buildSpace(DOM1, 1);
    fixture.frames.pin(DOM1, space.root, 3);
  });

  it("may be the table itself, which is not counted", () => {
    const before = fixture.frames.describe(level2(0));
    expect(update(level2(0), 9, leadsTo(level2(0), RO))).toBe(0);
    expect(fixture.frames.describe(level2(0))).toEqual(before);
    expect(update(level2(0), 9)).toBe(0);
    expect(fixture.frames.checkInvariants()).toEqual([]);
  });

  it("may be another complete table of level 2, which is counted", () => {
    expect(update(level2(0), 9, leadsTo(level2(1), RO))).toBe(0);
    expect(fixture.frames.describe(level2(1))).toMatchObject({ typeCount: 2, count: 3 });
    expect(fixture.frames.checkInvariants()).toEqual([]);
    expect(update(level2(0), 9)).toBe(0);
    expect(fixture.frames.describe(level2(1))).toMatchObject({ typeCount: 1, count: 2 });
  });

  it("may show the table of slot 3 as well", () => {
    expect(update(level2(0), 9, leadsTo(level2(3), RO))).toBe(0);
    expect(fixture.frames.checkInvariants()).toEqual([]);
  });

  it("are read-only", () => {
    expect(update(level2(0), 9, leadsTo(level2(0), RW))).toBe(-EINVAL);
    expect(update(level2(0), 9, leadsTo(level2(1), RW))).toBe(-EINVAL);
  });

  it("do not form chains: a table that stands in another leads to none, and the other way round", () => {
    expect(update(level2(0), 9, leadsTo(level2(1), RO))).toBe(0);
    expect(update(level2(1), 9, leadsTo(level2(2), RO))).toBe(-EINVAL);
    expect(update(level2(2), 9, leadsTo(level2(0), RO))).toBe(-EINVAL);
    expect(update(level2(1), 9, leadsTo(level2(0), RO))).toBe(-EINVAL);
    expect(update(level2(0), 9)).toBe(0);
    expect(update(level2(1), 9, leadsTo(level2(2), RO))).toBe(0);
    expect(fixture.frames.checkInvariants()).toEqual([]);
  });

  it("are not made of tables that are not validated", () => {
    const [table = toMfn(0)] = fixture.take(DOM1, 1);
    expect(fixture.frames.pin(DOM1, table, 2)).toBe(0);
    expect(fixture.frames.unpin(DOM1, table)).toBe(0);
    // Empty and no table any more: it becomes one of level 1.
    expect(update(level2(0), 9, leadsTo(table, RO))).toBe(0);
    expect(fixture.frames.levelOf(table)).toBe(1);
  });

  it("do not exist at level 3 of PAE", () => {
    expect(update(space.root, 0, leadsTo(space.root, PTE.present))).toBe(-EINVAL);
  });

  it("go with the root that holds them", () => {
    update(level2(0), 9, leadsTo(level2(1), RO));
    update(level2(2), 8, leadsTo(level2(2), RO));
    expect(fixture.frames.unpin(DOM1, space.root)).toBe(0);
    expect(fixture.frames.checkInvariants()).toEqual([]);
    expect(space.level2.map((table) => fixture.frames.describe(table)?.count)).toEqual([1, 1, 1, 1]);
  });
});
