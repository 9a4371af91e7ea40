import type { MappedPages } from "@xenolith/domain-interface";
import type { FrameTable, TableEntry } from "@xenolith/frame-table";
import {
  frameAddress,
  type LinearAddress,
  type Mfn,
  PAGE_SIZE,
  toLinearAddress,
} from "@xenolith/machine-interface";
import { entryHigh, entryLow, PTE } from "@xenolith/x86-architecture";
import { type DomId, toDomId } from "@xenolith/xen-abi";
import type { Draw } from "../draw.ts";
import type { Arena } from "./arena.ts";
import type { FramePool } from "./frame-pool.ts";
import { AT, type AttackerWidth } from "./layout.ts";

/** Pages of linear address space whose level-1 entries the attack plays with. */
const WINDOW_PAGES = 384;

/** What a friendly domain offers an attacker, so that there is something to be used right and wrong. */
export interface Offers {
  readonly domain: DomId;
  /** References that allow writing, and those that do not. */
  readonly writable: readonly number[];
  readonly readOnly: readonly number[];
  /** Unbound ports of the friend that the attacker may bind to. */
  readonly ports: () => number[];
  /** Takes grants back and offers others. */
  readonly change: () => void;
}

/** A mapping of a grant that the attacker believes it has. */
export interface KnownMapping {
  readonly handle: number;
  readonly address: number;
  /** Address to be given for its device part, or 0. */
  readonly busAddress: number;
  /** `address` is that of a page-table entry. */
  readonly byEntry: boolean;
}

/** What the attacker knows when it makes up its next call. */
export interface World {
  readonly width: AttackerWidth;
  /** It is a 64-bit attacker. */
  readonly isWide: boolean;
  /** Level of root tables. */
  readonly rootLevel: 3 | 4;
  readonly draw: Draw;
  readonly arena: Arena;
  readonly pool: FramePool;
  readonly frames: FrameTable;
  readonly self: DomId;
  readonly victim: DomId;
  readonly vcpus: number;
  readonly offers: Offers;
  /** The attacker's shared_info. */
  readonly sharedInfo: MappedPages;
  readonly now: () => number;
  /** Access to one frame that can be written, for as long as `use` runs. @returns false when it cannot be had. */
  withFrame(frame: Mfn, use: (page: MappedPages) => void): boolean;

  /** The root table in use. */
  root(): Mfn;
  /** The level-2 table and the level-1 table behind the attacker's own addresses. */
  topDirectory(): Mfn;
  level1Of(address: number): Mfn;
  /** Whether the arena is still mapped where the harness writes. */
  isIntact(): boolean;
  /** A page in the window, and the machine address of the entry that maps it. */
  windowPage(): LinearAddress;
  entryAddress(page: number): number;
  entryAt(page: number): TableEntry;

  /** Addresses that cannot be used: not mapped, the monitor's, or about to wrap. */
  badAddress(): number;
  /** One that cannot be used, but which no check of ranges finds. */
  unmappedAddress(): number;
  /** One in the monitor's range, or an array that reaches into it. */
  monitorAddress(): number;
  /** Address of a word with this value, behind which nothing can be read. */
  lastWord(value: number): number;
  /** One that can be read and not written. */
  readOnlyAddress(): number;
  /** A number that is no living domain's. */
  absentDomain(): DomId;
  otherDomain(): DomId;

  /** Ports the attacker thinks it has, by kind. */
  readonly ports: Map<number, "unbound" | "interdomain" | "virq" | "ipi">;
  readonly mappings: KnownMapping[];
  /** Grant-table frames of its own, and grants of its own to itself that it has not taken back. */
  readonly grantFrames: readonly Mfn[];
  writeGrant(reference: number, flags: number, domain: number, frame: number): void;
  /** Writes an entry of version 2 that passes a grant on. */
  passGrantOn(reference: number, domain: number, from: DomId, fromReference: number): void;
  grantVersion(): number;
  /** VCPUs the attacker has not used up yet, by what can be done only once. */
  readonly fresh: {
    readonly uninitialised: Set<number>;
    readonly unregistered: Set<number>;
    /** VCPUs without a FIFO control block. */
    readonly withoutQueues: Set<number>;
  };
}

/** A present level-1 entry. */
export const pageEntry = (frame: Mfn, writable: boolean, flags = 0): TableEntry => ({
  low: entryLow(frame, PTE.present | PTE.accessed | PTE.dirty | (writable ? PTE.writable : 0) | flags),
  high: entryHigh(frame),
});

/** An entry that is not present. */
export const NO_ENTRY: TableEntry = { low: 0, high: 0 };

/** A present entry of an upper table. A root of PAE has no rights in its entries. */
export const tableEntry = (frame: Mfn, isPaeRoot = false): TableEntry => ({
  low: entryLow(frame, isPaeRoot ? PTE.present : PTE.present | PTE.writable | PTE.accessed | PTE.user),
  high: entryHigh(frame),
});

/** Reads the frame number of an entry, as page tables of domains have it here: below 2^20. */
const frameIn = ({ low }: TableEntry): Mfn => (low >>> 12) as Mfn;

/** The parts of a world that follow from the page tables. */
export const addressesOf = (
  frames: FrameTable,
  self: DomId,
  root: () => Mfn,
  isWide: boolean,
  draw: Draw,
): Pick<World, "topDirectory" | "level1Of" | "windowPage" | "entryAddress" | "entryAt"> => {
  const entry = (table: Mfn, index: number): TableEntry => frames.readEntry(self, table, index) ?? NO_ENTRY;
  /** The table behind slot 3 of PAE's root, and on x86_64 of the first table below the root. */
  const topDirectory = (): Mfn => frameIn(entry(isWide ? frameIn(entry(root(), 0)) : root(), 3));
  const level1Of = (address: number): Mfn => frameIn(entry(topDirectory(), (address >>> 21) & 511));
  return {
    topDirectory,
    level1Of,
    windowPage: () => toLinearAddress(AT.playground + PAGE_SIZE * draw.below(WINDOW_PAGES)),
    entryAddress: (page) => frameAddress(level1Of(page)) + 8 * ((page >>> 12) & 511),
    entryAt: (page) => entry(level1Of(page), (page >>> 12) & 511),
  };
};

/** A domain identifier that belongs to nobody, or is reserved. */
export const absentDomainOf = (isLiving: (id: DomId) => boolean, draw: Draw): DomId => {
  if (draw.chance(4)) return toDomId(draw.pick([0x7ff3, 0x7ff4, 0x7fff]));
  for (;;) {
    const id = toDomId(draw.below(0x7ff0));
    if (!isLiving(id)) return id;
  }
};
