import { toMfn } from "@xenolith/machine-interface";
import { PTE, PTE_NX_HIGH } from "@xenolith/x86-architecture";
import { EINVAL, EPERM } from "@xenolith/xen-abi";
import { describe, expect, it } from "vitest";
import { createFixture, DOM1, leadsTo, NOTHING, RO, RW } from "../support/fixture.ts";

const OWN = { domain: DOM1, mapped: DOM1 };

describe("two-level tables", () => {
  it("have 1024 entries of 4 bytes, the monitor's from 0xFC000000 up", () => {
    const fixture = createFixture({ width: "x86_32" });
    const { frames } = fixture;
    const [root = toMfn(0), table = toMfn(0), page = toMfn(0)] = fixture.take(DOM1, 3);
    fixture.poke(root, 1, leadsTo(table));
    fixture.poke(root, 1023, leadsTo(table));
    fixture.poke(table, 1023, leadsTo(page));
    expect(frames.rootLevelOf(DOM1)).toBe(2);
    expect(frames.pin(DOM1, root, 2)).toBe(0);
    expect(fixture.peek(root, 1023)).toEqual(NOTHING);
    expect(frames.describe(page)).toMatchObject({ typeCount: 1, count: 2 });
    expect(frames.updateEntry(root, 1007, NOTHING, OWN)).toBe(0);
    expect(frames.updateEntry(root, 1008, NOTHING, OWN)).toBe(-EPERM);
    expect(frames.updateEntry(root, 2, leadsTo(0, RW | PTE.large), OWN)).toBe(-EINVAL);
    expect(frames.updateEntry(root, 3, leadsTo(root, RO), OWN)).toBe(0);
    expect(frames.updateEntry(table, 0, { ...leadsTo(page), high: 0xffff_ffff }, OWN)).toBe(0);
    expect(fixture.peek(table, 0)).toEqual(leadsTo(page));
    expect(frames.checkInvariants()).toEqual([]);
    expect(frames.unpin(DOM1, root)).toBe(0);
    expect(frames.checkInvariants()).toEqual([]);
  });
});

describe("long tables", () => {
  const build = () => {
    const fixture = createFixture({ width: "x86_64" });
    const tables = fixture.take(DOM1, 5);
    const [root = toMfn(0), level3 = toMfn(0), level2 = toMfn(0), level1 = toMfn(0), page = toMfn(0)] =
      tables;
    const kernel = PTE.present | PTE.writable;
    fixture.poke(root, 511, leadsTo(level3, kernel));
    fixture.poke(root, 256, leadsTo(level3, kernel));
    fixture.poke(level3, 5, leadsTo(level2, kernel));
    fixture.poke(level2, 6, leadsTo(level1, kernel));
    fixture.poke(level1, 7, leadsTo(page, kernel));
    fixture.poke(level1, 8, leadsTo(page, RO));
    return { ...fixture, root, level3, level2, level1, page };
  };

  it("get the bits that let a kernel run in ring 3", () => {
    const { frames, peek, root, level3, level2, level1, page } = build();
    expect(frames.pin(DOM1, root, 4)).toBe(0);
    expect(peek(root, 511)).toEqual(leadsTo(level3, RW | PTE.accessed));
    expect(peek(level3, 5)).toEqual(leadsTo(level2, RW));
    expect(peek(level2, 6)).toEqual(leadsTo(level1, RW));
    expect(peek(level1, 7)).toEqual({ ...leadsTo(page, RW), high: 0x10_0000 });
    expect(peek(level1, 8)).toEqual(leadsTo(page, RO | PTE.global));
    expect(frames.checkInvariants()).toEqual([]);
  });

  it("are found below a root lowest levels first, once each and not behind the monitor's slots", () => {
    const { frames, poke, root, level3, level2, level1 } = build();
    poke(root, 1, leadsTo(level3));
    poke(root, 511, NOTHING);
    poke(level2, 9, leadsTo(level1));
    poke(level2, 10, leadsTo(root));
    poke(level2, 11, leadsTo(0xf_ffff));
    const tables = [
      { table: level1, level: 1 },
      { table: level2, level: 2 },
      { table: level3, level: 3 },
    ];
    expect(frames.tablesBelow(DOM1, root, 4, false)).toEqual(tables);
    expect(frames.tablesBelow(DOM1, root, 4, true)).toEqual([]);
    poke(level2, 10, NOTHING);
    poke(level2, 11, NOTHING);
    expect(frames.pin(DOM1, root, 4)).toBe(0);
    expect(frames.tablesBelow(DOM1, root, 4, true)).toEqual(tables);
    expect(frames.tablesBelow(DOM1, level1, 1, true)).toEqual([]);
    poke(root, 1, NOTHING);
    expect(frames.tablesBelow(DOM1, root, 4, true)).toEqual([]);
  });

  it("are not found below a root where another keeps them tables, and those found are all that end with it", () => {
    const { frames, poke, take, root, level3, level2, level1, page } = build();
    poke(level2, 9, leadsTo(level1));
    const [otherRoot = toMfn(0), otherLevel3 = toMfn(0), own = toMfn(0)] = take(DOM1, 3);
    poke(otherRoot, 3, leadsTo(otherLevel3));
    poke(otherLevel3, 4, leadsTo(level2));
    poke(level3, 8, leadsTo(own));
    expect(frames.pin(DOM1, root, 4)).toBe(0);
    expect(frames.pin(DOM1, otherRoot, 4)).toBe(0);
    expect(frames.pin(DOM1, own, 2)).toBe(0);
    expect(frames.tablesBelow(DOM1, root, 4, true)).toEqual([{ table: level3, level: 3 }]);
    expect(frames.unpin(DOM1, otherRoot)).toBe(0);
    const found = frames.tablesBelow(DOM1, root, 4, true);
    expect(found.map(({ table }) => table)).toEqual([level1, level2, level3]);
    for (const { table, level } of found) expect(frames.getPageAndType(table, DOM1, level)).toBe(0);
    const before = frames.work;
    expect(frames.unpin(DOM1, root)).toBe(0);
    expect(frames.work - before).toBe(512);
    for (const { table } of found.reverse()) frames.putPageAndType(table);
    expect([level1, level2, level3].map(frames.levelOf)).toEqual([0, 0, 0]);
    expect(frames.levelOf(own)).toBe(2);
    expect(frames.describe(page)).toMatchObject({ typeCount: 0 });
    expect(frames.checkInvariants()).toEqual([]);
  });

  it("keep slots 256 to 271 of the root for the monitor", () => {
    const { frames, peek, root } = build();
    frames.pin(DOM1, root, 4);
    expect(peek(root, 256)).toEqual(NOTHING);
    expect(frames.updateEntry(root, 255, NOTHING, OWN)).toBe(0);
    expect(frames.updateEntry(root, 256, NOTHING, OWN)).toBe(-EINVAL);
    expect(frames.updateEntry(root, 271, NOTHING, OWN)).toBe(-EINVAL);
    expect(frames.updateEntry(root, 272, NOTHING, OWN)).toBe(0);
  });

  it("may have linear entries at every upper level, and available bits 62:52", () => {
    const { frames, root, level3, level2, level1, page } = build();
    frames.pin(DOM1, root, 4);
    for (const table of [root, level3, level2]) {
      expect(frames.updateEntry(table, 100, leadsTo(table, RO), OWN)).toBe(0);
      expect(frames.updateEntry(table, 101, leadsTo(table, RW), OWN)).toBe(-EINVAL);
    }
    const entry = { low: leadsTo(page, RO).low, high: PTE_NX_HIGH | 0x7fe0_0000 };
    expect(frames.updateEntry(level1, 9, { low: entry.low, high: entry.high >>> 0 }, OWN)).toBe(0);
    expect(frames.checkInvariants()).toEqual([]);
    expect(frames.unpin(DOM1, root)).toBe(0);
    expect(frames.checkInvariants()).toEqual([]);
  });
});
