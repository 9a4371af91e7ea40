import { FRAME_TYPE } from "@xenolith/frame-table";
import { frameAddress, type Mfn, PAGE_SIZE, toMfn } from "@xenolith/machine-interface";
import { entryLow, PTE } from "@xenolith/x86-architecture";
import { DOMID_SELF, EBUSY, EFAULT, EINVAL, EPERM, toGrantRef } from "@xenolith/xen-abi";
import * as evtchn from "@xenolith/xen-abi/event-channel";
import * as gnt from "@xenolith/xen-abi/grant-table";
import {
  XENMEM_decrease_reservation,
  XENMEM_exchange,
  XENMEM_increase_reservation,
} from "@xenolith/xen-abi/memory";
import type { Struct } from "@xenolith/xen-abi/struct";
import * as xen from "@xenolith/xen-abi/xen";
import { beforeEach, describe, expect, it } from "vitest";
import {
  ARGUMENT,
  createHypervisorFixture,
  type FixtureGuest,
  type HypervisorFixture,
  OTHER,
} from "../support/hypervisor-fixture.ts";
import {
  createMemoryFixture,
  entryOf,
  type Guest,
  leadsTo,
  type MemoryFixture,
  RO,
  RW,
  SCRATCH,
} from "../support/memory-fixture.ts";

const WIDTH = "x86_32p";
const MONITOR = 0xf580_0000;

/** One test for each class of mistake that advisories about Xen's paravirtual interface have been about. */
describe("memory, between two domains", () => {
  let fixture: MemoryFixture;
  let attacker: Guest;
  let victim: Guest;
  beforeEach(() => {
    fixture = createMemoryFixture();
    attacker = fixture.addGuest(1);
    victim = fixture.addGuest(2);
  });
  const reserve = (guest: Guest, command: number, frames: readonly number[]): number => {
    guest.write(SCRATCH + 512, ...frames);
    return guest.memoryOp(command, SCRATCH + 512, frames.length, 0, 0, DOMID_SELF);
  };
  const isSound = (): void => expect(fixture.system.frames.checkInvariants()).toEqual([]);

  it("a translation that the guest has not flushed does not lead to a frame that is another's by now", () => {
    const [page = toMfn(0)] = attacker.spare(1);
    expect(attacker.mmuUpdate([[entryOf(attacker.level1, 9), leadsTo(page)]])).toBe(0);
    expect(attacker.write(9 * PAGE_SIZE, 0x1111)).toBe(true);
    expect(attacker.mmuUpdate([[entryOf(attacker.level1, 9), 0]])).toBe(0);
    expect(reserve(attacker, XENMEM_decrease_reservation, [page])).toBe(1);
    const { frames } = fixture.system;
    frames.setMaximumPages(victim.domain.id, 1024);
    while (frames.ownerOf(page) !== victim.domain.id) victim.spare(1);
    fixture.memory.view.setUint32(frameAddress(page), 0x5ec_2e7, true);
    expect(attacker.read(9 * PAGE_SIZE)).not.toBe(0x5ec_2e7);
    expect(attacker.write(9 * PAGE_SIZE, 0)).toBe(false);
    isSound();
  });

  it("a pin that events interrupt is whole or has never been (XSA-296, XSA-299)", () => {
    const { frames } = fixture.system;
    const [root = toMfn(0), level1 = toMfn(0), ...level2] = attacker.spare(6);
    const fill = (table: Mfn, index: number, low: number): void =>
      fixture.memory.view.setUint32(entryOf(table, index), low, true);
    for (const [slot, table] of level2.entries()) fill(root, slot, leadsTo(table, PTE.present));
    fill(level2[0] ?? toMfn(0), 0, leadsTo(level1));
    for (let index = 0; index < 512; index++)
      fill(level1, index, leadsTo(attacker.pages[index % 8] ?? toMfn(0)));
    fill(level1, 511, leadsTo(victim.root));
    fixture.interrupted = true;
    expect(attacker.mmuExtOp([[xen.MMUEXT_PIN_L3_TABLE, root]])).toBeLessThan(0);
    for (const table of [root, level1, ...level2])
      expect(frames.describe(table)).toMatchObject({ typeCount: 0, count: 1, validated: false });
    isSound();
    fill(level1, 511, 0);
    expect(attacker.mmuExtOp([[xen.MMUEXT_PIN_L3_TABLE, root]])).toBe(0);
    expect(frames.levelOf(level1)).toBe(1);
    expect(attacker.mmuExtOp([[xen.MMUEXT_UNPIN_TABLE, root]])).toBe(0);
    expect([root, level1].map((table) => frames.describe(table)?.count)).toEqual([1, 1]);
    isSound();
  });

  /** A tree of a root, four level-2 tables and 30 level-1 tables that map pages. */
  const plantTree = (): { root: Mfn; tables: Mfn[]; all: Mfn[] } => {
    const all = attacker.spare(35);
    const [root = toMfn(0), ...below] = all;
    const [upper, tables] = [below.slice(0, 4), below.slice(4)];
    const fill = (table: Mfn, index: number, low: number): void =>
      fixture.memory.view.setUint32(entryOf(table, index), low, true);
    for (const [slot, table] of upper.entries()) fill(root, slot, leadsTo(table, PTE.present));
    for (const [slot, table] of tables.entries()) {
      fill(upper[slot % 3] ?? root, slot, leadsTo(table));
      fill(table, slot, leadsTo(attacker.pages[slot % 8] ?? root));
    }
    // A linear mapping of the tables is no level-1 table.
    fill(upper[1] ?? root, 400, leadsTo(upper[0] ?? root, RO));
    return { root, tables, all };
  };

  it("a large tree is validated and given up piece by piece, however often events interrupt", () => {
    const { frames } = fixture.system;
    const { root, all } = plantTree();
    fixture.interrupted = true;
    expect(attacker.mmuExtOp([[xen.MMUEXT_PIN_L3_TABLE, root]])).toBe(0);
    expect([fixture.restarts >= 30, attacker.done()]).toEqual([true, 1]);
    expect(all.map((table) => frames.levelOf(table))).toEqual([3, 2, 2, 2, 2, ...Array<number>(30).fill(1)]);
    isSound();
    fixture.restarts = 0;
    expect(attacker.mmuExtOp([[xen.MMUEXT_UNPIN_TABLE, root]])).toBe(0);
    expect([fixture.restarts >= 30, attacker.done()]).toEqual([true, 1]);
    for (const table of all) expect(frames.describe(table)).toMatchObject({ typeCount: 0, count: 1 });
    isSound();
    expect(attacker.mmuExtOp([[xen.MMUEXT_UNPIN_TABLE, root]])).toBe(-EINVAL);
  });

  it("an entry of an upper table validates and gives up what it leads to piece by piece", () => {
    const { frames } = fixture.system;
    frames.setMaximumPages(attacker.domain.id, 1024);
    const plantHalf = (): { upper: Mfn; all: Mfn[] } => {
      const [upper = toMfn(0), ...tables] = attacker.spare(21);
      const fill = (table: Mfn, index: number, low: number): void =>
        fixture.memory.view.setUint32(entryOf(table, index), low, true);
      for (const [slot, table] of tables.entries()) {
        fill(upper, slot, leadsTo(table));
        fill(table, slot, leadsTo(attacker.pages[slot % 8] ?? upper));
      }
      return { upper, all: [upper, ...tables] };
    };
    const [first, second] = [plantHalf(), plantHalf()];
    const lead = (low: number): number => attacker.mmuUpdate([[entryOf(attacker.root, 1), low]]);
    const levels = ({ all }: { all: Mfn[] }): number[] => all.map((table) => frames.levelOf(table));
    const [isThere, isGone] = [[2, ...Array<number>(20).fill(1)], Array<number>(21).fill(0)];
    fixture.interrupted = true;

    expect(lead(leadsTo(first.upper, PTE.present))).toBe(0);
    expect([fixture.restarts >= 20, attacker.done(), levels(first)]).toEqual([true, 1, isThere]);
    isSound();

    fixture.restarts = 0;
    expect(lead(leadsTo(second.upper, PTE.present))).toBe(0);
    expect([fixture.restarts >= 40, levels(first), levels(second)]).toEqual([true, isGone, isThere]);
    isSound();

    fixture.restarts = 0;
    expect(lead(0)).toBe(0);
    expect([fixture.restarts >= 19, levels(second)]).toEqual([true, isGone]);
    for (const table of [...first.all, ...second.all]) expect(frames.describe(table)?.count).toBe(1);
    isSound();
  });

  it("a base that is not used any more is given up piece by piece", () => {
    const { frames } = fixture.system;
    const before = attacker.root;
    const { root, all } = plantTree();
    // The code of the attacker's calls has to be there in the new address space as well.
    const lower = fixture.memory.view.getUint32(entryOf(before, 0), true);
    fixture.memory.view.setUint32(entryOf(root, 0), lower, true);
    const base = (frame: Mfn): number => attacker.mmuExtOp([[xen.MMUEXT_NEW_BASEPTR, frame]]);
    expect(base(root)).toBe(0);
    const used = all.filter((table) => frames.levelOf(table) !== 0);
    expect(used.length).toBeGreaterThan(15);
    fixture.interrupted = true;
    fixture.restarts = 0;
    expect(base(before)).toBe(0);
    expect(fixture.restarts).toBeGreaterThan(15);
    for (const table of used) expect(frames.describe(table)).toMatchObject({ typeCount: 0, count: 1 });
    isSound();
  });

  it("what a call that is not made again has validated stays so until another takes its place, or the domain goes", () => {
    const { frames } = fixture.system;
    frames.setMaximumPages(attacker.domain.id, 1024);
    const { root, tables } = plantTree();
    fixture.interrupted = true;
    const begin = (frame: Mfn): void => attacker.begin([[xen.MMUEXT_PIN_L3_TABLE, frame]]);
    begin(root);
    begin(root);
    expect(tables.filter((table) => frames.levelOf(table) === 1)).toHaveLength(2);
    isSound();
    for (let others = 0; others < 3; others++) begin(plantTree().root);
    begin(plantTree().root);
    expect(tables.filter((table) => frames.levelOf(table) === 1)).toHaveLength(1);
    begin(plantTree().root);
    expect(tables.filter((table) => frames.levelOf(table) === 1)).toHaveLength(0);
    isSound();
    while (!fixture.system.closeDomain(attacker.domain));
    isSound();
  });

  it("tables that stand in tables of their own level make no chain and no circle (XSA-240)", () => {
    const [first = toMfn(0), second = toMfn(0), third = toMfn(0)] = attacker.spare(3);
    for (const table of [first, second, third])
      expect(attacker.mmuExtOp([[xen.MMUEXT_PIN_L2_TABLE, table]])).toBe(0);
    const lead = (from: Mfn, to: Mfn): number => attacker.mmuUpdate([[entryOf(from, 5), leadsTo(to, RO)]]);
    expect(lead(first, second)).toBe(0);
    expect(lead(second, third)).toBe(-EINVAL);
    expect(lead(second, first)).toBe(-EINVAL);
    expect(lead(third, first)).toBe(-EINVAL);
    expect(lead(third, third)).toBe(0);
    for (const table of [second, third, first])
      expect(attacker.mmuExtOp([[xen.MMUEXT_UNPIN_TABLE, table]])).toBe(0);
    isSound();
  });

  it("no frame is two things at once", () => {
    const [table = toMfn(0), data = toMfn(0)] = attacker.spare(2);
    const pin = (command: number, frame: Mfn): number => attacker.mmuExtOp([[command, frame]]);
    expect(pin(xen.MMUEXT_PIN_L1_TABLE, table)).toBe(0);
    expect(pin(xen.MMUEXT_PIN_L2_TABLE, table)).toBe(-EINVAL);
    expect(attacker.mmuUpdate([[entryOf(attacker.level1, 9), leadsTo(table, RW)]])).toBe(-EBUSY);
    expect(attacker.mmuUpdate([[entryOf(attacker.level1, 9), leadsTo(table, RO)]])).toBe(0);
    expect(attacker.mmuUpdate([[entryOf(attacker.level1, 10), leadsTo(data, RW)]])).toBe(0);
    expect(pin(xen.MMUEXT_PIN_L1_TABLE, data)).toBe(-EINVAL);
    expect(attacker.mmuUpdate([[entryOf(attacker.level2[0] ?? toMfn(0), 4), leadsTo(data)]])).toBe(-EINVAL);
    attacker.write(SCRATCH, table);
    expect(attacker.call(xen.__HYPERVISOR_set_gdt, SCRATCH, 512)).toBe(-EINVAL);
    expect(fixture.system.frames.typeOf(table)).toBe(FRAME_TYPE.level1);
    isSound();
  });

  it("a large page, or one of another's, is in no table", () => {
    const update = (low: number, high = 0): number =>
      attacker.mmuUpdate([[entryOf(attacker.level1, 9), low, high]]);
    expect(update(leadsTo(victim.pages[0] ?? toMfn(0), RO))).toBe(-EBUSY);
    expect(update(leadsTo(victim.level1, RO))).toBe(-EBUSY);
    expect(update(leadsTo(fixture.system.frames.machineToPhysical.frames[0] ?? toMfn(0), RW))).toBe(-EBUSY);
    const large = entryLow(attacker.pages[0] ?? toMfn(0), RW | PTE.large);
    expect(attacker.mmuUpdate([[entryOf(attacker.level2[0] ?? toMfn(0), 4), large]])).toBe(-EINVAL);
    isSound();
  });

  it("pointers and lists that reach into the monitor are refused (XSA-212)", () => {
    const spare = attacker.spare(1);
    const exchange = (list: number): number => {
      attacker.write(SCRATCH + 512, ...spare);
      return attacker.memoryOp(
        XENMEM_exchange,
        ...[SCRATCH + 512, 1, 0, 0, DOMID_SELF],
        ...[list, 1, 0, 0, DOMID_SELF, 0],
      );
    };
    for (const list of [MONITOR, MONITOR - 2, 0xffff_fffc]) expect(exchange(list)).toBe(-EFAULT);
    expect(attacker.call(xen.__HYPERVISOR_mmu_update, MONITOR - 8, 1, 0, DOMID_SELF)).toBe(-EFAULT);
    expect(attacker.call(xen.__HYPERVISOR_memory_op, XENMEM_exchange, MONITOR)).toBe(-EFAULT);
    expect(fixture.system.frames.ownerOf(spare[0] ?? toMfn(0))).toBe(attacker.domain.id);
  });

  it("counts that wrap when they are multiplied are refused", () => {
    for (const count of [0x1000_0000, 0x1000_0001, 0x7fff_ffff])
      expect(attacker.call(xen.__HYPERVISOR_mmu_update, SCRATCH, count, 0, DOMID_SELF)).toBe(-EFAULT);
    for (const count of [0x1555_5556, 0x7fff_ffff])
      expect(attacker.call(xen.__HYPERVISOR_mmuext_op, SCRATCH, count, 0, DOMID_SELF)).toBe(-EFAULT);
    expect(attacker.memoryOp(XENMEM_increase_reservation, SCRATCH, 0xffff_ffff, 9, 0, DOMID_SELF)).toBe(0);
    expect(
      attacker.memoryOp(
        XENMEM_exchange,
        ...[SCRATCH, 0x8000_0000, 9, 0, DOMID_SELF],
        ...[SCRATCH, 0x4000_0000, 9, 0, DOMID_SELF, 0],
      ),
    ).toBe(-EINVAL);
  });

  it("descriptors of the monitor's ring, and gates, do not get into a table", () => {
    const [table = toMfn(0)] = attacker.spare(1);
    const set = (low: number, high: number): number =>
      attacker.call(xen.__HYPERVISOR_update_descriptor, frameAddress(table), 0, low, high);
    const present = 0x8000;
    const [taskState, interruptGate, trapGate, ldt] = [0x900, 0xe00, 0xf00, 0x200];
    for (const type of [taskState, interruptGate, trapGate, ldt])
      expect(set(0xffff, present | type)).toBe(-EINVAL);
    expect(fixture.memory.view.getUint32(frameAddress(table) + 4, true)).toBe(0);
    expect(set(0xffff, present | 0x1a00)).toBe(0);
    const privilegeLevel = (fixture.memory.view.getUint32(frameAddress(table) + 4, true) >>> 13) & 3;
    expect(privilegeLevel, "a segment for ring 0 is one for the kernel's ring").toBe(1);
  });
});

describe("grants and events, between two domains", () => {
  let fixture: HypervisorFixture;
  let attacker: FixtureGuest;
  let victim: FixtureGuest;
  beforeEach(() => {
    fixture = createHypervisorFixture();
    attacker = fixture.addGuest({ id: 1 });
    victim = fixture.addGuest({ id: 2 });
  });
  const isSound = (): void => {
    const mayMap = (domain: number, frame: Mfn): boolean =>
      fixture.hypervisor.grants.uses().some((use) => use.user === domain && use.frame === frame);
    expect(fixture.hypervisor.frames.checkInvariants({ mayMap })).toEqual([]);
  };

  const grantOp = <Fields extends object>(
    guest: FixtureGuest,
    command: number,
    type: Struct<Fields>,
    fields: Fields,
  ): { readonly result: number; readonly answer: Fields } => {
    const bytes = new Uint8Array(type.size(WIDTH));
    type.write(new DataView(bytes.buffer), 0, WIDTH, fields);
    guest.writeBytes(ARGUMENT, bytes);
    const result = guest.call(xen.__HYPERVISOR_grant_table_op, command, ARGUMENT, 1);
    const after = guest.readBytes(ARGUMENT, bytes.length);
    return { result, answer: type.read(new DataView(after.buffer), 0, WIDTH) };
  };

  const tableOf = (guest: FixtureGuest): number => {
    const request = { dom: DOMID_SELF, nrFrames: 1, status: 0, frameList: OTHER };
    grantOp(guest, gnt.GNTTABOP_setup_table, gnt.GNTTAB_SETUP_TABLE, request);
    return guest.read(OTHER);
  };

  /** The victim grants its page 20 to the attacker as reference 9. */
  const offer = (flags: number = gnt.GTF_permit_access): Mfn => {
    const frame = victim.frames[20] ?? toMfn(0);
    const entry = { flags, domid: attacker.id, frame };
    gnt.GRANT_ENTRY_V1.write(fixture.memory.view, tableOf(victim) * PAGE_SIZE + 9 * 8, WIDTH, entry);
    return frame;
  };

  const map = (flags: number, page = 21): gnt.GnttabMapGrantRef =>
    grantOp(attacker, gnt.GNTTABOP_map_grant_ref, gnt.GNTTAB_MAP_GRANT_REF, {
      hostAddr: page * PAGE_SIZE,
      flags,
      ref: toGrantRef(9),
      dom: victim.id,
      status: 77,
      handle: 0,
      devBusAddr: 0,
    }).answer;

  const unmap = (handle: number, hostAddr: number, devBusAddr = 0): number =>
    grantOp(attacker, gnt.GNTTABOP_unmap_grant_ref, gnt.GNTTAB_UNMAP_GRANT_REF, {
      hostAddr,
      devBusAddr,
      handle,
      status: 77,
    }).answer.status;

  const holds = (frame: Mfn) => {
    const found = fixture.hypervisor.frames.describe(frame);
    return [found?.count, found?.typeCount];
  };

  it("a mapping ends once, whatever its end is asked for twice (XSA-224, XSA-234)", () => {
    const frame = offer();
    const before = holds(frame);
    const { handle, devBusAddr } = map(gnt.GNTMAP_host_map);
    const address = 21 * PAGE_SIZE;
    expect(unmap(handle, 0, devBusAddr), "there is no device part").toBe(gnt.GNTST_okay);
    expect(holds(frame)).not.toEqual(before);
    expect(unmap(handle, address + PAGE_SIZE)).toBe(gnt.GNTST_general_error);
    expect(unmap(handle, address)).toBe(gnt.GNTST_okay);
    expect(holds(frame)).toEqual(before);
    expect(unmap(handle, address)).toBe(gnt.GNTST_bad_handle);
    expect(holds(frame)).toEqual(before);
    expect(fixture.hypervisor.grants.uses()).toEqual([]);
    isSound();
  });

  it("a mapping that is overwritten keeps its grant in use until it is unmapped", () => {
    const frame = offer(gnt.GTF_permit_access | gnt.GTF_readonly);
    expect(map(gnt.GNTMAP_host_map).status).toBe(gnt.GNTST_general_error);
    const { handle } = map(gnt.GNTMAP_host_map | gnt.GNTMAP_readonly);
    attacker.call(xen.__HYPERVISOR_update_va_mapping, 21 * PAGE_SIZE, 0, 0, 0);
    expect(unmap(handle, 21 * PAGE_SIZE)).toBe(gnt.GNTST_general_error);
    expect(fixture.hypervisor.grants.uses()).toMatchObject([{ frame, hostReads: 1 }]);
    isSound();
  });

  it("a page that is given away while somebody has it mapped goes to nobody else", () => {
    const frame = offer();
    map(gnt.GNTMAP_host_map);
    victim.call(xen.__HYPERVISOR_update_va_mapping, 20 * PAGE_SIZE, 0, 0, 0);
    victim.write(OTHER, frame);
    victim.write(ARGUMENT, OTHER, 1, 0, 0, DOMID_SELF);
    expect(victim.call(xen.__HYPERVISOR_memory_op, XENMEM_decrease_reservation, ARGUMENT)).toBe(1);
    expect(fixture.hypervisor.frames.ownerOf(frame)).toBe(victim.id);
    victim.write(ARGUMENT, frame, victim.id, 8, 0);
    expect(victim.call(xen.__HYPERVISOR_grant_table_op, gnt.GNTTABOP_transfer, ARGUMENT, 1)).toBe(0);
    expect((victim.read(ARGUMENT + 12) << 16) >> 16).toBe(gnt.GNTST_bad_page);
    isSound();
  });

  it("a status frame that is mapped does not go back to the monitor with the version (XSA-255)", () => {
    const setVersion = (version: number) =>
      grantOp(attacker, gnt.GNTTABOP_set_version, gnt.GNTTAB_SET_VERSION, { version }).result;
    expect(setVersion(2)).toBe(0);
    const request = { nrFrames: 1, dom: DOMID_SELF, status: 0, frameList: OTHER };
    grantOp(attacker, gnt.GNTTABOP_get_status_frames, gnt.GNTTAB_GET_STATUS_FRAMES, request);
    const status = toMfn(attacker.read(OTHER));
    const entry = entryLow(status, PTE.present | PTE.writable | PTE.user);
    expect(attacker.call(xen.__HYPERVISOR_update_va_mapping, 21 * PAGE_SIZE, entry, 0, 0)).toBe(0);
    expect(setVersion(1)).toBe(-EBUSY);
    expect(fixture.hypervisor.frames.ownerOf(status)).toBe(attacker.id);
    attacker.call(xen.__HYPERVISOR_update_va_mapping, 21 * PAGE_SIZE, 0, 0, 0);
    expect(setVersion(1)).toBe(0);
    expect(fixture.hypervisor.frames.ownerOf(status)).not.toBe(attacker.id);
    expect(attacker.call(xen.__HYPERVISOR_update_va_mapping, 21 * PAGE_SIZE, entry, 0, 0)).toBeLessThan(0);
    isSound();
  });

  const event = (guest: FixtureGuest, command: number, ...words: number[]): number => {
    guest.write(ARGUMENT, ...words);
    return guest.call(xen.__HYPERVISOR_event_channel_op, command, ARGUMENT);
  };

  it("ports of another domain are neither reset, seen, nor bound (XSA-344)", () => {
    expect(event(victim, evtchn.EVTCHNOP_alloc_unbound, DOMID_SELF | (3 << 16), 0)).toBe(0);
    expect(event(attacker, evtchn.EVTCHNOP_reset, victim.id)).toBe(-EPERM);
    expect(event(attacker, evtchn.EVTCHNOP_reset_cont, victim.id)).toBe(-EPERM);
    expect(event(attacker, evtchn.EVTCHNOP_status, victim.id, 1, 0, 0, 0, 0)).toBe(-EPERM);
    expect(event(attacker, evtchn.EVTCHNOP_bind_interdomain, victim.id, 1, 0)).toBe(-EINVAL);
    expect(event(attacker, evtchn.EVTCHNOP_alloc_unbound, victim.id | (1 << 16), 0)).toBe(-EPERM);
    expect(event(victim, evtchn.EVTCHNOP_status, DOMID_SELF, 1, 0, 0, 0, 0)).toBe(0);
    expect(victim.read(ARGUMENT + 8)).toBe(evtchn.EVTCHNSTAT_unbound);
  });

  it("a storm of events is one upcall, and what a domain may keep of the host's is bounded", () => {
    event(attacker, evtchn.EVTCHNOP_bind_ipi, 0, 0);
    for (let sent = 0; sent < 1000; sent++) event(attacker, evtchn.EVTCHNOP_send, 1);
    expect(fixture.memory.view.getUint32(attacker.shared + 2048, true)).toBe(2);
    let bound = 0;
    while (event(attacker, evtchn.EVTCHNOP_bind_ipi, 0, 0) === 0) bound++;
    expect(bound).toBe(1022);
    const request = { dom: DOMID_SELF, nrFrames: 65, status: 0, frameList: OTHER };
    const { answer } = grantOp(attacker, gnt.GNTTABOP_setup_table, gnt.GNTTAB_SETUP_TABLE, request);
    expect(answer.status).toBe(gnt.GNTST_general_error);
  });

  it("answers carry nothing of the monitor's beyond what they say (XSA-122)", () => {
    for (const command of [1, 2, 3, 4]) {
      attacker.writeBytes(ARGUMENT, new Uint8Array(2048).fill(0xee));
      expect(attacker.call(xen.__HYPERVISOR_xen_version, command, ARGUMENT)).toBe(0);
      const bytes = [...attacker.readBytes(ARGUMENT, 2048)];
      const length = bytes.indexOf(0xee);
      const texts = bytes.slice(0, length).map((byte) => (byte === 0 ? "." : String.fromCharCode(byte)));
      expect(texts.join("")).toMatch(/^[ -~]*$/);
      expect(bytes.slice(length).every((byte) => byte === 0xee)).toBe(true);
    }
  });

  it("a breakpoint watches neither the monitor nor ports, and guards no register (XSA-444)", () => {
    const set = (register: number, value: number): number =>
      attacker.call(xen.__HYPERVISOR_set_debugreg, register, value);
    for (const register of [0, 1, 2, 3]) expect(set(register, MONITOR)).toBe(-EPERM);
    expect(set(7, 0x2000)).toBe(-EPERM);
    expect(set(7, 0x0002_0001)).toBe(-EPERM);
  });

  it("a multicall in a multicall, or one without an end, is refused (XSA-213)", () => {
    const entry = (at: number, op: number, ...args: number[]): void =>
      attacker.write(at, op, 0x55, ...args, ...Array(6 - args.length).fill(0));
    entry(ARGUMENT, xen.__HYPERVISOR_multicall, ARGUMENT, 1);
    expect(attacker.call(xen.__HYPERVISOR_multicall, ARGUMENT, 1)).toBe(0);
    expect(attacker.read(ARGUMENT + 4) | 0).toBe(-EINVAL);
    expect(attacker.call(xen.__HYPERVISOR_multicall, ARGUMENT, 0x0800_0001)).toBe(-EFAULT);
  });
});
