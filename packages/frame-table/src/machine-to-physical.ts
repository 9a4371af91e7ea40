import { frameAddress, type MachineMemory, type Mfn, PAGE_SIZE } from "@xenolith/machine-interface";
import type { MachineToPhysical } from "./types.ts";

/** Entry of a frame that has no pseudo-physical number: all bits set. [XEN arch-x86/xen.h] INVALID_P2M_ENTRY */
const INVALID = 0xffff_ffff;

/** The table, and the numbers it needs before it has its frames. */
export interface MachineToPhysicalParts {
  readonly memory: MachineMemory;
  /** Takes one frame of the monitor's. Never null: construction fails before. */
  readonly takeFrame: () => Mfn;
  /** Whether 64-bit guests are to have theirs. */
  readonly wide: boolean;
}

/**
 * Makes the machine-to-physical table in frames of its own, which need not be contiguous. All entries start invalid, also
 * those of the last frame that stand for no frame of the machine.
 */
export const createMachineToPhysical = (parts: MachineToPhysicalParts): MachineToPhysical => {
  const { memory } = parts;

  const takeTable = (entryBytes: number): Mfn[] => {
    const count = Math.ceil((memory.frameCount * entryBytes) / PAGE_SIZE);
    return Array.from({ length: count }, () => {
      const frame = parts.takeFrame();
      const start = frameAddress(frame);
      memory.bytes.fill(0xff, start, start + PAGE_SIZE);
      memory.written(frame, 0, PAGE_SIZE);
      return frame;
    });
  };

  /** Machine address of an entry, or -1 for a frame the table does not cover. */
  const entryAddress = (table: readonly Mfn[], entryBytes: number, frame: Mfn): number => {
    const offset = frame * entryBytes;
    const holder = frame < memory.frameCount ? table[Math.floor(offset / PAGE_SIZE)] : undefined;
    return holder === undefined ? -1 : frameAddress(holder) + (offset % PAGE_SIZE);
  };

  const store = (table: readonly Mfn[], entryBytes: 4 | 8, frame: Mfn, pfn: number | null): void => {
    const address = entryAddress(table, entryBytes, frame);
    if (address < 0) return;
    memory.view.setUint32(address, pfn ?? INVALID, true);
    if (entryBytes === 8) memory.view.setUint32(address + 4, pfn === null ? INVALID : 0, true);
    memory.written(Math.floor(address / PAGE_SIZE) as Mfn, address % PAGE_SIZE, entryBytes);
  };

  const frames = takeTable(4);
  const wideFrames = parts.wide ? takeTable(8) : [];

  return {
    frames,
    wideFrames,
    read(frame) {
      const address = entryAddress(frames, 4, frame);
      const pfn = address < 0 ? INVALID : memory.view.getUint32(address, true);
      return pfn === INVALID ? null : pfn;
    },
    write(frame, pfn) {
      store(frames, 4, frame, pfn);
      if (parts.wide) store(wideFrames, 8, frame, pfn);
    },
  };
};
