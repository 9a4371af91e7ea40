import { DESCRIPTORS_PER_FRAME, FRAME_TYPE, type FrameTable, GUEST_GDT_ENTRIES } from "@xenolith/frame-table";
import {
  frameAddress,
  frameOf,
  type LinearAddress,
  type MachineMemory,
  type Mfn,
  PAGE_SIZE,
  toLinearAddress,
  toMachineAddress,
} from "@xenolith/machine-interface";
import { ATTRIBUTE, type DescriptorSource, entryFrame, PTE } from "@xenolith/x86-architecture";
import { EINVAL } from "@xenolith/xen-abi";
import type { Vcpu } from "../vcpu.ts";
import { monitorDescriptor } from "./monitor-descriptors.ts";

/** Most entries of an LDT. [XEN xen.h] MMUEXT_SET_LDT */
const LDT_ENTRIES = 8192;

/** Bit of a selector that names the LDT. [SDM3A-3.4.2] */
const SELECTOR_LDT = 4;

/** Accessed bit of a code or data descriptor in its high word. */
const ACCESSED_HIGH = ATTRIBUTE.accessed << 8;

/**
 * The GDT and LDT of VCPUs. GDT frames are descriptor pages from set_gdt on; the frames behind an LDT become so one by one,
 * when a selector first leads to them, and stay so until the LDT or the page-table base changes. [XEN xen.h] set_gdt
 */
export interface DescriptorTables {
  /** What a VCPU's processor reads descriptors from. */
  sourceOf(vcpu: Vcpu): DescriptorSource;
  /** As set_gdt. @returns -EINVAL when a frame is not the domain's own or cannot be a descriptor page. */
  loadGdt(vcpu: Vcpu, frames: readonly Mfn[], entries: number): number;
  /** As MMUEXT_SET_LDT. @returns -EINVAL for too many entries, or a base that no page starts at or the guest may not use. */
  loadLdt(vcpu: Vcpu, base: LinearAddress, entries: number): number;
  /** Lets go of the LDT's frames: they are found again by the guest's mappings of the moment. */
  forgetLdtFrames(vcpu: Vcpu): void;
  /** Lets go of all frames. */
  close(vcpu: Vcpu): void;
}

/** Descriptors of a VCPU have changed: its processor keeps none of them, and its segments are loaded again in time. */
export const noteDescriptorChange = (vcpu: Vcpu): void => {
  vcpu.descriptorsChanged = true;
  vcpu.x86?.forgetDescriptors();
};

/** Makes the descriptor tables of a host. */
export const createDescriptorTables = (memory: MachineMemory, frames: FrameTable): DescriptorTables => {
  /** Frames of LDTs found so far, by page of the table. */
  const ldtFrames = new WeakMap<Vcpu, Map<number, Mfn>>();

  const holdDescriptors = (vcpu: Vcpu, frame: Mfn): boolean =>
    frames.getPageAndType(frame, vcpu.domain.id, FRAME_TYPE.descriptors) === 0;

  const forgetLdtFrames = (vcpu: Vcpu): void => {
    for (const frame of ldtFrames.get(vcpu)?.values() ?? []) frames.putPageAndType(frame);
    ldtFrames.delete(vcpu);
  };

  /** Frame that the guest has mapped at a page of its LDT, if it may be a descriptor page. */
  const findLdtFrame = (vcpu: Vcpu, page: number): Mfn | null => {
    const { domain, pageTableBase, ldtBase } = vcpu;
    if (pageTableBase === null) return null;
    const at = frames.findLevel1Entry(domain.id, pageTableBase, toLinearAddress(ldtBase + page * PAGE_SIZE));
    if (at === null) return null;
    const low = memory.view.getUint32(at, true);
    const high = domain.width === "x86_32" ? 0 : memory.view.getUint32(at + 4, true);
    const frame = entryFrame(low, high) as Mfn;
    return (low & PTE.present) !== 0 && holdDescriptors(vcpu, frame) ? frame : null;
  };

  const ldtFrame = (vcpu: Vcpu, page: number): Mfn | null => {
    const known = ldtFrames.get(vcpu)?.get(page);
    if (known !== undefined) return known;
    const found = findLdtFrame(vcpu, page);
    if (found === null) return null;
    const pages = ldtFrames.get(vcpu) ?? new Map<number, Mfn>();
    ldtFrames.set(vcpu, pages.set(page, found));
    return found;
  };

  /** Machine address of a descriptor in the guest's tables; null beyond them, -1 where a guest's GDT has no frame. */
  const locate = (vcpu: Vcpu, selector: number): number | null => {
    const index = (selector & 0xffff) >>> 3;
    const page = Math.floor(index / DESCRIPTORS_PER_FRAME);
    let frame: Mfn | null | undefined;
    if ((selector & SELECTOR_LDT) !== 0) {
      frame = index < vcpu.ldtEntries ? ldtFrame(vcpu, page) : null;
      if (frame === null) return null;
    } else frame = vcpu.gdtFrames[page];
    return frame === undefined ? -1 : frameAddress(frame) + (index % DESCRIPTORS_PER_FRAME) * 8;
  };

  const isMonitors = (selector: number): boolean =>
    (selector & SELECTOR_LDT) === 0 && (selector & 0xffff) >>> 3 >= GUEST_GDT_ENTRIES;

  const sourceOf = (vcpu: Vcpu): DescriptorSource => ({
    low: 0,
    high: 0,
    read(selector) {
      if (isMonitors(selector)) {
        const own = monitorDescriptor(vcpu.domain.width, (selector & 0xffff) >>> 3);
        this.low = own?.low ?? 0;
        this.high = own?.high ?? 0;
        return own !== null;
      }
      const at = locate(vcpu, selector);
      if (at === null) return false;
      this.low = at < 0 ? 0 : memory.view.getUint32(at, true);
      this.high = at < 0 ? 0 : memory.view.getUint32(at + 4, true);
      return true;
    },
    setAccessed(selector) {
      const at = isMonitors(selector) ? null : locate(vcpu, selector);
      if (at === null || at < 0) return;
      const high = memory.view.getUint32(at + 4, true);
      if ((high & ACCESSED_HIGH) !== 0) return;
      memory.view.setUint32(at + 4, high | ACCESSED_HIGH, true);
      memory.written(frameOf(toMachineAddress(at)), (at % PAGE_SIZE) + 4, 4);
    },
  });

  const releaseGdt = (vcpu: Vcpu): void => {
    for (const frame of vcpu.gdtFrames) frames.putPageAndType(frame);
    vcpu.gdtFrames = [];
    vcpu.gdtEntries = 0;
    vcpu.x86?.forgetDescriptors();
  };

  return {
    sourceOf,
    forgetLdtFrames,
    loadGdt(vcpu, wanted, entries) {
      if (!(entries <= GUEST_GDT_ENTRIES) || wanted.length < Math.ceil(entries / DESCRIPTORS_PER_FRAME))
        return -EINVAL;
      const held: Mfn[] = [];
      for (const frame of wanted.slice(0, Math.ceil(entries / DESCRIPTORS_PER_FRAME))) {
        if (!holdDescriptors(vcpu, frame)) {
          for (const taken of held) frames.putPageAndType(taken);
          return -EINVAL;
        }
        held.push(frame);
      }
      releaseGdt(vcpu);
      vcpu.gdtFrames = held;
      vcpu.gdtEntries = entries;
      noteDescriptorChange(vcpu);
      return 0;
    },
    loadLdt(vcpu, base, entries) {
      if (!(entries <= LDT_ENTRIES)) return -EINVAL;
      const isUsable = base % PAGE_SIZE === 0 && vcpu.guestMemory.isAllowed(base, entries, 8);
      if (entries > 0 && !isUsable) return -EINVAL;
      const newBase = entries > 0 ? base : toLinearAddress(0);
      if (vcpu.ldtEntries === entries && vcpu.ldtBase === newBase) return 0;
      forgetLdtFrames(vcpu);
      vcpu.ldtBase = newBase;
      vcpu.ldtEntries = entries;
      noteDescriptorChange(vcpu);
      return 0;
    },
    close(vcpu) {
      forgetLdtFrames(vcpu);
      vcpu.ldtEntries = 0;
      releaseGdt(vcpu);
    },
  };
};
