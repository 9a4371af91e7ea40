import { HostError, toMfn } from "@xenolith/machine-interface";
import { EINVAL } from "@xenolith/xen-abi";
import { beforeEach, describe, expect, it } from "vitest";
import { FRAME_TYPE } from "../../src/index.ts";
import {
  createFixture,
  DOM1,
  DOM2,
  type Fixture,
  first,
  leadsTo,
  RO,
  RW,
  type Space,
} from "../support/fixture.ts";

describe("held references", () => {
  let fixture: Fixture;
  let space: Space;
  beforeEach(() => {
    fixture = createFixture();
    space = fixture.buildSpace(DOM1, 2);
    fixture.frames.pin(DOM1, space.root, 3);
  });

  it("are given for frames of the domain named only", () => {
    const { frames } = fixture;
    const foreign = first(fixture.take(DOM2, 1));
    expect(frames.getPage(foreign, DOM1)).toBe(false);
    expect(frames.getPage(toMfn(2 ** 40), DOM1)).toBe(false);
    expect(frames.getPage(toMfn(-1), DOM1)).toBe(false);
    expect(frames.getPageAndType(foreign, DOM1, FRAME_TYPE.writable)).toBe(-EINVAL);
    expect(frames.getPageAndType(space.level1, DOM1, FRAME_TYPE.writable)).toBe(-EINVAL);
    expect(frames.checkInvariants()).toEqual([]);
  });

  it("that were never taken cannot be given back: that is a mistake of the host", () => {
    expect(() => fixture.frames.putPage(space.level1)).toThrow(HostError);
    fixture.frames.getPage(space.level1, DOM1);
    expect(() => fixture.frames.putPageAndType(space.level1)).toThrow(HostError);
  });

  it("come back from an entry that another entry of the domain replaces", () => {
    const { frames } = fixture;
    const foreign = first(fixture.take(DOM2, 1));
    const own = first(fixture.take(DOM1, 1));
    const place = { domain: DOM1, mapped: DOM1 };
    expect(frames.updateEntry(space.level1, 50, leadsTo(own), place)).toBe(0);
    frames.getPageAndType(foreign, DOM2, FRAME_TYPE.writable);
    frames.installHeld(space.level1, 40, leadsTo(foreign), DOM1);
    const withdraw = (index: number) =>
      frames.withdrawHeld(space.level1, 40, foreign, true, DOM1, { table: space.level1, index });
    expect(withdraw(600)).toBe(-EINVAL);
    expect(withdraw(50)).toBe(0);
    expect(frames.readEntry(DOM1, space.level1, 40)).toEqual(leadsTo(own));
    expect(frames.readEntry(DOM1, space.level1, 50)).toEqual({ low: 0, high: 0 });
    frames.putPageAndType(foreign);
    expect(fixture.flushed).toContain(own);
    expect(frames.checkInvariants()).toEqual([]);
  });

  it("stay with the entry when it is another, and the entry that was to replace it is lost", () => {
    const { frames } = fixture;
    const own = first(fixture.take(DOM1, 1));
    expect(frames.updateEntry(space.level1, 50, leadsTo(own), { domain: DOM1, mapped: DOM1 })).toBe(0);
    const withdraw = (index: number) =>
      frames.withdrawHeld(space.level1, index, own, false, DOM1, { table: space.level1, index: 50 });
    expect([withdraw(40), withdraw(50)]).toEqual([-EINVAL, -EINVAL]);
    expect(frames.readEntry(DOM1, space.level1, 50)).toEqual({ low: 0, high: 0 });
    expect(frames.describe(own)).toMatchObject({ count: 1, typeCount: 0 });
    expect(frames.checkInvariants()).toEqual([]);
  });

  it("pass to an entry and back, and the foreign frame is flushed when they do", () => {
    const { frames } = fixture;
    const foreign = first(fixture.take(DOM2, 1));
    expect(frames.getPageAndType(foreign, DOM2, FRAME_TYPE.writable)).toBe(0);
    expect(frames.installHeld(space.level1, 40, leadsTo(foreign), DOM1)).toBe(0);
    expect(frames.describe(foreign)).toMatchObject({ count: 2, typeCount: 1, held: 0 });
    expect(frames.checkInvariants()[0]?.problem).toMatch(/may not/);
    expect(frames.checkInvariants({ mayMap: () => true })).toEqual([]);
    fixture.flushed.length = 0;
    expect(frames.withdrawHeld(space.level1, 40, foreign, false, DOM1)).toBe(-EINVAL);
    expect(frames.withdrawHeld(space.level1, 41, foreign, true, DOM1)).toBe(-EINVAL);
    expect(frames.withdrawHeld(space.level1, 40, foreign, true, DOM1)).toBe(0);
    expect(new Set(fixture.flushed)).toEqual(new Set([foreign]));
    expect(frames.describe(foreign)).toMatchObject({ count: 2, typeCount: 1, held: 1 });
    frames.putPageAndType(foreign);
    expect(frames.checkInvariants()).toEqual([]);
  });

  it("go with the entry when the guest overwrites it", () => {
    const { frames } = fixture;
    const foreign = first(fixture.take(DOM2, 1));
    frames.getPage(foreign, DOM2);
    frames.installHeld(space.level1, 40, leadsTo(foreign, RO), DOM1);
    const own = { domain: DOM1, mapped: DOM1 };
    expect(frames.updateEntry(space.level1, 40, leadsTo(first(space.pages), RO), own)).toBe(0);
    expect(frames.describe(foreign)).toMatchObject({ count: 1, held: 0 });
    expect(frames.withdrawHeld(space.level1, 40, foreign, false, DOM1)).toBe(-EINVAL);
    expect(frames.checkInvariants()).toEqual([]);
  });

  it("are not passed to what is no level-1 entry of the domain", () => {
    const { frames } = fixture;
    const foreign = first(fixture.take(DOM2, 1));
    frames.getPage(foreign, DOM2);
    const install = (table: number, index: number, domain = DOM1) =>
      frames.installHeld(toMfn(table), index, leadsTo(foreign, RO), domain);
    expect(install(first(space.level2), 5)).toBe(-EINVAL);
    expect(install(first(space.pages), 5)).toBe(-EINVAL);
    expect(install(space.level1, 512)).toBe(-EINVAL);
    expect(install(space.level1, 5, DOM2)).toBe(-EINVAL);
    expect(install(2 ** 30, 5)).toBe(-EINVAL);
    expect(frames.installHeld(space.level1, 5, leadsTo(foreign, RW | 0x80), DOM1)).toBe(-EINVAL);
    expect(frames.describe(foreign)?.held).toBe(1);
  });
});
