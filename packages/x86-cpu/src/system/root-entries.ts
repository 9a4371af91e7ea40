import type { MachineMemory } from "@xenolith/machine-interface";
import { STATE } from "../state/layout.ts";
import type { VcpuState } from "../state/vcpu-state.ts";

/** Entries of the root of PAE paging. */
const ENTRIES = 4;
const PRESENT = 1n;
/** What is read where no memory answers. */
const ALL_ONES = 0xffff_ffff_ffff_ffffn;

/** Bits of a present entry that must be 0: 2:1, 8:5 and all above 35. */
const RESERVED = 0xffff_fff0_0000_01e6n;

/** The four entries that CR3 leads to with PAE paging. */
const readEntries = ({ view, ramBytes }: MachineMemory, control3: number): bigint[] => {
  const root = (control3 & ~31) >>> 0;
  return Array.from({ length: ENTRIES }, (_, index) =>
    root < ramBytes ? view.getBigUint64(root + 8 * index, true) : ALL_ONES,
  );
};

/** Whether the entries that a value of CR3 leads to have reserved bits set. A root that is not in memory counts as clean. */
export const hasBadEntries = (machine: MachineMemory, control3: number): boolean =>
  readEntries(machine, control3).some(
    (entry) => entry !== ALL_ONES && (entry & PRESENT) !== 0n && (entry & RESERVED) !== 0n,
  );

/**
 * Reads the root entries of PAE paging for good: the processor goes on with these, whatever becomes of the table in memory.
 * [SDM3A-4.4.1]
 */
export const keepRootEntries = (machine: MachineMemory, state: VcpuState): void =>
  readEntries(machine, state.control(3)).forEach((entry, index) => {
    state.setWide(STATE.rootEntries + 8 * index, entry);
  });

/** The entries that were kept. */
export const keptRootEntries = (state: VcpuState): readonly bigint[] =>
  Array.from({ length: ENTRIES }, (_, index) => state.wide(STATE.rootEntries + 8 * index));
