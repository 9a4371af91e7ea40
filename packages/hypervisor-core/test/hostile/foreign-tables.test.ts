import { createEntropy } from "@xenolith/machine";
import { type Mfn, PAGE_SIZE, toMfn } from "@xenolith/machine-interface";
import { PTE } from "@xenolith/x86-architecture";
import { DOMID_IO, DOMID_XEN, EBUSY, EINVAL, EPERM, ESRCH } from "@xenolith/xen-abi";
import {
  MMUEXT_PIN_L1_TABLE,
  MMUEXT_PIN_L2_TABLE,
  MMUEXT_PIN_L3_TABLE,
  MMUEXT_PIN_L4_TABLE,
  MMUEXT_UNPIN_TABLE,
} from "@xenolith/xen-abi/xen";
import { beforeEach, describe, expect, it } from "vitest";
import {
  createMemoryFixture,
  entryOf,
  type Guest,
  leadsTo,
  type MemoryFixture,
  RW,
} from "../support/memory-fixture.ts";

let fixture: MemoryFixture;
let control: Guest;
let guest: Guest;
beforeEach(() => {
  fixture = createMemoryFixture();
  control = fixture.addGuest(1, { privileged: true });
  guest = fixture.addGuest(2);
});

const isSound = (): void => expect(fixture.system.frames.checkInvariants()).toEqual([]);
const level = (table: Mfn): number => fixture.system.frames.levelOf(table);
const fill = (table: Mfn, index: number, low: number): void =>
  fixture.memory.view.setUint32(entryOf(table, index), low, true);

/** A tree of the guest's that is not validated: a root, four tables of level 2 and 30 of level 1 that map pages. */
const plantTree = (): { root: Mfn; upper: Mfn[]; tables: Mfn[]; all: Mfn[] } => {
  const all = guest.spare(35);
  const [root = toMfn(0), ...below] = all;
  const [upper, tables] = [below.slice(0, 4), below.slice(4)];
  for (const [slot, table] of upper.entries()) fill(root, slot, leadsTo(table, PTE.present));
  for (const [slot, table] of tables.entries()) {
    fill(upper[slot % 3] ?? root, slot, leadsTo(table));
    fill(table, slot, leadsTo(guest.pages[slot % 8] ?? root));
  }
  return { root, upper, tables, all };
};

const pin = (root: Mfn): number => control.mmuExtOp([[MMUEXT_PIN_L3_TABLE, root]], 2);
const unpin = (root: Mfn): number => control.mmuExtOp([[MMUEXT_UNPIN_TABLE, root]], 2);
const beginPin = (root: Mfn): void => control.begin([[MMUEXT_PIN_L3_TABLE, root]], 2);
const held = (tables: readonly Mfn[]): number => tables.filter((table) => level(table) > 0).length;
const isFree = (all: readonly Mfn[]): void => {
  for (const table of all)
    expect(fixture.system.frames.describe(table)).toMatchObject({ typeCount: 0, count: 1, validated: false });
};

describe("pins of another domain's tables", () => {
  it("go on piece by piece, and so does giving them up", () => {
    const { root, all } = plantTree();
    fixture.interrupted = true;
    expect([pin(root), fixture.restarts >= 30, control.done()]).toEqual([0, true, 1]);
    expect(all.map(level)).toEqual([3, 2, 2, 2, 2, ...Array<number>(30).fill(1)]);
    isSound();
    fixture.restarts = 0;
    expect([unpin(root), fixture.restarts >= 30, control.done()]).toEqual([0, true, 1]);
    isFree(all);
    isSound();
    expect(unpin(root)).toBe(-EINVAL);
  });

  it("are for privileged callers, of living domains, and neither of the monitor nor of I/O space", () => {
    const { root } = plantTree();
    expect(guest.mmuExtOp([[MMUEXT_PIN_L3_TABLE, control.root]], 1)).toBe(-EPERM);
    expect(control.mmuExtOp([[MMUEXT_PIN_L3_TABLE, root]], 77)).toBe(-ESRCH);
    for (const nobody of [DOMID_IO, DOMID_XEN])
      for (const command of [MMUEXT_PIN_L1_TABLE, MMUEXT_PIN_L3_TABLE, MMUEXT_UNPIN_TABLE])
        for (const frame of [root, control.domain.sharedInfoFrame])
          expect(control.mmuExtOp([[command, frame]], nobody)).toBe(-EINVAL);
    isSound();
  });

  it("are whole or have never been, whatever the other domain does in between (XSA-296, XSA-299)", () => {
    const { root, upper, tables, all } = plantTree();
    const [last = toMfn(0)] = tables.slice(-1);
    fixture.interrupted = true;
    for (let step = 0; step < 10; step++) beginPin(root);
    expect(held(all)).toBe(10);
    isSound();
    // What has been validated is a table, which its domain changes by hypercalls only; the rest is its memory.
    const [first = toMfn(0)] = tables.filter((table) => level(table) === 1);
    expect(guest.mmuUpdate([[entryOf(guest.level1, 12), leadsTo(first)]])).toBe(-EBUSY);
    expect(guest.mmuUpdate([[entryOf(first, 100), leadsTo(guest.pages[3] ?? root)]])).toBe(0);
    expect(guest.mmuUpdate([[entryOf(guest.level1, 12), leadsTo(last)]])).toBe(0);
    expect(guest.write(12 * PAGE_SIZE + 8, leadsTo(control.root), 0)).toBe(true);
    expect(
      pin(root),
      "one cannot be validated: it is mapped writable, and maps what is another's",
    ).toBeLessThan(0);
    isFree(all.filter((table) => table !== last));
    isSound();

    expect(guest.mmuUpdate([[entryOf(guest.level1, 12), 0]])).toBe(0);
    fill(last, 1, 0);
    expect(pin(root)).toBe(0);
    expect(held([root, ...upper, ...tables])).toBe(35);
    isSound();
  });

  it("do not become long at their end because the root was led elsewhere in between", () => {
    const { root, tables } = plantTree();
    fixture.interrupted = true;
    for (let step = 0; step < 32; step++) beginPin(root);
    const [other = toMfn(0)] = guest.spare(1);
    for (let slot = 0; slot < 3; slot++) fill(root, slot, 0);
    fill(root, 0, leadsTo(other, PTE.present));
    expect(held(tables)).toBe(30);
    const perCall: number[] = [];
    for (let before = held(tables); before > 0; before = held(tables)) {
      beginPin(root);
      perCall.push(before - held(tables));
    }
    expect(Math.max(...perCall)).toBe(1);
    expect([pin(root), level(other)], "the call was done by then").toEqual([-EINVAL, 2]);
    isSound();
  });

  it("hold nothing any more when the other domain goes, whose call then finds nobody", () => {
    const { root, all } = plantTree();
    fixture.interrupted = true;
    for (let step = 0; step < 10; step++) beginPin(root);
    expect(held(all)).toBe(10);
    expect(fixture.destroy(guest)).toBe(true);
    for (const table of all) expect(fixture.system.frames.ownerOf(table)).not.toBe(guest.domain.id);
    isSound();
    expect(pin(root)).toBe(-ESRCH);
    fixture.interrupted = false;
    const { frames } = fixture.system;
    frames.setMaximumPages(control.domain.id, 1024);
    expect(control.spare(100), "the frames are there for others").toHaveLength(100);
    isSound();
  });

  it("hold nothing any more when the other domain goes while they are given up", () => {
    const { root, all } = plantTree();
    expect(pin(root)).toBe(0);
    fixture.interrupted = true;
    for (let step = 0; step < 50; step++) control.begin([[MMUEXT_UNPIN_TABLE, root]], 2);
    expect(held(all)).toBeGreaterThan(5);
    expect(held(all)).toBeLessThan(34);
    expect(fixture.destroy(guest)).toBe(true);
    isSound();
  });

  it("hold nothing any more when the caller goes, and the other domain has its memory back", () => {
    const { root, all } = plantTree();
    fixture.interrupted = true;
    for (let step = 0; step < 10; step++) beginPin(root);
    expect(fixture.destroy(control)).toBe(true);
    isFree(all);
    isSound();
    expect(guest.mmuExtOp([[MMUEXT_PIN_L3_TABLE, root]])).toBe(0);
  });

  it("and a domain's own of the same tables are two requests", () => {
    const { root, all } = plantTree();
    fixture.interrupted = true;
    for (let step = 0; step < 10; step++) {
      beginPin(root);
      guest.begin([[MMUEXT_PIN_L3_TABLE, root]]);
    }
    expect(guest.mmuExtOp([[MMUEXT_PIN_L3_TABLE, root]])).toBe(0);
    expect(pin(root), "it is pinned").toBe(-EINVAL);
    isSound();
    expect(unpin(root)).toBe(0);
    isFree(all);
  });

  it("an entry of another domain's root validates and gives up what it leads to piece by piece", () => {
    const { upper, tables } = plantTree();
    const [first = toMfn(0)] = upper;
    const foreignTables = ((1 + 2) << 16) | 2;
    const lead = (low: number): number => control.mmuUpdate([[entryOf(guest.root, 1), low]], foreignTables);
    // The present one leads to a table that is empty.
    fixture.interrupted = true;
    expect([lead(leadsTo(first, PTE.present)), fixture.restarts >= 10]).toEqual([0, true]);
    expect([level(first), held(tables)]).toEqual([2, 10]);
    isSound();
    fixture.restarts = 0;
    expect([lead(0), fixture.restarts >= 9, held(tables)]).toEqual([0, true, 0]);
    isSound();
  });
});

describe("a control domain that pins at random", () => {
  const SEED = 7;
  it(`leaves types and counts right, with guests that come and go in between (seed ${SEED})`, () => {
    const entropy = createEntropy(SEED);
    const below = (bound: number): number => entropy.below(bound);
    const { frames } = fixture.system;
    const kinds = [
      MMUEXT_PIN_L1_TABLE,
      MMUEXT_PIN_L2_TABLE,
      MMUEXT_PIN_L3_TABLE,
      MMUEXT_PIN_L4_TABLE,
      MMUEXT_UNPIN_TABLE,
    ];
    let roots = [plantTree().root, plantTree().root];
    let succeeded = 0;
    for (let step = 0; step < 2000; step++) {
      const { id } = guest.domain;
      const own = frames.framesOf(id);
      const some = (): Mfn => own[below(own.length)] ?? toMfn(0);
      const frame = below(2) === 0 ? (roots[below(2)] ?? toMfn(0)) : some();
      const command = kinds[below(kinds.length)] ?? 0;
      fixture.interrupted = below(4) > 0;
      const what = below(12);
      if (what < 4) control.begin([[command, frame]], id);
      else if (what < 7) succeeded += Number(control.mmuExtOp([[command, frame]], id) === 0);
      else if (what < 9) guest.begin([[command, frame]]);
      else if (what < 11) {
        const table = below(2) === 0 ? some() : (roots[below(2)] ?? toMfn(0));
        guest.mmuUpdate([[entryOf(table, below(8)), below(3) === 0 ? 0 : leadsTo(some(), RW)]]);
      } else if (below(25) === 0) {
        expect(fixture.destroy(guest)).toBe(true);
        guest = fixture.addGuest(id === 2 ? 3 : 2);
        roots = [plantTree().root, plantTree().root];
      }
      if (step % 50 === 0) expect(frames.checkInvariants(), `after step ${step}`).toEqual([]);
    }
    expect(succeeded).toBeGreaterThan(50);
    for (const one of [guest, control]) expect(fixture.destroy(one)).toBe(true);
    isSound();
  });
});
