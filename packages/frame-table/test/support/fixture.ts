import { createEntropy } from "@xenolith/machine";
import { type MachineMemory, type Mfn, PAGE_SIZE, toMfn } from "@xenolith/machine-interface";
import { createFakeMemory } from "@xenolith/machine-interface/testing";
import { PTE } from "@xenolith/x86-architecture";
import { type DomId, type GuestWidth, toDomId } from "@xenolith/xen-abi";
import {
  createFrameTable,
  type FrameTable,
  type FrameTableOptions,
  type TableEntry,
} from "../../src/index.ts";

export const RO: number = PTE.present | PTE.user;
export const RW: number = RO | PTE.writable;
export const DOM1: DomId = toDomId(1);
export const DOM2: DomId = toDomId(2);

/** An entry that leads to a frame. */
export const leadsTo = (frame: number, flags: number = RW): TableEntry => ({
  low: ((frame % 0x10_0000) * PAGE_SIZE + flags) >>> 0,
  high: Math.floor(frame / 0x10_0000),
});

export const NOTHING: TableEntry = { low: 0, high: 0 };

/** What the fixture's guest has: a root, its tables of level 2, one of level 1 (slot 0 of the first), and pages. */
export interface Space {
  readonly root: Mfn;
  readonly level2: readonly Mfn[];
  readonly level1: Mfn;
  readonly pages: readonly Mfn[];
}

export interface Fixture {
  readonly memory: MachineMemory;
  readonly frames: FrameTable;
  /** Frames flushed, in order. */
  readonly flushed: Mfn[];
  /** Domain and level of table changes, in order. */
  /** Domain, level, table and index of changes above level 1. */
  readonly changed: [DomId, number, Mfn, number | null][];
  /** Writes an entry as a guest that has the frame mapped writable would. */
  poke(table: Mfn, index: number, entry: TableEntry): void;
  peek(table: Mfn, index: number): TableEntry;
  /** Frames of a domain's own. */
  take(domain: DomId, count: number): Mfn[];
  /** Builds PAE tables that map `pageCount` pages writable from linear address 0, unvalidated. */
  buildSpace(domain: DomId, pageCount: number): Space;
}

/** A machine of 512 frames with two domains. */
export const createFixture = (
  options: Partial<FrameTableOptions> & { frameCount?: number; width?: GuestWidth } = {},
): Fixture => {
  const memory = options.memory ?? createFakeMemory({ frameCount: options.frameCount ?? 512 });
  const flushed: Mfn[] = [];
  const changed: [DomId, number, Mfn, number | null][] = [];
  const frames = createFrameTable({
    memory,
    entropy: createEntropy(7),
    onFlush: (frame) => flushed.push(frame),
    onTableChange: (...change) => changed.push(change),
    ...options,
  });
  const width = options.width ?? "x86_32p";
  frames.addDomain(DOM1, { width, maximumPages: 200 });
  frames.addDomain(DOM2, { width, maximumPages: 200 });

  const entryBytes = width === "x86_32" ? 4 : 8;
  const poke = (table: Mfn, index: number, entry: TableEntry): void => {
    const at = table * PAGE_SIZE + index * entryBytes;
    memory.view.setUint32(at, entry.low, true);
    if (entryBytes === 8) memory.view.setUint32(at + 4, entry.high, true);
  };
  const take = (domain: DomId, count: number): Mfn[] => {
    const taken = frames.allocate(domain, count);
    if (typeof taken === "number") throw new Error(`no frames: ${taken}`);
    return taken;
  };
  return {
    memory,
    frames,
    flushed,
    changed,
    poke,
    take,
    peek: (table, index) => {
      const at = table * PAGE_SIZE + index * entryBytes;
      return {
        low: memory.view.getUint32(at, true),
        high: entryBytes === 8 ? memory.view.getUint32(at + 4, true) : 0,
      };
    },
    buildSpace(domain, pageCount) {
      const [root = toMfn(0), level1 = toMfn(0), ...level2] = take(domain, 6);
      const pages = take(domain, pageCount);
      for (const [slot, table] of level2.entries()) poke(root, slot, leadsTo(table, PTE.present));
      poke(level2[0] ?? toMfn(0), 0, leadsTo(level1));
      for (const [index, page] of pages.entries()) poke(level1, index, leadsTo(page));
      return { root, level1, level2, pages };
    },
  };
};

/** First element of a list that has one. */
export const first = <T>(list: readonly T[]): T => {
  const [head] = list;
  if (head === undefined) throw new Error("empty list");
  return head;
};
