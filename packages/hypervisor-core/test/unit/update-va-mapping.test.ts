import { type Mfn, PAGE_SIZE, toMfn } from "@xenolith/machine-interface";
import { EBUSY, EFAULT, EINVAL, EPERM, ESRCH } from "@xenolith/xen-abi";
import {
  __HYPERVISOR_update_va_mapping,
  __HYPERVISOR_update_va_mapping_otherdomain,
  UVMF_ALL,
  UVMF_INVLPG,
  UVMF_LOCAL,
  UVMF_NONE,
  UVMF_TLB_FLUSH,
} from "@xenolith/xen-abi/xen";
import { beforeEach, describe, expect, it } from "vitest";
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

describe("update_va_mapping", () => {
  let fixture: MemoryFixture;
  let guest: Guest;
  beforeEach(() => {
    fixture = createMemoryFixture();
    guest = fixture.addGuest(1, { vcpus: 2 });
  });
  const update = (at: number, low: number, flags = UVMF_NONE): number =>
    guest.call(__HYPERVISOR_update_va_mapping, at, low, 0, flags);
  const page = (index: number): Mfn => guest.pages[index] ?? toMfn(0);

  it("maps an own frame at a linear address", () => {
    const [frame = toMfn(0)] = guest.spare(1);
    expect(update(200 * PAGE_SIZE + 123, leadsTo(frame))).toBe(0);
    expect(guest.write(200 * PAGE_SIZE, 5)).toBe(true);
    expect(update(200 * PAGE_SIZE, leadsTo(guest.root, RW))).toBe(-EBUSY);
    expect(update(200 * PAGE_SIZE, leadsTo(guest.root, RO))).toBe(0);
  });

  it("needs a table of level 1 there", () => {
    expect(update(0x4000_0000, leadsTo(page(0)))).toBe(-EINVAL);
    expect(update(0xf580_0000, leadsTo(page(0)))).toBe(-EINVAL);
    expect(update(0xffff_f000, leadsTo(page(0)))).toBe(-EINVAL);
    const [level2 = toMfn(0)] = guest.level2;
    expect(guest.mmuUpdate([[entryOf(level2, 7), leadsTo(level2, RO)]])).toBe(0);
    expect(update(7 * 2 ** 21, leadsTo(page(0), RO))).toBe(-EINVAL);
  });

  it.each([
    ["TLB_FLUSH | LOCAL", UVMF_TLB_FLUSH | UVMF_LOCAL],
    ["TLB_FLUSH | ALL", UVMF_TLB_FLUSH | UVMF_ALL],
    ["INVLPG | LOCAL", UVMF_INVLPG | UVMF_LOCAL],
    ["INVLPG | ALL", UVMF_INVLPG | UVMF_ALL],
    ["a mask with this VCPU", UVMF_INVLPG | (SCRATCH + 64)],
    ["a mask without it", UVMF_TLB_FLUSH | (SCRATCH + 128)],
    ["no flush", UVMF_NONE],
    ["both kinds, which means none", 3],
  ])("shows the guest its new mapping, whatever flush it asks for: %s", (_name, flags) => {
    guest.write(SCRATCH + 64, 0b01);
    guest.write(SCRATCH + 128, 0b10);
    guest.write(6 * PAGE_SIZE, 66);
    expect(guest.read(5 * PAGE_SIZE)).toBe(0);
    expect(update(5 * PAGE_SIZE, leadsTo(page(6)), flags)).toBe(0);
    expect(guest.read(5 * PAGE_SIZE)).toBe(66);
  });

  it("has changed the entry already when the mask cannot be read", () => {
    expect(update(5 * PAGE_SIZE, leadsTo(page(6)), UVMF_TLB_FLUSH | 0x3000_0000)).toBe(-EFAULT);
    expect(fixture.memory.view.getUint32(entryOf(guest.level1, 5), true)).toBe(leadsTo(page(6)));
  });

  it("maps frames of other domains for the privileged", () => {
    const other = fixture.addGuest(2);
    const target = leadsTo(other.pages[0] ?? toMfn(0));
    const foreign = (caller: Guest, domain: number): number =>
      caller.call(__HYPERVISOR_update_va_mapping_otherdomain, 200 * PAGE_SIZE, target, 0, UVMF_NONE, domain);
    expect(foreign(guest, 2)).toBe(-EPERM);
    expect(foreign(guest, 8)).toBe(-ESRCH);
    const control = fixture.addGuest(3, { privileged: true });
    expect(foreign(control, 2)).toBe(0);
    expect(control.write(200 * PAGE_SIZE, 9)).toBe(true);
    expect(other.read(0)).toBe(9);
  });
});
