import { toMfn } from "@xenolith/machine-interface";
import { PTE, PTE_NX_HIGH } from "@xenolith/x86-architecture";
import { EBUSY, EINVAL, EPERM } from "@xenolith/xen-abi";
import { beforeEach, describe, expect, it } from "vitest";
import { FRAME_TYPE } from "../../src/index.ts";
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

const OWN = { domain: DOM1, mapped: DOM1 };

describe("updateEntry", () => {
  let fixture: Fixture;
  let space: Space;
  const update = (index: number, entry = NOTHING, table = space.level1): number =>
    fixture.frames.updateEntry(table, index, entry, OWN);

  beforeEach(() => {
    fixture = createFixture();
    space = fixture.buildSpace(DOM1, 8);
    expect(fixture.frames.pin(DOM1, space.root, 3)).toBe(0);
  });

  it("maps an own frame writable and counts the mapping", () => {
    const frame = first(fixture.take(DOM1, 1));
    expect(update(100, leadsTo(frame))).toBe(0);
    expect(fixture.frames.describe(frame)).toMatchObject({
      type: FRAME_TYPE.writable,
      typeCount: 1,
      count: 2,
    });
    expect(fixture.peek(space.level1, 100)).toEqual(leadsTo(frame));
    expect(update(100)).toBe(0);
    expect(fixture.frames.describe(frame)).toMatchObject({ typeCount: 0, count: 1 });
    expect(fixture.frames.checkInvariants()).toEqual([]);
  });

  it("maps page tables read-only, never writable", () => {
    for (const table of [space.root, ...space.level2, space.level1]) {
      expect(update(101, leadsTo(table, RO))).toBe(0);
      expect(update(102, leadsTo(table, RW))).toBe(-EBUSY);
      expect(fixture.peek(space.level1, 102)).toEqual(NOTHING);
    }
    expect(fixture.frames.checkInvariants()).toEqual([]);
  });

  it("refuses frames of others, free frames and frames that do not exist", () => {
    const foreign = first(fixture.take(DOM2, 1));
    const free = fixture.frames.ownerOf(toMfn(500)) === 1 ? toMfn(501) : toMfn(500);
    expect(update(100, leadsTo(foreign, RO))).toBe(-EBUSY);
    expect(update(100, leadsTo(free, RO))).toBe(-EBUSY);
    expect(update(100, leadsTo(512, RO))).toBe(-EPERM);
    expect(update(100, leadsTo(2 ** 32, RO))).toBe(-EPERM);
    expect(update(100, leadsTo(2 ** 40 - 1, RO))).toBe(-EINVAL);
  });

  it("lets a caller with the right map a foreign domain's frames", () => {
    const foreign = first(fixture.take(DOM2, 1));
    const own = first(fixture.take(DOM1, 1));
    const privileged = { domain: DOM1, mapped: DOM2 };
    expect(fixture.frames.updateEntry(space.level1, 100, leadsTo(foreign), privileged)).toBe(0);
    expect(fixture.frames.updateEntry(space.level1, 101, leadsTo(own), privileged)).toBe(-EBUSY);
    expect(fixture.frames.updateEntry(first(space.level2), 9, NOTHING, privileged)).toBe(-EINVAL);
    expect(fixture.frames.checkInvariants({ mayMap: (_domain, frame) => frame === foreign })).toEqual([]);
    fixture.flushed.length = 0;
    expect(update(100)).toBe(0);
    expect(fixture.flushed).toContain(foreign);
  });

  it.each([
    ["write-through", PTE.writeThrough],
    ["cache-disable", PTE.cacheDisable],
    ["PAT", PTE.pat],
  ])("refuses %s in level 1, and allows global and the available bits", (_name, flag) => {
    const page = first(space.pages);
    expect(update(100, leadsTo(page, RO | flag))).toBe(-EINVAL);
    expect(update(100, leadsTo(page, RO | PTE.global | PTE.available))).toBe(0);
  });

  it("refuses superpages and global entries in level 2", () => {
    const table = first(space.level2);
    expect(update(3, leadsTo(0, RW | PTE.large), table)).toBe(-EINVAL);
    expect(update(0, leadsTo(space.level1, RW | PTE.global), table)).toBe(-EINVAL);
  });

  it("leaves bits 62:52 to the guest and allows no-execute, but for a root's", () => {
    const { low } = leadsTo(first(space.pages), RO);
    for (const high of [0x10_0000, 0x7ff0_0000, PTE_NX_HIGH]) {
      expect(update(100, { low, high })).toBe(0);
      expect(fixture.peek(space.level1, 100)).toEqual({ low, high });
    }
    const table = leadsTo(space.level2[1] ?? 0, PTE.present);
    for (const high of [0x10_0000, 0x4000_0000, PTE_NX_HIGH])
      expect(update(1, { ...table, high }, space.root)).toBe(-EINVAL);
  });

  it("changes harmless bits without looking at the frame again", () => {
    const before = fixture.frames.describe(first(space.pages));
    expect(update(0, leadsTo(first(space.pages), PTE.present | PTE.writable | PTE.dirty))).toBe(0);
    expect(fixture.frames.describe(first(space.pages))).toEqual(before);
  });

  it("takes away a writable mapping's use when it becomes read-only", () => {
    const page = first(space.pages);
    expect(update(0, leadsTo(page, RO))).toBe(0);
    expect(fixture.frames.describe(page)).toMatchObject({ typeCount: 0, count: 2 });
  });

  it("keeps accessed and dirty bits when asked to", () => {
    const page = first(space.pages);
    fixture.poke(space.level1, 0, leadsTo(page, RW | PTE.accessed | PTE.dirty));
    const keep = { ...OWN, preserveAccessedDirty: true };
    expect(fixture.frames.updateEntry(space.level1, 0, leadsTo(page, RO), keep)).toBe(0);
    expect(fixture.peek(space.level1, 0)).toEqual(leadsTo(page, RO | PTE.accessed | PTE.dirty));
  });

  it("stores what is not present unchecked", () => {
    expect(update(0, { low: 0xdead_bee0, high: 0xffff_ffff })).toBe(0);
    expect(fixture.peek(space.level1, 0)).toEqual({ low: 0xdead_bee0, high: 0xffff_ffff });
    expect(fixture.frames.checkInvariants()).toEqual([]);
  });

  it("validates a whole table that enters at level 2, and lets it go again", () => {
    const [table = toMfn(0), page = toMfn(0)] = fixture.take(DOM1, 2);
    fixture.poke(table, 5, leadsTo(page));
    expect(update(7, leadsTo(table), first(space.level2))).toBe(0);
    expect(fixture.frames.describe(table)).toMatchObject({
      type: FRAME_TYPE.level1,
      typeCount: 1,
      validated: true,
    });
    expect(fixture.frames.typeOf(page)).toBe(FRAME_TYPE.writable);
    expect(update(7, NOTHING, first(space.level2))).toBe(0);
    expect(fixture.frames.describe(table)).toMatchObject({ typeCount: 0, validated: false });
    expect(fixture.frames.describe(page)).toMatchObject({ typeCount: 0, count: 1 });
    expect(fixture.frames.checkInvariants()).toEqual([]);
  });

  it("leaves nothing behind when a table fails to validate half-way", () => {
    const [table = toMfn(0), page = toMfn(0)] = fixture.take(DOM1, 2);
    fixture.poke(table, 5, leadsTo(page));
    fixture.poke(table, 6, leadsTo(space.root));
    expect(update(7, leadsTo(table), first(space.level2))).toBe(-EBUSY);
    expect(fixture.frames.describe(page)).toMatchObject({ typeCount: 0, count: 1 });
    expect(fixture.frames.describe(table)).toMatchObject({ type: FRAME_TYPE.none, typeCount: 0, count: 1 });
    expect(fixture.frames.checkInvariants()).toEqual([]);
  });

  it("refuses a table that maps itself writable", () => {
    const table = first(fixture.take(DOM1, 1));
    fixture.poke(table, 0, leadsTo(table));
    expect(update(7, leadsTo(table), first(space.level2))).toBe(-EBUSY);
    fixture.poke(table, 0, leadsTo(table, RO));
    expect(update(7, leadsTo(table), first(space.level2))).toBe(0);
    expect(fixture.frames.checkInvariants()).toEqual([]);
  });

  it("refuses entries of frames that are no tables, of others' tables, and slots that do not exist", () => {
    expect(update(0, NOTHING, first(space.pages))).toBe(-EINVAL);
    expect(fixture.frames.updateEntry(space.level1, 0, NOTHING, { domain: DOM2, mapped: DOM2 })).toBe(
      -EINVAL,
    );
    expect(update(512)).toBe(-EINVAL);
    expect(update(-1)).toBe(-EINVAL);
    expect(update(0, NOTHING, toMfn(1_000_000))).toBe(-EINVAL);
  });

  it("flushes a frame before it changes its type or when its mapping changes, and tells of changed tables above level 1", () => {
    const page = first(space.pages);
    expect(update(0)).toBe(0);
    fixture.flushed.length = 0;
    expect(fixture.frames.pin(DOM1, page, 1)).toBe(0);
    expect(fixture.flushed).toEqual([page]);
    fixture.changed.length = 0;
    fixture.flushed.length = 0;
    update(1);
    expect(fixture.flushed).toEqual([space.pages[1]]);
    expect(fixture.changed).toEqual([]);
    update(0, NOTHING, first(space.level2));
    expect(fixture.changed).toEqual([[DOM1, 2, first(space.level2), 0]]);
  });
});

describe("PAE roots", () => {
  let fixture: Fixture;
  let space: Space;
  beforeEach(() => {
    fixture = createFixture();
    space = fixture.buildSpace(DOM1, 2);
  });
  const last = () => space.level2[3] ?? toMfn(0);

  it("need slot 3", () => {
    fixture.poke(space.root, 3, NOTHING);
    expect(fixture.frames.pin(DOM1, space.root, 3)).toBe(-EINVAL);
    expect(fixture.frames.checkInvariants()).toEqual([]);
  });

  it("may lack the others", () => {
    for (const slot of [0, 1, 2]) fixture.poke(space.root, slot, NOTHING);
    expect(fixture.frames.pin(DOM1, space.root, 3)).toBe(0);
  });

  it("do not change in slot 3 while they are roots", () => {
    fixture.frames.pin(DOM1, space.root, 3);
    expect(fixture.frames.updateEntry(space.root, 3, leadsTo(last(), 1), OWN)).toBe(-EINVAL);
    expect(fixture.frames.updateEntry(space.root, 2, NOTHING, OWN)).toBe(0);
    expect(fixture.frames.updateEntry(space.root, 4, NOTHING, OWN)).toBe(-EINVAL);
  });

  it("are the only ones to have the table of their slot 3", () => {
    const other = fixture.buildSpace(DOM1, 1);
    fixture.poke(other.root, 3, leadsTo(last(), 1));
    expect(fixture.frames.pin(DOM1, space.root, 3)).toBe(0);
    expect(fixture.frames.pin(DOM1, other.root, 3)).toBe(-EINVAL);
    expect(fixture.frames.updateEntry(space.root, 2, leadsTo(last(), 1), OWN)).toBe(-EINVAL);
    expect(fixture.frames.checkInvariants()).toEqual([]);
  });

  it("lose what is behind the fourth entry and what stands in the monitor's range", () => {
    fixture.poke(space.root, 4, leadsTo(3));
    fixture.poke(last(), 428, leadsTo(space.level1));
    fixture.poke(last(), 511, leadsTo(3));
    expect(fixture.frames.pin(DOM1, space.root, 3)).toBe(0);
    expect(fixture.peek(space.root, 4)).toEqual(NOTHING);
    expect(fixture.peek(last(), 428)).toEqual(NOTHING);
    expect(fixture.peek(last(), 511)).toEqual(NOTHING);
    expect(fixture.frames.checkInvariants()).toEqual([]);
  });

  it("refuse updates in the monitor's range with -EPERM, and only there", () => {
    fixture.frames.pin(DOM1, space.root, 3);
    const update = (table: number, index: number) =>
      fixture.frames.updateEntry(toMfn(table), index, NOTHING, OWN);
    expect(update(last(), 427)).toBe(0);
    expect(update(last(), 428)).toBe(-EPERM);
    expect(update(last(), 511)).toBe(-EPERM);
    expect(update(space.level2[0] ?? 0, 511)).toBe(0);
  });

  it("hide the rights that level 3 reserves, and refuse no-execute there", () => {
    fixture.poke(space.root, 1, leadsTo(space.level2[1] ?? 0, RW | PTE.accessed));
    expect(fixture.frames.pin(DOM1, space.root, 3)).toBe(0);
    expect(fixture.peek(space.root, 1)).toEqual(leadsTo(space.level2[1] ?? 0, PTE.present));
    const entry = { ...leadsTo(space.level2[1] ?? 0, 1), high: PTE_NX_HIGH };
    expect(fixture.frames.updateEntry(space.root, 0, entry, OWN)).toBe(-EINVAL);
  });
});
