import {
  frameAddress,
  frameOf,
  type MachineMemory,
  type Mfn,
  PAGE_SIZE,
  toMachineAddress,
  toMfn,
} from "@xenolith/machine-interface";
import type { MachineToPhysical } from "./types.ts";

/** Entry of a frame that has no pseudo-physical number: all bits set. [XEN arch-x86/xen.h] INVALID_P2M_ENTRY */
const INVALID = 0xffff_ffff;

/** What the table is made from. */
export interface MachineToPhysicalParts {
  readonly memory: MachineMemory;
  /** First of the frames that hold it, as many as {@link machineToPhysicalFrames} says. */
  readonly firstFrame: number;
  /** Whether 64-bit guests are to have theirs. */
  readonly wide: boolean;
}

const framesFor = (frameCount: number, entryBytes: number): number =>
  Math.ceil((frameCount * entryBytes) / PAGE_SIZE);

/** How many frames the table of a machine needs. */
export const machineToPhysicalFrames = (frameCount: number, wide: boolean): number =>
  framesFor(frameCount, 4) + (wide ? framesFor(frameCount, 8) : 0);

/**
 * Makes the machine-to-physical table. It is contiguous, since XENMEM_machphys_mfn_list tells of it in extents of 2 MiB. All
 * entries start invalid, also those of the last frame that stand for no frame of the machine. [XEN memory.h]
 */
export const createMachineToPhysical = (parts: MachineToPhysicalParts): MachineToPhysical => {
  const { memory } = parts;
  const narrowCount = framesFor(memory.frameCount, 4);

  const takeTable = (first: number, count: number): Mfn[] =>
    Array.from({ length: count }, (_unused, index) => {
      const frame = toMfn(first + index);
      memory.bytes.fill(0xff, frameAddress(frame), frameAddress(frame) + PAGE_SIZE);
      memory.written(frame, 0, PAGE_SIZE);
      return frame;
    });

  const frames = takeTable(parts.firstFrame, narrowCount);
  const wideFrames = parts.wide
    ? takeTable(parts.firstFrame + narrowCount, framesFor(memory.frameCount, 8))
    : [];

  const store = (table: readonly Mfn[], entryBytes: 4 | 8, frame: Mfn, pfn: number | null): void => {
    const [first] = table;
    if (first === undefined || !(frame < memory.frameCount)) return;
    const address = frameAddress(first) + frame * entryBytes;
    memory.view.setUint32(address, pfn ?? INVALID, true);
    if (entryBytes === 8) memory.view.setUint32(address + 4, pfn === null ? INVALID : 0, true);
    memory.written(frameOf(toMachineAddress(address)), address % PAGE_SIZE, entryBytes);
  };

  /** Announces that the entries of the frames from `first` to `last` have changed in a table. */
  const announce = (table: readonly Mfn[], entryBytes: 4 | 8, first: number, last: number): void => {
    const pageOf = (frame: number): number => Math.floor((frame * entryBytes) / PAGE_SIZE);
    for (const page of table.slice(pageOf(first), pageOf(last) + 1)) memory.written(page, 0, PAGE_SIZE);
  };

  return {
    frames,
    wideFrames,
    read(frame) {
      const [first] = frames;
      if (first === undefined || !(frame < memory.frameCount)) return null;
      const pfn = memory.view.getUint32(frameAddress(first) + frame * 4, true);
      return pfn === INVALID ? null : pfn;
    },
    write(frame, pfn) {
      store(frames, 4, frame, pfn);
      store(wideFrames, 8, frame, pfn);
    },
    number(list, firstPfn) {
      const { words, frameCount } = memory;
      const narrow = frameAddress(frames[0] ?? toMfn(0)) >>> 2;
      const wide = frameAddress(wideFrames[0] ?? toMfn(0)) >>> 2;
      const hasWide = wideFrames.length > 0;
      let lowest = frameCount;
      let highest = -1;
      let pfn = firstPfn;
      for (const frame of list) {
        if (frame < frameCount) {
          words[narrow + frame] = pfn;
          if (hasWide) {
            words[wide + 2 * frame] = pfn;
            words[wide + 2 * frame + 1] = 0;
          }
          if (frame < lowest) lowest = frame;
          if (frame > highest) highest = frame;
        }
        pfn++;
      }
      if (highest < 0) return;
      announce(frames, 4, lowest, highest);
      announce(wideFrames, 8, lowest, highest);
    },
  };
};
