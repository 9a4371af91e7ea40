import { frameAddress, PAGE_SIZE, toMfn } from "@xenolith/machine-interface";
import {
  DOMID_INVALID,
  DOMID_SELF,
  EACCES,
  EDOM,
  EFAULT,
  EINVAL,
  ENOENT,
  ENOMEM,
  ENOSYS,
  EOPNOTSUPP,
  EPERM,
  ESRCH,
} from "@xenolith/xen-abi";
import {
  XENMEM_access_op,
  XENMEM_acquire_resource,
  XENMEM_add_to_physmap,
  XENMEM_add_to_physmap_batch,
  XENMEM_claim_pages,
  XENMEM_current_reservation,
  XENMEM_decrease_reservation,
  XENMEM_exchange,
  XENMEM_get_pod_target,
  XENMEM_get_vnumainfo,
  XENMEM_increase_reservation,
  XENMEM_machine_memory_map,
  XENMEM_machphys_mapping,
  XENMEM_machphys_mfn_list,
  XENMEM_maximum_gpfn,
  XENMEM_maximum_ram_page,
  XENMEM_maximum_reservation,
  XENMEM_memory_map,
  XENMEM_populate_physmap,
  XENMEM_remove_from_physmap,
  XENMEM_reserved_device_memory_map,
  XENMEM_set_memory_map,
} from "@xenolith/xen-abi/memory";
import { SHARED_INFO } from "@xenolith/xen-abi/shared-info";
import { __HYPERVISOR_memory_op } from "@xenolith/xen-abi/xen";
import { beforeEach, describe, expect, it } from "vitest";
import { createMemoryFixture, type Guest, type MemoryFixture, SCRATCH } from "../support/memory-fixture.ts";

/** Where tests put lists of frame numbers. */
const LIST = SCRATCH + 512;
const OUT_LIST = SCRATCH + 1024;

describe("memory_op", () => {
  let fixture: MemoryFixture;
  let guest: Guest;
  beforeEach(() => {
    fixture = createMemoryFixture();
    guest = fixture.addGuest(1);
  });
  const words = (at: number, count: number): (number | null)[] =>
    Array.from({ length: count }, (_unused, index) => guest.read(at + index * 4));
  /** A reservation: list, extents, order, flags, domain. */
  const reserve = (
    command: number,
    count: number,
    { list = LIST, order = 0, flags = 0, domain = DOMID_SELF as number } = {},
  ) => guest.memoryOp(command, list, count, order, flags, domain);

  describe("reservations", () => {
    it("grow by frames whose numbers the guest is told", () => {
      const before = fixture.system.pageCount(guest.domain);
      expect(reserve(XENMEM_increase_reservation, 3)).toBe(3);
      const frames = words(LIST, 3).map((frame) => toMfn(frame ?? 0));
      expect(frames.map((frame) => fixture.system.frames.ownerOf(frame))).toEqual([1, 1, 1]);
      expect(fixture.system.pageCount(guest.domain)).toBe(before + 3);
      expect(reserve(XENMEM_increase_reservation, 1, { list: 0 })).toBe(1);
    });

    it("are populated at pseudo-physical numbers, which go into the M2P table", () => {
      guest.write(LIST, 300, 301);
      expect(reserve(XENMEM_populate_physmap, 2)).toBe(2);
      const [first] = words(LIST, 1);
      expect(fixture.system.frames.machineToPhysical.read(toMfn(first ?? 0))).toBe(300);
    });

    it("shrink by frames that are not mapped any more or later go with their last mapping", () => {
      const [spare = toMfn(0)] = guest.spare(1);
      guest.write(LIST, spare, guest.pages[2] ?? 0, 999_999);
      expect(reserve(XENMEM_decrease_reservation, 3)).toBe(2);
      expect(fixture.system.frames.ownerOf(spare)).not.toBe(1);
      expect(guest.read(2 * PAGE_SIZE)).toBe(0);
      expect(fixture.system.frames.ownerOf(guest.pages[2] ?? toMfn(0))).toBe(1);
      expect(fixture.system.frames.checkInvariants()).toEqual([]);
    });

    it("stop at the domain's maximum and answer what was done", () => {
      expect(reserve(XENMEM_increase_reservation, 1000, { list: 0 })).toBe(200 - 22);
      expect(reserve(XENMEM_increase_reservation, 1, { list: 0 })).toBe(0);
    });

    it("come in extents whose frames lie one behind the other", () => {
      guest.write(LIST, 300, 400);
      expect(reserve(XENMEM_populate_physmap, 2, { order: 3 })).toBe(2);
      const { frames } = fixture.system;
      for (const [index, first] of words(LIST, 2).entries()) {
        expect((first ?? 1) % 8).toBe(0);
        for (let offset = 0; offset < 8; offset++) {
          const frame = toMfn((first ?? 0) + offset);
          expect(frames.ownerOf(frame)).toBe(1);
          expect(frames.machineToPhysical.read(frame)).toBe(300 + 100 * index + offset);
        }
      }
      expect(reserve(XENMEM_decrease_reservation, 2, { order: 3 })).toBe(2);
      expect(fixture.system.pageCount(guest.domain)).toBe(22);
      expect(frames.checkInvariants()).toEqual([]);
    });

    it("give no extent that is larger than a domain may name, or than it may own", () => {
      guest.write(LIST, 512);
      expect(reserve(XENMEM_populate_physmap, 1, { order: 9 })).toBe(0);
      expect(reserve(XENMEM_increase_reservation, 1, { order: 10 })).toBe(0);
      expect(reserve(XENMEM_decrease_reservation, 1, { order: 10 })).toBe(0);
    });

    it("honour address bits", () => {
      expect(reserve(XENMEM_increase_reservation, 1, { flags: 32 })).toBe(1);
      expect(reserve(XENMEM_increase_reservation, 3, { flags: 20 })).toBe(3);
      for (const frame of words(LIST, 3)) expect(frame).toBeLessThan(256);
      expect(reserve(XENMEM_increase_reservation, 1, { flags: 13 }), "two frames, both the table's").toBe(0);
      expect(reserve(XENMEM_increase_reservation, 1, { flags: 12 })).toBe(-EINVAL);
    });

    it("are not populated on demand, and let pinned tables go", () => {
      guest.write(LIST, 300);
      expect(reserve(XENMEM_populate_physmap, 1, { flags: 0x1_0000 })).toBe(0);
      const [table = toMfn(0)] = guest.spare(1);
      expect(fixture.system.frames.pin(guest.domain.id, table, 1)).toBe(0);
      guest.write(LIST, table);
      expect(reserve(XENMEM_decrease_reservation, 1)).toBe(1);
      expect(fixture.system.frames.ownerOf(table)).toBe(DOMID_INVALID);
      expect(fixture.system.frames.checkInvariants()).toEqual([]);
    });

    it("answer 0 for arguments that are of no use", () => {
      expect(guest.call(__HYPERVISOR_memory_op, XENMEM_increase_reservation, 0x3000_0000)).toBe(0);
      expect(reserve(XENMEM_increase_reservation, 1, { domain: 9 })).toBe(0);
      expect(reserve(XENMEM_increase_reservation, 0xffff_ffff)).toBe(0);
      expect(reserve(XENMEM_populate_physmap, 1, { list: 0xf580_0000 })).toBe(0);
      expect(reserve(XENMEM_populate_physmap, 1, { list: 0x3000_0000 })).toBe(0);
      fixture.addGuest(2);
      expect(reserve(XENMEM_increase_reservation, 1, { domain: 2 })).toBe(0);
    });

    it("go on after an event where they were, counting in the command", () => {
      fixture.interrupted = true;
      expect(reserve(XENMEM_increase_reservation, 4)).toBe(4);
      expect(fixture.restarts).toBe(3);
      expect(new Set(words(LIST, 4)).size).toBe(4);
      expect(reserve(XENMEM_increase_reservation | (9 << 6), 4)).toBe(9);
    });
  });

  describe("exchange", () => {
    const exchange = (
      count: number,
      {
        inOrder = 0,
        outOrder = 0,
        outCount = count,
        outFlags = 0,
        done = 0,
        domain = DOMID_SELF as number,
      } = {},
    ) =>
      guest.memoryOp(
        XENMEM_exchange,
        ...[LIST, count, inOrder, 0, domain],
        ...[OUT_LIST, outCount, outOrder, outFlags, domain],
        done,
      );
    const nrExchanged = () => guest.read(SCRATCH + 40);

    it("gives scrubbed frames for unmapped ones", () => {
      const [a = toMfn(0), b = toMfn(0)] = guest.spare(2);
      fixture.memory.bytes.fill(7, frameAddress(a), frameAddress(a) + PAGE_SIZE);
      guest.write(LIST, a, b);
      guest.write(OUT_LIST, 70, 71);
      expect(exchange(2)).toBe(0);
      expect(nrExchanged()).toBe(2);
      const [newA, newB] = words(OUT_LIST, 2);
      expect([newA, newB]).not.toContain(a);
      expect(fixture.system.frames.machineToPhysical.read(toMfn(newB ?? 0))).toBe(71);
      expect(fixture.system.pageCount(guest.domain)).toBe(24);
      expect(fixture.system.frames.checkInvariants()).toEqual([]);
    });

    it("leaves the domain whole when it cannot go on", () => {
      const [a = toMfn(0)] = guest.spare(1);
      guest.write(LIST, a, guest.pages[0] ?? 0);
      guest.write(OUT_LIST, 70, 71);
      expect(exchange(2)).toBe(-EINVAL);
      expect(nrExchanged()).toBe(1);
      expect(fixture.system.pageCount(guest.domain)).toBe(23);
      expect(fixture.system.frames.checkInvariants()).toEqual([]);
    });

    it("makes one extent of single frames, and single frames of an extent", () => {
      guest.write(LIST, ...guest.spare(8));
      guest.write(OUT_LIST, 70, 90);
      expect(exchange(8, { outOrder: 2, outCount: 2 })).toBe(0);
      expect(nrExchanged()).toBe(8);
      const [first = 0] = words(OUT_LIST, 1);
      const { frames } = fixture.system;
      expect((first ?? 1) % 4).toBe(0);
      expect(
        [0, 1, 2, 3].map((offset) => frames.machineToPhysical.read(toMfn((first ?? 0) + offset))),
      ).toEqual([70, 71, 72, 73]);
      guest.write(LIST, first ?? 0);
      guest.write(OUT_LIST, 200, 201, 202, 203);
      expect(exchange(1, { inOrder: 2, outCount: 4 })).toBe(0);
      expect(words(OUT_LIST, 4).map((frame) => frames.machineToPhysical.read(toMfn(frame ?? 0)))).toEqual([
        200, 201, 202, 203,
      ]);
      expect(fixture.system.pageCount(guest.domain)).toBe(30);
      expect(frames.checkInvariants()).toEqual([]);
    });

    it("gives nothing where there is nothing of the sort, and checks its arguments first", () => {
      const [a = toMfn(0), b = toMfn(0)] = guest.spare(2);
      guest.write(LIST, a, b);
      expect(exchange(2, { outFlags: 13 })).toBe(-ENOMEM);
      expect(nrExchanged()).toBe(0);
      expect(exchange(2, { outCount: 1 })).toBe(-EINVAL);
      expect(exchange(2, { done: 3 })).toBe(-EINVAL);
      expect(exchange(2, { inOrder: 10, outOrder: 10 })).toBe(-EPERM);
      expect(exchange(1, { domain: DOMID_INVALID })).toBe(-ESRCH);
      fixture.addGuest(2);
      expect(exchange(1, { domain: 2 })).toBe(-EPERM);
      expect(guest.call(__HYPERVISOR_memory_op, XENMEM_exchange, 0x3000_0000)).toBe(-EFAULT);
      expect(fixture.system.frames.ownerOf(a)).toBe(1);
    });
  });

  describe("queries", () => {
    it("tell sizes to those who may ask", () => {
      expect(guest.call(__HYPERVISOR_memory_op, XENMEM_maximum_ram_page, 0)).toBe(1024);
      expect(guest.memoryOp(XENMEM_current_reservation, DOMID_SELF)).toBe(22);
      expect(guest.memoryOp(XENMEM_maximum_reservation, 1)).toBe(200);
      fixture.addGuest(2);
      expect(guest.memoryOp(XENMEM_current_reservation, 2)).toBe(-EPERM);
      expect(guest.memoryOp(XENMEM_current_reservation, 3)).toBe(-ESRCH);
      expect(guest.call(__HYPERVISOR_memory_op, XENMEM_maximum_reservation, 0x3000_0000)).toBe(-EFAULT);
      expect(fixture.addGuest(4, { privileged: true }).memoryOp(XENMEM_current_reservation, 2)).toBe(22);
    });

    it("tell where the machine-to-physical table is", () => {
      expect(guest.memoryOp(XENMEM_machphys_mapping)).toBe(0);
      expect(words(SCRATCH, 3)).toEqual([0xf580_0000, 0xf680_0000, 0x3f_ffff]);
      expect(guest.memoryOp(XENMEM_machphys_mfn_list, 4, LIST, 0)).toBe(0);
      expect(guest.read(SCRATCH + 8)).toBe(1);
      expect(guest.read(LIST)).toBe(fixture.system.frames.machineToPhysical.frames[0]);
    });

    it("tell a map of memory: all that there may be, or what has been set", () => {
      expect(guest.memoryOp(XENMEM_memory_map, 4, LIST)).toBe(0);
      expect([guest.read(SCRATCH), ...words(LIST, 5)]).toEqual([1, 0, 0, 200 * PAGE_SIZE, 0, 1]);
      guest.write(LIST, 0x1000, 0, 0x2000, 0, 2, 0x8000, 0, 0x1000, 0, 1);
      expect(guest.memoryOp(XENMEM_set_memory_map, DOMID_SELF, 2, LIST)).toBe(0);
      expect(guest.memoryOp(XENMEM_memory_map, 0, 0)).toBe(0);
      expect(guest.read(SCRATCH)).toBe(2);
      expect(guest.memoryOp(XENMEM_memory_map, 1, OUT_LIST)).toBe(0);
      expect([guest.read(SCRATCH), ...words(OUT_LIST, 6)]).toEqual([1, 0x1000, 0, 0x2000, 0, 2, 0]);
      expect(guest.memoryOp(XENMEM_set_memory_map, DOMID_SELF, 129, LIST)).toBe(-EINVAL);
      expect(guest.memoryOp(XENMEM_set_memory_map, 9, 1, LIST)).toBe(-ESRCH);
      fixture.addGuest(2);
      expect(guest.memoryOp(XENMEM_set_memory_map, 2, 1, LIST)).toBe(-EPERM);
      expect(guest.memoryOp(XENMEM_set_memory_map, DOMID_SELF, 1, 0x3000_0000)).toBe(-EFAULT);
    });

    it("tell the highest page as the domain has written it", () => {
      expect(guest.memoryOp(XENMEM_maximum_gpfn, DOMID_SELF)).toBe(0);
      const at = frameAddress(guest.domain.sharedInfoFrame) + SHARED_INFO.x86_32p.arch;
      fixture.memory.view.setUint32(at, 500, true);
      expect(guest.memoryOp(XENMEM_maximum_gpfn, 1)).toBe(499);
    });

    it("refuse what is for others, in the order in which that is found out", () => {
      fixture.addGuest(2);
      const answers = (command: number, ...words: number[]) => guest.memoryOp(command, ...words);
      expect(answers(XENMEM_get_pod_target, 0, 0, 0, 0, 0, 0, 0, 0, DOMID_SELF)).toBe(-EPERM);
      expect(answers(XENMEM_get_pod_target, 0, 0, 0, 0, 0, 0, 0, 0, 9)).toBe(-ESRCH);
      expect(answers(XENMEM_claim_pages, 0, 1, 0, 0, DOMID_SELF)).toBe(-EINVAL);
      expect(answers(XENMEM_claim_pages, 0, 1, 0, 0, 1)).toBe(-EPERM);
      expect(answers(XENMEM_claim_pages, LIST, 1, 0, 0, 1)).toBe(-EINVAL);
      expect(answers(XENMEM_get_vnumainfo, DOMID_SELF)).toBe(-EOPNOTSUPP);
      expect(answers(XENMEM_get_vnumainfo, DOMID_SELF | (1 << 16))).toBe(-EINVAL);
      expect(answers(XENMEM_get_vnumainfo, 2)).toBe(-EPERM);
      expect(answers(XENMEM_access_op, 1 << 16)).toBe(-EPERM);
      expect(answers(XENMEM_access_op, 2 << 16)).toBe(-EINVAL);
      expect(answers(XENMEM_access_op, DOMID_SELF << 16)).toBe(-ESRCH);
      expect(answers(XENMEM_acquire_resource, 1, 0, 1, 0)).toBe(-EPERM);
      expect(answers(XENMEM_acquire_resource, 1, 0, 1, 1)).toBe(-EINVAL);
      expect(answers(XENMEM_acquire_resource, 9, 0, 1, 0)).toBe(-ESRCH);
      expect(answers(XENMEM_reserved_device_memory_map, 1, 7, 0)).toBe(0);
      expect(guest.read(SCRATCH + 4)).toBe(0);
      expect(answers(XENMEM_reserved_device_memory_map, 2, 7, 0)).toBe(-EINVAL);
      expect([18, 19].map((command) => answers(command))).toEqual([0, 0]);
      expect([8, 20, 22, 29, 50].map((command) => answers(command))).toEqual(Array(5).fill(-ENOSYS));
    });

    it("a command that says how far it has got is right only where it can be preempted", () => {
      const further = 1 << 6;
      expect(guest.memoryOp(XENMEM_maximum_ram_page | further)).toBe(-EINVAL);
      expect(guest.memoryOp(XENMEM_exchange | further)).toBe(-EINVAL);
      expect(guest.memoryOp(XENMEM_machphys_mapping | further)).toBe(-ENOSYS);
      expect(guest.memoryOp(XENMEM_add_to_physmap | (0x1_0000 << 6), DOMID_SELF)).toBe(-EDOM);
    });

    it("refuse what a paravirtual domain does not have", () => {
      expect(guest.call(__HYPERVISOR_memory_op, XENMEM_memory_map, 0x3000_0000)).toBe(-EFAULT);
      expect(guest.memoryOp(XENMEM_machine_memory_map, 0, 0)).toBe(-EPERM);
      expect(guest.call(__HYPERVISOR_memory_op, 50, SCRATCH)).toBe(-ENOSYS);
    });
  });

  it("does not keep pseudo-physical memory for a paravirtual domain", () => {
    const add = (domain: number, space: number) => guest.memoryOp(XENMEM_add_to_physmap, domain, space, 0, 5);
    expect(add(DOMID_SELF, 0)).toBe(-EACCES);
    expect(add(DOMID_SELF, 4)).toBe(-ENOSYS);
    expect(add(6, 0)).toBe(-ESRCH);
    fixture.addGuest(2);
    expect(add(2, 0), "whoever asks").toBe(-EACCES);
    const addBatch = (...words: number[]) => guest.memoryOp(XENMEM_add_to_physmap_batch, ...words);
    expect(addBatch(DOMID_SELF | (4 << 16), 1, LIST, LIST, LIST)).toBe(-EACCES);
    expect(addBatch(DOMID_SELF | (3 << 16), 1, LIST, LIST, LIST)).toBe(-EOPNOTSUPP);
    expect(addBatch(9, 1, LIST, LIST, LIST)).toBe(-ESRCH);
    expect(addBatch(DOMID_SELF, 1, LIST, 0xf580_0000, LIST)).toBe(-EFAULT);
    expect(guest.memoryOp(XENMEM_remove_from_physmap, DOMID_SELF, guest.pages[0] ?? 0)).toBe(0);
    expect(guest.memoryOp(XENMEM_remove_from_physmap, DOMID_SELF, 4000)).toBe(-ENOENT);
  });
});
