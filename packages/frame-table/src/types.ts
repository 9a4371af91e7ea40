import type {
  EntropySource,
  LinearAddress,
  MachineAddress,
  MachineMemory,
  Mfn,
} from "@xenolith/machine-interface";
import type { TraceSink } from "@xenolith/trace";
import type { DomId, GuestWidth } from "@xenolith/xen-abi";

/**
 * What a frame is used as. A frame has one type at a time and changes it only when its type count is 0. Numbers are those
 * of Xen's PGT_* types. `descriptors`: a GDT or LDT. `writable`: mapped writable, or handed to somebody who writes.
 * [SOSP03 3.3.3]
 */
export const FRAME_TYPE = {
  none: 0,
  level1: 1,
  level2: 2,
  level3: 3,
  level4: 4,
  descriptors: 5,
  writable: 7,
} as const;

/** One value of {@link FRAME_TYPE}. */
export type FrameType = (typeof FRAME_TYPE)[keyof typeof FRAME_TYPE];

/** Level of a page table: 1 is the lowest. Equal to the {@link FRAME_TYPE} of its frames. */
export type TableLevel = 1 | 2 | 3 | 4;

/** A page-table entry as two unsigned 32-bit words. Two-level entries have `high` 0. */
export interface TableEntry {
  readonly low: number;
  readonly high: number;
}

/** A table, or a frame that looks like one, below a root. */
export interface TableBelow {
  readonly table: Mfn;
  readonly level: TableLevel;
}

/** Where an entry stands. */
export interface EntryPosition {
  readonly table: Mfn;
  readonly index: number;
}

/** What is known of one frame, for tools and tests. */
export interface FrameDescription {
  /** Owner; DOMID_INVALID when free. */
  readonly owner: DomId;
  readonly type: FrameType;
  /** Uses of the frame as its type. */
  readonly typeCount: number;
  /** All references: one for belonging to its owner, one for each mapping, table entry, pin, base or foreign holder. */
  readonly count: number;
  /** The contents have been checked against the type. */
  readonly validated: boolean;
  readonly pinned: boolean;
  /** Belongs to the monitor; lent to its owner, who can neither free nor exchange it. */
  readonly monitor: boolean;
  /** Of `count`, how many are held through {@link FrameTable.getPage} and its kin, not by tables, pins or ownership. */
  readonly held: number;
}

/** A domain as the frame table knows it. */
export interface FrameDomainOptions {
  readonly width: GuestWidth;
  /** Most frames it may own. */
  readonly maximumPages: number;
}

/** What the invariant checker cannot know by itself. */
export interface InvariantCheckOptions {
  /** Whether a domain may map a frame of another: by a grant, or by privilege. Default: no. */
  readonly mayMap?: (domain: DomId, frame: Mfn, writable: boolean) => boolean;
}

/** One broken law found by {@link FrameTable.checkInvariants}, in words. */
export interface InvariantViolation {
  readonly frame: Mfn;
  readonly problem: string;
}

/** What a frame table is made from. */
export interface FrameTableOptions {
  readonly memory: MachineMemory;
  /** Decides the order in which frames are given out. */
  readonly entropy: EntropySource;
  /** First frames of RAM that count as no RAM: DOMID_IO owns them and they are never given out. Default 0. */
  readonly reservedFrames?: number;
  /**
   * Called before a change completes after which old translations to `frame` would be dangerous: it changes its type, is
   * freed, or a foreign mapping of it ended. Called too after a present entry of level 1 that led to it has changed, so that
   * what TLBs hold by entries of level 1 is always what tables say. On return no TLB may lead to the frame.
   */
  readonly onFlush: (frame: Mfn) => void;
  /**
   * Called after a present entry of a domain's tables of level 2 or above has changed, or such a table ceased to be one:
   * translations that were made through it have to be forgotten before the domain, or another operation on its behalf, goes
   * on. `index` is that of the entry; null: any may have changed.
   */
  readonly onTableChange: (domain: DomId, level: TableLevel, table: Mfn, index: number | null) => void;
  /** Whether a domain may map a frame number that is no RAM, uncounted. Default: nobody may. */
  readonly ioPermitted?: (domain: DomId, frame: number) => boolean;
  /** Whether 64-bit guests get their machine-to-physical table. Default: false. */
  readonly wideMachineToPhysical?: boolean;
  /** Where in memory `FRAME_RECORDS` are kept, for the processor: `FRAME_RECORDS.bytesPerFrame` for each frame. Default: not in it. */
  readonly recordsAt?: number;
  readonly trace?: TraceSink;
}

/** Whose tables an update changes and whose frames it may map. */
export interface EntryUpdate {
  /** Owner of the table: validation rules, reserved slots and flushes follow it. */
  readonly domain: DomId;
  /** Owner of the frames that a level-1 entry may lead to: `domain`, or a foreign domain where the caller is privileged. */
  readonly mapped: DomId;
  /** Keeps the accessed and dirty bits that the processor has set in the old entry. */
  readonly preserveAccessedDirty?: boolean;
}

/** The machine-to-physical table: for each frame its owner's pseudo-physical number. Readable by all guests. */
export interface MachineToPhysical {
  /** Frames that hold the table, in order: entries of 4 bytes for 32-bit guests. */
  readonly frames: readonly Mfn[];
  /** Frames that hold the table of 64-bit guests, entries of 8 bytes. Empty unless asked for. */
  readonly wideFrames: readonly Mfn[];
  /** Pseudo-physical number, or null for an invalid entry. */
  read(frame: Mfn): number | null;
  /** Enters a pseudo-physical number; null makes the entry invalid. Any 32-bit value is allowed. */
  write(frame: Mfn, pfn: number | null): void;
  /** Enters the numbers from `firstPfn` on, as {@link write} does, one for each frame of a list: at a start of day it has them all. */
  number(list: readonly Mfn[], firstPfn: number): void;
}

/**
 * Owner, type and counts of every machine frame, and all that follows: allocation, page-table validation, pinning.
 * Operations give 0 (or a non-negative result) on success and a negative errno as Xen gives it. Frame numbers, levels,
 * indices and entries may come from a guest unchecked; nothing throws on them. [SOSP03 3.3.3]
 */
export interface FrameTable {
  readonly frameCount: number;
  readonly freeFrames: number;
  readonly machineToPhysical: MachineToPhysical;
  /** Table entries and descriptors looked at since construction: the cost of validation, for charging and preemption. */
  readonly work: number;

  // Domains (domains.ts, relinquish.ts)

  /** Makes a domain known. @throws HostError when it already is. */
  addDomain(domain: DomId, options: FrameDomainOptions): void;
  /**
   * Gives back what a dying domain has: pins first, then its frames. Those still referenced from elsewhere stay its own
   * and are freed with their last reference. `limit` bounds the frames visited.
   * @returns how many frames are still to be given back: 0 when all is done, else it is called again.
   */
  relinquish(domain: DomId, limit?: number): number;
  /** Forgets a domain that owns nothing any more. @returns -EBUSY while it does. */
  removeDomain(domain: DomId): number;
  /** Frames owned, those of the monitor not counted. */
  pagesOf(domain: DomId): number;
  maximumPagesOf(domain: DomId): number;
  setMaximumPages(domain: DomId, pages: number): void;
  /** Frames owned, those of the monitor not included, in ascending order. Cost: a walk over all frames. */
  framesOf(domain: DomId): Mfn[];

  // Allocation (ownership.ts)

  /** Gives a domain zeroed frames in no particular order, all or none. @returns -ENOMEM beyond its maximum or the machine's memory. */
  allocate(domain: DomId, count: number): Mfn[] | number;
  /**
   * Gives a domain 2^order zeroed frames that lie one behind the other, the first at a multiple of their number, all below
   * frame `limit`. @returns the first; null beyond the domain's maximum, or when the machine has none that lie so.
   */
  allocateExtent(domain: DomId, order: number, limit?: number): Mfn | null;
  /** Takes one zeroed frame for the monitor. @returns null when memory is used up. */
  allocateMonitor(): Mfn | null;
  /** Lends a monitor frame to a domain: it owns it and may map it, writable or not, but never free it. */
  shareMonitor(frame: Mfn, domain: DomId, writable: boolean): void;
  /** Takes a lent monitor frame back, or frees one that was not lent. It is free when the last reference has gone. */
  releaseMonitor(frame: Mfn): void;
  /**
   * Takes a frame away from its owner as decrease_reservation does. It is scrubbed and free when nobody refers to it any
   * more, which may be later. @returns -EINVAL when it is not the domain's to give.
   */
  release(domain: DomId, frame: Mfn): number;
  /**
   * Takes a frame that nothing refers to away from its owner without freeing it (transfer, exchange).
   * @returns -EINVAL when it is not the domain's or in use. On success {@link assign} or {@link discard} follows.
   */
  steal(domain: DomId, frame: Mfn): number;
  /** Gives a stolen frame to a domain. @returns -ENOMEM beyond its maximum. */
  assign(domain: DomId, frame: Mfn): number;
  /** Scrubs and frees a stolen frame. */
  discard(frame: Mfn): void;

  // Looking (queries.ts)

  /** Whether the machine has this frame. */
  exists(frame: Mfn): boolean;
  /** Owner; DOMID_INVALID when free, DOMID_XEN for the monitor's, DOMID_IO for what is no RAM. */
  ownerOf(frame: Mfn): DomId;
  typeOf(frame: Mfn): FrameType;
  /** Level of a validated page table, else 0. */
  levelOf(frame: Mfn): TableLevel | 0;
  /** Whether there is exactly one use of the frame as its type: with that the type ends. */
  isUsedOnce(frame: Mfn): boolean;
  describe(frame: Mfn): FrameDescription | null;

  // References (held-references.ts). What is got is put by the same caller.

  /** Takes a reference to a frame of `domain`. @returns false when it is not its own. */
  getPage(frame: Mfn, domain: DomId): boolean;
  putPage(frame: Mfn): void;
  /**
   * Takes a reference and a use as `type`, validating a table or descriptor page on first use.
   * @returns -EINVAL when the owner or an entry is wrong, -EBUSY when the frame is in use as another type.
   */
  getPageAndType(frame: Mfn, domain: DomId, type: FrameType): number;
  putPageAndType(frame: Mfn): void;

  // Tables (pinning.ts, update-entry.ts)

  /** Validates a table and keeps it validated until unpinned. */
  pin(domain: DomId, frame: Mfn, level: TableLevel): number;
  unpin(domain: DomId, frame: Mfn): number;
  /**
   * The tables below a root of a domain, each once, lowest levels first: those that are validated and that nothing else uses,
   * so that they end with the root, or the frames that look like tables and are not validated. Of the latter nothing is checked
   * but their owner. Nothing is held.
   */
  tablesBelow(domain: DomId, root: Mfn, level: TableLevel, validated: boolean): TableBelow[];
  /** Level of the root tables of a domain: 2, 3 or 4. */
  rootLevelOf(domain: DomId): TableLevel;
  /** Reads entry-sized words of any frame in the domain's format. `null` when frame or index are out of range. */
  readEntry(domain: DomId, table: Mfn, index: number): TableEntry | null;
  /**
   * Walks from a validated root to the entry that maps a page. The frame it stands in may be of a higher level, in linear
   * mappings. @returns the machine address of the entry, or null when an upper level is not present.
   */
  findLevel1Entry(domain: DomId, root: Mfn, address: LinearAddress): MachineAddress | null;
  /**
   * Changes one entry of a validated page table: validates the new entry, installs it, then drops what the old one
   * referred to. Changes nothing on error. The caller has checked that `update.domain` owns the table.
   */
  updateEntry(table: Mfn, index: number, entry: TableEntry, update: EntryUpdate): number;
  /**
   * Stores a word of entry size into any frame of `update.domain`, as mmu_update does: an entry where the frame is a
   * page table, plain data where it can be writable. `offset` is rounded down to an entry.
   */
  storeEntry(frame: Mfn, offset: number, entry: TableEntry, update: EntryUpdate): number;
  /**
   * Installs a level-1 entry that leads to a frame of which the caller holds a reference (and the writable type, for a
   * writable entry) by {@link getPage} or {@link getPageAndType}: the hold passes to the entry. The old entry is dropped.
   */
  installHeld(table: Mfn, index: number, entry: TableEntry, domain: DomId): number;
  /**
   * Empties a level-1 entry that {@link installHeld} installed: it has to lead to `frame` with the given right. The hold
   * passes back to the caller, and no translation is left. With `replacement`, that level-1 entry of the domain moves to the
   * place, present or not, and leaves an empty one behind; it is emptied first, and lost when the entry is not as it has to
   * be. @returns -EINVAL when the entry is another, or there is no other.
   */
  withdrawHeld(
    table: Mfn,
    index: number,
    frame: Mfn,
    writable: boolean,
    domain: DomId,
    replacement?: EntryPosition,
  ): number;

  // Descriptors (update-descriptor.ts, descriptor-rules.ts)

  /** Changes one 8-byte descriptor in a frame of the domain, checked where the frame is a descriptor page. */
  updateDescriptor(domain: DomId, frame: Mfn, offset: number, low: number, high: number): number;

  // Checking (check-invariants.ts)

  /** Walks everything and compares. An empty list: all laws hold. Cost: proportional to memory, for tests and on demand. */
  checkInvariants(options?: InvariantCheckOptions): InvariantViolation[];
}
