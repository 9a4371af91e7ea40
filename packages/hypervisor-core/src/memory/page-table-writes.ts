import {
  type AddressTranslator,
  EXIT,
  frameAddress,
  frameOf,
  type LinearAddress,
  type MachineAddress,
  type Mfn,
  PAGE_SIZE,
  toLinearAddress,
  toMfn,
} from "@xenolith/machine-interface";
import { entryFrame, entryLow, PAGE_FAULT, PTE, type X86Vcpu } from "@xenolith/x86-architecture";
import { VMASST_TYPE_writable_pagetables } from "@xenolith/xen-abi/xen";
import { hasAssist } from "../domain.ts";
import { isInKernel } from "../rings.ts";
import type { Vcpu } from "../vcpu.ts";
import type { MemoryParts } from "./parts.ts";
import { SavedRegisters } from "./saved-registers.ts";

/**
 * Carries out a guest kernel's write to one of its level-1 tables, for guests with the assist writable_pagetables.
 * @returns whether it has been done; else the page fault is the guest's. [XEN xen.h]
 */
export type EmulatePageTableWrite = (vcpu: Vcpu, address: LinearAddress, errorCode: number) => boolean;

/** Of a fault that may be such a write: a page that is there, and a write, and nothing else but the user bit. */
const WRITE_TO_PRESENT = PAGE_FAULT.present | PAGE_FAULT.write;

/** Where a write goes: the page that is written, and the entry that maps it. */
interface Target {
  readonly page: LinearAddress;
  readonly table: Mfn;
  /** Machine address of the level-1 entry that maps the table at `page`. */
  readonly mapping: MachineAddress;
}

const WORD_BYTES = 4;
const PAGE_WORDS = PAGE_SIZE / WORD_BYTES;

/** The first word from one on in which two frames differ; {@link PAGE_WORDS} if there is none. */
const nextDifference = (words: Uint32Array, one: Mfn, other: Mfn, from: number): number => {
  const [first, second] = [one * PAGE_WORDS, other * PAGE_WORDS];
  let word = from;
  while (word < PAGE_WORDS && words[first + word] === words[second + word]) word++;
  return word;
};

/**
 * Makes the emulation. The processor itself carries the instruction out, on a copy of the table that is mapped in its place
 * for that one instruction; the entries that differ afterwards are validated like those of mmu_update. Whatever refuses, the
 * instruction has not happened.
 */
export const createPageTableWrites = (
  { memory, frames }: Pick<MemoryParts, "memory" | "frames">,
  translator: Pick<AddressTranslator, "invalidate">,
): EmulatePageTableWrite => {
  /** The frame that stands in for tables, taken when the first guest needs it. */
  let standIn: Mfn | null = null;
  const saved = new SavedRegisters();

  const find = ({ domain, pageTableBase }: Vcpu, address: LinearAddress): Target | null => {
    if (pageTableBase === null) return null;
    const page = toLinearAddress(Math.floor(address / PAGE_SIZE) * PAGE_SIZE);
    const mapping = frames.findLevel1Entry(domain.id, pageTableBase, page);
    if (mapping === null || frames.levelOf(frameOf(mapping)) !== 1) return null;
    const low = memory.view.getUint32(mapping, true);
    const high = domain.width === "x86_32" ? 0 : memory.view.getUint32(mapping + 4, true);
    if ((low & PTE.present) === 0 || (low & PTE.writable) !== 0) return null;
    const table = toMfn(entryFrame(low, high));
    return frames.levelOf(table) === 1 && frames.ownerOf(table) === domain.id
      ? { page, table, mapping }
      : null;
  };

  /** Runs the instruction with the copy mapped in place of the table. @returns whether it came to its end. */
  const runOnCopy = (vcpu: Vcpu, x86: X86Vcpu, { page, mapping }: Target, copy: Mfn): boolean => {
    if (vcpu.space === null) return false;
    const kept = memory.view.getUint32(mapping, true);
    memory.view.setUint32(mapping, entryLow(copy, (kept & 0xfff) | PTE.writable), true);
    translator.invalidate(vcpu.space, page);
    // What the instruction comes to is seen here alone.
    x86.gates.isOpen = false;
    const { kind, retired } = x86.run(1);
    memory.view.setUint32(mapping, kept, true);
    translator.invalidate(vcpu.space, page);
    return kind === EXIT.budget && retired === 1;
  };

  /** Takes over the entries in which the copy differs from the table. @returns 0, or the errno of the first refused one. */
  const takeOver = ({ domain }: Vcpu, table: Mfn, copy: Mfn): number => {
    const { view, words } = memory;
    const entryBytes = domain.width === "x86_32" ? 4 : 8;
    const update = { domain: domain.id, mapped: domain.id };
    for (let index = 0; ; index++) {
      const word = nextDifference(words, copy, table, (index * entryBytes) / WORD_BYTES);
      if (word === PAGE_WORDS) return 0;
      index = Math.floor((word * WORD_BYTES) / entryBytes);
      const at = frameAddress(copy) + index * entryBytes;
      const low = view.getUint32(at, true);
      const high = entryBytes === 8 ? view.getUint32(at + 4, true) : 0;
      const error = frames.updateEntry(table, index, { low, high }, update);
      if (error !== 0) return error;
    }
  };

  return (vcpu, address, errorCode) => {
    const { x86, domain } = vcpu;
    if (x86 === null || !hasAssist(domain, VMASST_TYPE_writable_pagetables)) return false;
    if ((errorCode & ~PAGE_FAULT.user) !== WRITE_TO_PRESENT || !isInKernel(vcpu, x86.context)) return false;
    const target = find(vcpu, address);
    if (target === null) return false;
    standIn ??= frames.allocateMonitor();
    if (standIn === null) return false;
    const source = frameAddress(target.table);
    memory.bytes.copyWithin(frameAddress(standIn), source, source + PAGE_SIZE);
    saved.save(x86.context);
    if (runOnCopy(vcpu, x86, target, standIn) && takeOver(vcpu, target.table, standIn) === 0) return true;
    saved.restore(x86.context);
    return false;
  };
};
