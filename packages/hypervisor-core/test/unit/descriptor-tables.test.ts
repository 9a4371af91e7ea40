import { FRAME_TYPE } from "@xenolith/frame-table";
import { frameAddress, type Mfn, PAGE_SIZE, toMfn } from "@xenolith/machine-interface";
import type { DescriptorSource } from "@xenolith/x86-architecture";
import { EFAULT, EINVAL } from "@xenolith/xen-abi";
import { __HYPERVISOR_set_gdt, __HYPERVISOR_update_descriptor, MMUEXT_SET_LDT } from "@xenolith/xen-abi/xen";
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

const FLAT_LOW = 0xffff;
const DATA_RING_1 = 0x00cf_b200;
const ACCESSED = 0x100;

describe("descriptor tables", () => {
  let fixture: MemoryFixture;
  let guest: Guest;
  let source: DescriptorSource;
  beforeEach(() => {
    fixture = createMemoryFixture();
    guest = fixture.addGuest(1);
    source = fixture.system.descriptorSource(guest.vcpu);
  });
  const setGdt = (frames: readonly Mfn[], entries: number): number => {
    guest.write(SCRATCH, ...frames);
    return guest.call(__HYPERVISOR_set_gdt, SCRATCH, entries);
  };
  const read = (selector: number): [boolean, number, number] => [
    source.read(selector),
    source.low,
    source.high,
  ];
  const updateDescriptor = (address: number, low: number, high: number): number =>
    guest.call(__HYPERVISOR_update_descriptor, address, 0, low, high);

  describe("the GDT", () => {
    it("is read from the guest's frames", () => {
      const [a = toMfn(0), b = toMfn(0)] = guest.spare(2);
      guest.mmuUpdate([[entryOf(b, 3), FLAT_LOW, DATA_RING_1]]);
      expect(setGdt([a, b], 600)).toBe(0);
      expect(read((512 + 3) << 3)).toEqual([true, FLAT_LOW, DATA_RING_1]);
      expect(read((1024 + 3) << 3)).toEqual([true, 0, 0]);
      expect(fixture.system.frames.typeOf(b)).toBe(FRAME_TYPE.descriptors);
    });

    it("has the monitor's flat segments behind 14 frames, and ends behind their page", () => {
      expect(read(0xe019)).toEqual([true, FLAT_LOW, 0x00cf_bb00]);
      expect(read(0xe021)).toEqual([true, FLAT_LOW, 0x00cf_b300]);
      expect(read(0xe02b)).toEqual([true, FLAT_LOW, 0x00cf_fb00]);
      expect(read(0xe033)).toEqual([true, FLAT_LOW, 0x00cf_f300]);
      expect(read(0xe009)).toEqual([true, 0, 0]);
      expect(read(0xeff8)).toEqual([true, 0, 0]);
      expect(read(0xf000)[0]).toBe(false);
    });

    it("marks descriptors accessed in the guest's frames, never in the monitor's", () => {
      const [gdt = toMfn(0)] = guest.spare(1);
      guest.mmuUpdate([[entryOf(gdt, 3), FLAT_LOW, DATA_RING_1]]);
      setGdt([gdt], 512);
      source.setAccessed(3 << 3);
      source.setAccessed(0xe019);
      expect(read(3 << 3)[2]).toBe(DATA_RING_1 | ACCESSED);
    });

    it("is refused with bad frames or too many entries, and the old one stays", () => {
      const [gdt = toMfn(0)] = guest.spare(1);
      setGdt([gdt], 10);
      expect(setGdt([guest.root], 10)).toBe(-EINVAL);
      expect(setGdt([guest.pages[0] ?? toMfn(0)], 10)).toBe(-EINVAL);
      expect(setGdt([toMfn(90_000)], 10)).toBe(-EINVAL);
      expect(setGdt([gdt], 7169)).toBe(-EINVAL);
      expect(guest.call(__HYPERVISOR_set_gdt, 0x3000_0000, 1)).toBe(-EFAULT);
      expect(guest.vcpu.gdtFrames).toEqual([gdt]);
      expect(setGdt([], 0)).toBe(0);
      expect(fixture.system.frames.describe(gdt)).toMatchObject({ typeCount: 0, count: 1 });
      expect(fixture.system.frames.checkInvariants()).toEqual([]);
    });
  });

  describe("update_descriptor", () => {
    it("checks what it stores", () => {
      const [gdt = toMfn(0)] = guest.spare(1);
      setGdt([gdt], 512);
      expect(updateDescriptor(frameAddress(gdt) + 24, FLAT_LOW, 0x00cf_9200)).toBe(0);
      expect(read(3 << 3)).toEqual([true, FLAT_LOW, DATA_RING_1]);
      expect(guest.vcpu.descriptorsChanged).toBe(true);
      expect(updateDescriptor(frameAddress(gdt) + 24, 0, 0x8900)).toBe(-EINVAL);
      expect(updateDescriptor(frameAddress(gdt) + 20, FLAT_LOW, DATA_RING_1)).toBe(-EINVAL);
      expect(updateDescriptor(frameAddress(guest.level1), FLAT_LOW, DATA_RING_1)).toBe(-EINVAL);
      expect(updateDescriptor(0xffff_f000, FLAT_LOW, DATA_RING_1)).toBe(-EINVAL);
    });
  });

  describe("the LDT", () => {
    const LDT_PAGE = 300;
    const LDT = LDT_PAGE * PAGE_SIZE;
    const SELECTOR = (3 << 3) | 4;
    let ldt: Mfn;
    beforeEach(() => {
      [ldt = toMfn(0)] = guest.spare(1);
      guest.mmuUpdate([
        [entryOf(ldt, 3), FLAT_LOW, DATA_RING_1],
        [entryOf(guest.level1, LDT_PAGE), leadsTo(ldt, RO)],
      ]);
      expect(guest.mmuExtOp([[MMUEXT_SET_LDT, LDT, 8]])).toBe(0);
    });

    it("is found through the guest's mapping on use, and held as a descriptor page from then on", () => {
      expect(fixture.system.frames.typeOf(ldt)).toBe(FRAME_TYPE.writable);
      expect(read(SELECTOR)).toEqual([true, FLAT_LOW, DATA_RING_1]);
      expect(fixture.system.frames.describe(ldt)).toMatchObject({
        type: FRAME_TYPE.descriptors,
        typeCount: 1,
      });
      expect(guest.mmuUpdate([[entryOf(guest.level1, LDT_PAGE), leadsTo(ldt)]])).toBeLessThan(0);
      expect(read((8 << 3) | 4)[0]).toBe(false);
    });

    it("is let go with the LDT or the page-table base", () => {
      read(SELECTOR);
      fixture.system.loadPageTableBase(guest.vcpu, guest.root);
      expect(fixture.system.frames.describe(ldt)?.typeCount).toBe(0);
      read(SELECTOR);
      expect(guest.mmuExtOp([[MMUEXT_SET_LDT, 0, 0]])).toBe(0);
      expect(fixture.system.frames.describe(ldt)?.typeCount).toBe(0);
      expect(read(SELECTOR)[0]).toBe(false);
    });

    it("has no entry where nothing, a writable page or a bad descriptor is mapped", () => {
      guest.mmuUpdate([[entryOf(guest.level1, LDT_PAGE), leadsTo(ldt)]]);
      expect(read(SELECTOR)[0]).toBe(false);
      guest.mmuUpdate([[entryOf(guest.level1, LDT_PAGE), leadsTo(guest.root, RO)]]);
      expect(read(SELECTOR)[0]).toBe(false);
      guest.mmuUpdate([[entryOf(ldt, 9), 0, 0x8b00]]);
      guest.mmuUpdate([[entryOf(guest.level1, LDT_PAGE), leadsTo(ldt, RO)]]);
      expect(read(SELECTOR)[0]).toBe(false);
      guest.mmuUpdate([[entryOf(guest.level1, LDT_PAGE), 0]]);
      expect(read(SELECTOR)[0]).toBe(false);
      expect(fixture.system.frames.checkInvariants()).toEqual([]);
    });
  });
});
