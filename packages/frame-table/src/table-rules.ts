import {
  entryFrame,
  KERNEL_PAGE_HIGH,
  PAGE_TABLE_SHAPE,
  type PageTableShape,
  PTE,
  PTE_CACHING_AND_SIZE,
} from "@xenolith/x86-architecture";
import type { GuestWidth } from "@xenolith/xen-abi";
import type { TableEntry, TableLevel } from "./types.ts";

/** What entries of one level may look like, and which slots of a table are the guest's. */
interface LevelRules {
  /** Entries that the processor looks at. */
  readonly entries: number;
  /** Bits that make a present entry wrong. */
  readonly refusedLow: number;
  readonly refusedHigh: number;
  /** Bits that are not stored, in a present entry. */
  readonly droppedLow: number;
  /** Slots from `first` up to, not including, `end` belong to the monitor. Only in a PAE table of slot 3 if `lastSlotOnly`. */
  readonly monitorFirst: number;
  readonly monitorEnd: number;
}

/** Page-table rules of a guest width. */
export interface TableRules {
  readonly width: GuestWidth;
  readonly shape: PageTableShape;
  readonly rootLevel: TableLevel;
  readonly levels: Readonly<Record<TableLevel, LevelRules>>;
}

/** Caching, page size and global: none of them above level 1, only the last at level 1. */
const REFUSED_LEVEL1 = PTE_CACHING_AND_SIZE;
const REFUSED_ABOVE = PTE_CACHING_AND_SIZE | PTE.global;

/** Bits 63:52 of PAE's level 3 are refused. Below, 62:52 are the guest's own; of bits 51:32 all may be part of the frame. */
const PAE_LEVEL3_REFUSED_HIGH = 0xfff0_0000;
/** Bits that the processor reserves in PAE's level 3 and that guests set nevertheless: they are not stored. [SDM3A-4.4.1] */
const PAE_LEVEL3_DROPPED = PTE.writable | PTE.user | PTE.accessed | PTE.dirty;

const level = (
  entries: number,
  refusedLow: number,
  refusedHigh: number,
  monitor: readonly [number, number] = [entries, entries],
  droppedLow = 0,
): LevelRules => ({
  entries,
  refusedLow,
  refusedHigh,
  droppedLow,
  monitorFirst: monitor[0],
  monitorEnd: monitor[1],
});

const unused = level(0, 0, 0);

/**
 * Rules by width. The monitor's slots: 0xFC000000 up on x86_32, 0xF5800000 up on x86_32p, slots 256 to 271 of the root on
 * x86_64. [XEN arch-x86/xen-x86_32.h] [XEN arch-x86/xen-x86_64.h]
 */
const RULES: Readonly<Record<GuestWidth, TableRules>> = {
  x86_32: {
    width: "x86_32",
    shape: PAGE_TABLE_SHAPE["two-level"],
    rootLevel: 2,
    levels: {
      1: level(1024, REFUSED_LEVEL1, 0),
      2: level(1024, REFUSED_ABOVE, 0, [1008, 1024]),
      3: unused,
      4: unused,
    },
  },
  x86_32p: {
    width: "x86_32p",
    shape: PAGE_TABLE_SHAPE.pae,
    rootLevel: 3,
    levels: {
      1: level(512, REFUSED_LEVEL1, 0),
      2: level(512, REFUSED_ABOVE, 0, [428, 512]),
      3: level(4, REFUSED_ABOVE, PAE_LEVEL3_REFUSED_HIGH, [4, 4], PAE_LEVEL3_DROPPED),
      4: unused,
    },
  },
  x86_64: {
    width: "x86_64",
    shape: PAGE_TABLE_SHAPE.long,
    rootLevel: 4,
    levels: {
      1: level(512, REFUSED_LEVEL1, 0),
      2: level(512, REFUSED_ABOVE, 0),
      3: level(512, REFUSED_ABOVE, 0),
      4: level(512, REFUSED_ABOVE, 0, [256, 272]),
    },
  },
};

/** The rules of a width. */
export const tableRules = (width: GuestWidth): TableRules => RULES[width];

/** Slots in the frame of a table, whether the processor looks at them or not. */
export const slotCount = (rules: TableRules): number => 4096 / rules.shape.entryBytes;

/** Whether a slot of a table is the guest's. `lastSlot`: the table stands in slot 3 of a PAE root. */
export const isGuestSlot = (
  rules: TableRules,
  tableLevel: TableLevel,
  lastSlot: boolean,
  index: number,
): boolean => {
  const { entries, monitorFirst, monitorEnd } = rules.levels[tableLevel];
  if (!(index >= 0 && index < entries)) return false;
  const hasMonitorSlots = rules.width !== "x86_32p" || lastSlot;
  return !hasMonitorSlots || index < monitorFirst || index >= monitorEnd;
};

/** Whether a guest may have this present entry at a level, whatever frame it leads to. */
export const isAllowedEntry = (
  rules: TableRules,
  tableLevel: TableLevel,
  low: number,
  high: number,
): boolean => {
  const { refusedLow, refusedHigh } = rules.levels[tableLevel];
  return (low & refusedLow) === 0 && (high & refusedHigh) === 0;
};

/** Whether a present level-1 entry of a 64-bit guest maps a page of its kernel. */
const isKernelPage = (low: number, high: number): boolean =>
  (low & PTE.user) === 0 || (high & KERNEL_PAGE_HIGH) !== 0;

/** Low word of {@link storedEntry}. */
export const storedLow = (rules: TableRules, tableLevel: TableLevel, low: number, high: number): number => {
  if ((low & PTE.present) === 0) return low;
  if (rules.width !== "x86_64") return (low & ~rules.levels[tableLevel].droppedLow) >>> 0;
  if (tableLevel === 4) return (low | PTE.user | PTE.accessed) >>> 0;
  if (tableLevel > 1 || isKernelPage(low, high)) return (low | PTE.user) >>> 0;
  return (low | PTE.user | PTE.global) >>> 0;
};

/** High word of {@link storedEntry}. */
export const storedHigh = (rules: TableRules, tableLevel: TableLevel, low: number, high: number): number => {
  const isMarked =
    rules.width === "x86_64" && tableLevel === 1 && (low & PTE.present) !== 0 && isKernelPage(low, high);
  return isMarked ? (high | KERNEL_PAGE_HIGH) >>> 0 : high;
};

/**
 * The entry that is stored when a guest asks for `entry`. A 64-bit guest's kernel runs in ring 3, so its pages need the
 * user bit at every level; kernel pages of level 1 are marked, all others are made global.
 */
export const storedEntry = (
  rules: TableRules,
  tableLevel: TableLevel,
  { low, high }: TableEntry,
): TableEntry => ({
  low: storedLow(rules, tableLevel, low, high),
  high: storedHigh(rules, tableLevel, low, high),
});

/** Low-word bits that may change without the entry being validated again: they neither lead elsewhere nor give rights. */
const HARMLESS_LOW = PTE.available | PTE.global | PTE.dirty | PTE.accessed | PTE.user;
/** High-word bits of that kind: NX and the available bits 62:52. */
const HARMLESS_HIGH = 0xfff0_0000;

/** Whether two present entries differ only in bits that need no validation. */
export const isHarmlessChange = (from: TableEntry, to: TableEntry): boolean =>
  ((from.low ^ to.low) & ~HARMLESS_LOW) === 0 && ((from.high ^ to.high) & ~HARMLESS_HIGH) === 0;

/** Frame an entry leads to: bits 51:12, or 31:12 of a two-level one. */
export const frameOfEntry = (entry: TableEntry): number => entryFrame(entry.low, entry.high);

/** Whether an entry is present. */
export const isPresent = (entry: TableEntry): boolean => (entry.low & PTE.present) !== 0;

/** Whether an entry allows writing. */
export const isWritable = (entry: TableEntry): boolean => (entry.low & PTE.writable) !== 0;
