import { FRAME_TYPE } from "@xenolith/frame-table";
import { frameAddress, type Mfn, PAGE_SIZE, toMfn } from "@xenolith/machine-interface";
import { PTE } from "@xenolith/x86-architecture";
import { EINVAL, toPfn } from "@xenolith/xen-abi";
import { __HYPERVISOR_set_gdt, MMUEXT_NEW_BASEPTR, MMUEXT_UNPIN_TABLE } from "@xenolith/xen-abi/xen";
import { beforeEach, describe, expect, it } from "vitest";
import {
  createMemoryFixture,
  entryOf,
  type Guest,
  leadsTo,
  type MemoryFixture,
  RO,
  SCRATCH,
} from "../support/memory-fixture.ts";

describe("the memory of a domain", () => {
  let fixture: MemoryFixture;
  let guest: Guest;
  beforeEach(() => {
    fixture = createMemoryFixture();
    guest = fixture.addGuest(1);
  });

  it("comes back to the last frame when it ends", () => {
    const { system } = fixture;
    const other = fixture.addGuest(2);
    const free = system.frames.freeFrames;
    const third = fixture.addGuest(3);
    const [gdt = toMfn(0)] = third.spare(1);
    third.write(SCRATCH, gdt);
    expect(third.call(__HYPERVISOR_set_gdt, SCRATCH, 512)).toBe(0);
    expect(system.closeDomain(third.domain)).toBe(true);
    expect(system.frames.freeFrames).toBe(free);
    expect(third.vcpu.space).toBe(null);
    expect(other.read(0)).toBe(0);
    expect(system.frames.checkInvariants()).toEqual([]);
  });

  it("stays with its dead owner while others hold it", () => {
    const { system } = fixture;
    const [page = toMfn(0)] = guest.pages;
    expect(system.grantHost.frames.getWritablePage(page, guest.domain.id)).toBe(true);
    expect(system.closeDomain(guest.domain)).toBe(false);
    expect(system.pageCount(guest.domain)).toBe(1);
    system.grantHost.frames.putWritablePage(page);
    expect(system.closeDomain(guest.domain)).toBe(true);
    expect(system.frames.checkInvariants()).toEqual([]);
  });

  it("shares its shared_info page with the monitor, which the guest may map", () => {
    const shared = guest.domain.sharedInfoFrame;
    expect(guest.mmuUpdate([[entryOf(guest.level1, 50), leadsTo(shared)]])).toBe(0);
    expect(guest.write(50 * PAGE_SIZE, 7)).toBe(true);
    expect(fixture.memory.view.getUint32(frameAddress(shared), true)).toBe(7);
  });

  it("is listed by pseudo-physical number", () => {
    const [extra = toMfn(0)] = guest.spare(1);
    expect(fixture.system.framesOf(guest.domain).slice(0, 3)).toEqual(guest.pages.slice(0, 3));
    expect(fixture.system.framesOf(guest.domain).at(-1)).toBe(extra);
    expect(fixture.system.setPhysicalNumbers(guest.domain, [toMfn(1000)], toPfn(0))).toBe(-EINVAL);
  });

  it("is held by handles until they are released", () => {
    const { system } = fixture;
    const [spare = toMfn(0)] = guest.spare(1);
    const pages = system.mapFrames(guest.domain, [spare, guest.pages[0] ?? toMfn(0)], true);
    if (typeof pages === "number") throw new Error("not mapped");
    pages.writeUint32(PAGE_SIZE, 99);
    expect(guest.read(0)).toBe(99);
    system.frames.release(guest.domain.id, spare);
    expect(system.frames.ownerOf(spare)).toBe(1);
    pages.release();
    expect(system.frames.ownerOf(spare)).not.toBe(1);
    expect(system.mapFrames(guest.domain, [guest.root], true)).toBe(-EINVAL);
    expect(system.mapFrames(guest.domain, [guest.root], false)).not.toBe(-EINVAL);
  });
});

describe("address spaces", () => {
  it("are as many as a guest has bases, but only a few are kept", () => {
    const fixture = createMemoryFixture();
    const guest = fixture.addGuest(1);
    for (let round = 0; round < 20; round++) {
      const [root = toMfn(0), last = toMfn(0)] = guest.spare(2);
      guest.mmuUpdate([
        [entryOf(root, 0), leadsTo(guest.level2[0] ?? toMfn(0), PTE.present)],
        [entryOf(root, 3), leadsTo(last, PTE.present)],
      ]);
      expect(guest.mmuExtOp([[MMUEXT_NEW_BASEPTR, root]])).toBe(0);
      expect(guest.read(0)).toBe(0);
    }
    const roots = new Set(fixture.translator.cached().map(({ root }) => root));
    expect(roots.size).toBeLessThan(12);
    expect(guest.mmuExtOp([[MMUEXT_UNPIN_TABLE, guest.root]])).toBe(0);
    expect(guest.read(0)).toBe(0);
    expect(fixture.system.frames.checkInvariants()).toEqual([]);
  });
});

describe("page-table entries of grants", () => {
  let fixture: MemoryFixture;
  let granter: Guest;
  let mapper: Guest;
  const rights = { writable: true, user: false, available: 2, cache: 0 };
  beforeEach(() => {
    fixture = createMemoryFixture();
    granter = fixture.addGuest(1);
    mapper = fixture.addGuest(2);
  });
  const linear = (page: number) => ({ kind: "linear", address: page * PAGE_SIZE }) as const;
  const hold = (frame: Mfn): boolean =>
    fixture.system.grantHost.frames.getWritablePage(frame, granter.domain.id);

  it("are made at a linear address or in a named entry, and end without a trace", () => {
    const { grantHost, frames } = fixture.system;
    const [page = toMfn(0)] = granter.pages;
    granter.write(0, 1234);
    for (const place of [linear(60), { kind: "entry", address: entryOf(mapper.level1, 60) } as const]) {
      expect(hold(page)).toBe(true);
      expect(grantHost.pageTables.install(mapper.domain.id, place, page, rights)).toBe(true);
      expect(mapper.read(60 * PAGE_SIZE)).toBe(1234);
      expect(fixture.memory.view.getUint32(entryOf(mapper.level1, 60), true) & 0xe07).toBe(0x403);
      expect(grantHost.pageTables.remove(mapper.domain.id, place, page, false, 0)).toBe(false);
      expect(grantHost.pageTables.remove(mapper.domain.id, place, page, true, 0)).toBe(true);
      grantHost.frames.putWritablePage(page);
      expect(mapper.read(60 * PAGE_SIZE)).toBe(null);
    }
    expect(frames.checkInvariants()).toEqual([]);
  });

  it("are made only in level-1 tables of the domain", () => {
    const { grantHost } = fixture.system;
    const [page = toMfn(0)] = granter.pages;
    hold(page);
    const install = (place: { kind: "linear" | "entry"; address: number }) =>
      grantHost.pageTables.install(mapper.domain.id, place, page, rights);
    expect(install({ kind: "linear", address: 0x4000_0000 })).toBe(false);
    expect(install({ kind: "entry", address: entryOf(mapper.root, 0) })).toBe(false);
    expect(install({ kind: "entry", address: entryOf(granter.level1, 60) })).toBe(false);
    expect(install({ kind: "entry", address: entryOf(mapper.level1, 60) + 4 })).toBe(false);
    expect(install({ kind: "entry", address: 2 ** 50 })).toBe(false);
    grantHost.frames.putWritablePage(page);
  });

  it("take the place of what was mapped there", () => {
    const { grantHost, frames } = fixture.system;
    const [page = toMfn(0)] = granter.pages;
    hold(page);
    expect(grantHost.pageTables.install(mapper.domain.id, linear(4), page, rights)).toBe(true);
    expect(frames.describe(mapper.pages[4] ?? toMfn(0))).toMatchObject({ typeCount: 0, count: 1 });
    expect(mapper.mmuUpdate([[entryOf(mapper.level1, 4), leadsTo(mapper.pages[4] ?? toMfn(0), RO)]])).toBe(0);
    expect(frames.typeOf(page)).toBe(FRAME_TYPE.writable);
    expect(frames.checkInvariants()).toEqual([]);
  });
});
