import { FRAME_TYPE } from "@xenolith/frame-table";
import { frameAddress, type Mfn, PAGE_SIZE, toMfn } from "@xenolith/machine-interface";
import { PTE } from "@xenolith/x86-architecture";
import { DOMID_IO, DOMID_XEN, EBUSY, EFAULT, EINVAL, ENOSYS, EPERM, ESRCH } from "@xenolith/xen-abi";
import {
  __HYPERVISOR_mmu_update,
  MMU_MACHPHYS_UPDATE,
  MMU_PT_UPDATE_NO_TRANSLATE,
  MMU_PT_UPDATE_PRESERVE_AD,
} from "@xenolith/xen-abi/xen";
import { beforeEach, describe, expect, it } from "vitest";
import {
  createMemoryFixture,
  DONE,
  entryOf,
  type Guest,
  leadsTo,
  type MemoryFixture,
  RO,
  RW,
  SCRATCH,
} from "../support/memory-fixture.ts";

describe("mmu_update", () => {
  let fixture: MemoryFixture;
  let guest: Guest;
  beforeEach(() => {
    fixture = createMemoryFixture();
    guest = fixture.addGuest(1);
  });
  const one = (list: readonly Mfn[]): Mfn => list[0] ?? toMfn(0);

  it("changes entries one by one and counts them", () => {
    const [a = toMfn(0), b = toMfn(0)] = guest.spare(2);
    const requests = [
      [entryOf(guest.level1, 100), leadsTo(a)],
      [entryOf(guest.level1, 101), leadsTo(b, RO)],
    ] as const;
    expect(guest.mmuUpdate(requests)).toBe(0);
    expect(guest.done()).toBe(2);
    expect(guest.write(100 * PAGE_SIZE, 42)).toBe(true);
    expect(guest.read(100 * PAGE_SIZE)).toBe(42);
    expect(guest.write(101 * PAGE_SIZE, 42)).toBe(false);
  });

  it("stops at the first request that fails; those before it stand", () => {
    const [a = toMfn(0)] = guest.spare(1);
    const requests = [
      [entryOf(guest.level1, 100), leadsTo(a)],
      [entryOf(guest.level1, 101), leadsTo(guest.level1, RW)],
      [entryOf(guest.level1, 102), leadsTo(a)],
    ] as const;
    expect(guest.mmuUpdate(requests)).toBe(-EBUSY);
    expect(guest.done()).toBe(1);
    expect(guest.read(100 * PAGE_SIZE)).toBe(0);
    expect(guest.read(102 * PAGE_SIZE)).toBe(null);
  });

  it("does nothing for an empty batch, wherever its array is", () => {
    expect(guest.call(__HYPERVISOR_mmu_update, 0, 0, DONE, 0x7ff0)).toBe(0);
    expect(guest.done()).toBe(0);
  });

  it("needs an array that the guest can read, below the monitor's range", () => {
    expect(guest.call(__HYPERVISOR_mmu_update, 0x3000_0000, 1, 0, 0x7ff0)).toBe(-EFAULT);
    expect(guest.call(__HYPERVISOR_mmu_update, 0xf580_0000, 1, 0, 0x7ff0)).toBe(-EFAULT);
    expect(guest.call(__HYPERVISOR_mmu_update, SCRATCH, 0x7fff_ffff, 0, 0x7ff0)).toBe(-EFAULT);
  });

  it("keeps accessed and dirty bits with PRESERVE_AD, and knows NO_TRANSLATE", () => {
    const entry = entryOf(guest.level1, 3);
    const page = guest.pages[3] ?? toMfn(0);
    fixture.memory.view.setUint32(entry, leadsTo(page, RW | PTE.accessed | PTE.dirty), true);
    expect(guest.mmuUpdate([[entry + MMU_PT_UPDATE_PRESERVE_AD, leadsTo(page, RO)]])).toBe(0);
    expect(fixture.memory.view.getUint32(entry, true)).toBe(leadsTo(page, RO | PTE.accessed | PTE.dirty));
    expect(guest.mmuUpdate([[entry + MMU_PT_UPDATE_NO_TRANSLATE, leadsTo(page)]])).toBe(0);
  });

  it("answers -ENOSYS to commands that do not exist", () => {
    for (const command of [4, 5, 6, 7]) {
      expect(guest.mmuUpdate([[entryOf(guest.level1, 100) + command, 0]])).toBe(-ENOSYS);
    }
  });

  it("enters pseudo-physical numbers of own frames into the M2P table, which the guest sees read-only", () => {
    const [frame = toMfn(0)] = guest.spare(1);
    const table = 0xf580_0000 + frame * 4;
    expect(guest.mmuUpdate([[frameAddress(frame) + MMU_MACHPHYS_UPDATE, 0xabcd]])).toBe(0);
    expect(fixture.system.frames.machineToPhysical.read(frame)).toBe(0xabcd);
    const { vcpu } = guest;
    const probe = vcpu.space === null ? null : fixture.translator.probe(vcpu.space, table as never, 0);
    expect(probe).toMatchObject({ mapped: true, writable: false });
    const other = fixture.addGuest(2);
    expect(guest.mmuUpdate([[frameAddress(one(other.pages)) + MMU_MACHPHYS_UPDATE, 1]])).toBe(-EINVAL);
    expect(guest.mmuUpdate([[frameAddress(toMfn(5000)) + MMU_MACHPHYS_UPDATE, 1]])).toBe(-EINVAL);
  });

  it("stores a plain word into an own frame that is no page table", () => {
    const [data = toMfn(0)] = guest.spare(1);
    expect(guest.mmuUpdate([[entryOf(data, 7), 0x1234_5678, 0x9abc_def0]])).toBe(0);
    expect(fixture.memory.view.getUint32(entryOf(data, 7), true)).toBe(0x1234_5678);
    expect(fixture.memory.view.getUint32(entryOf(data, 7) + 4, true)).toBe(0x9abc_def0);
    expect(fixture.system.frames.typeOf(data)).toBe(FRAME_TYPE.writable);
  });

  it("refuses entries in frames of others and in frames that do not exist", () => {
    const other = fixture.addGuest(2);
    expect(guest.mmuUpdate([[entryOf(other.level1, 0), 0]])).toBe(-EINVAL);
    expect(guest.mmuUpdate([[entryOf(toMfn(5000), 0), 0]])).toBe(-EINVAL);
    expect(guest.mmuUpdate([[2 ** 52, 0]])).toBe(-EINVAL);
  });

  it("needs privilege for foreign frames and foreign tables", () => {
    const other = fixture.addGuest(2);
    const request = [[entryOf(guest.level1, 100), leadsTo(one(other.pages))]] as const;
    expect(guest.mmuUpdate(request)).toBe(-EBUSY);
    expect(guest.mmuUpdate(request, 2)).toBe(-EPERM);
    expect(guest.mmuUpdate(request, DOMID_XEN)).toBe(-EPERM);
    expect(guest.mmuUpdate(request, DOMID_IO)).toBe(-EBUSY);
    expect(guest.mmuUpdate(request, 9)).toBe(-ESRCH);
    expect(guest.mmuUpdate(request, 1)).toBe(-ESRCH);
    expect(guest.mmuUpdate([[entryOf(other.level1, 100), 0]], ((2 + 1) << 16) | 0x7ff0)).toBe(-EPERM);
    expect(guest.mmuUpdate(request, ((9 + 1) << 16) | 0x7ff0)).toBe(-ESRCH);

    const control = fixture.addGuest(3, { privileged: true });
    const page = one(other.pages);
    expect(control.mmuUpdate([[entryOf(control.level1, 100), leadsTo(page)]], 2)).toBe(0);
    expect(control.write(100 * PAGE_SIZE, 77)).toBe(true);
    expect(other.read(0)).toBe(77);
    const spare = one(other.spare(1));
    const foreignTables = ((2 + 1) << 16) | 2;
    expect(control.mmuUpdate([[entryOf(other.level1, 100), leadsTo(spare)]], foreignTables)).toBe(0);
    expect(other.write(100 * PAGE_SIZE, 1)).toBe(true);
  });

  it("flushes the domain when an upper level changes, so that the next request sees it", () => {
    expect(guest.read(5 * PAGE_SIZE)).toBe(0);
    const [level1 = toMfn(0), page = toMfn(0)] = guest.spare(2);
    guest.mmuUpdate([
      [entryOf(level1, 15), leadsTo(guest.pages[15] ?? toMfn(0))],
      [entryOf(level1, 5), leadsTo(page)],
      [entryOf(page, 0), 99],
    ]);
    expect(guest.mmuUpdate([[entryOf(guest.level2[0] ?? toMfn(0), 0), leadsTo(level1)]])).toBe(0);
    expect(guest.read(5 * PAGE_SIZE)).toBe(99);
  });

  it("stops when an event waits, and goes on where it was", () => {
    fixture.interrupted = true;
    const frames = guest.spare(5);
    const requests = frames.map(
      (frame, index) => [entryOf(guest.level1, 100 + index), leadsTo(frame)] as const,
    );
    expect(guest.mmuUpdate(requests)).toBe(0);
    expect(fixture.restarts).toBe(4);
    expect(guest.done()).toBe(5);
    expect(guest.mmuUpdate([...requests.slice(0, 3), [entryOf(guest.root, 3), 0]])).toBe(-EINVAL);
    expect(guest.done()).toBe(3);
  });
});
