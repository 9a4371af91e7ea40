import { PTE } from "@xenolith/x86-architecture";
import { type DomId, EINVAL, EPERM } from "@xenolith/xen-abi";
import type { FrameDomains } from "./domains.ts";
import type { EntryPlace, EntryReferences } from "./entry-references.ts";
import type { EntryMemory } from "./internal/entry-memory.ts";
import { at, FRAME_FLAG, type FrameStore, hasFlag } from "./internal/frame-store.ts";
import type { References } from "./references.ts";
import { isLastSlotEntry, type TableChanged } from "./table-contents.ts";
import {
  frameOfEntry,
  isAllowedEntry,
  isGuestSlot,
  isHarmlessChange,
  isPresent,
  storedEntry,
  type TableRules,
} from "./table-rules.ts";
import { type EntryUpdate, FRAME_TYPE, type TableEntry, type TableLevel } from "./types.ts";

/** What updates work on. */
export interface EntryUpdaterParts {
  readonly store: FrameStore;
  readonly domains: FrameDomains;
  readonly references: References;
  readonly entries: EntryReferences;
  readonly entryMemory: EntryMemory;
  readonly worked: (entries: number) => void;
  /** No TLB may lead to a frame any more. */
  readonly flush: (frame: number) => void;
  /** A present entry of a table above level 1 has changed. */
  readonly tableChanged: TableChanged;
}

/** Changes to validated page tables, entry by entry. See `FrameTable`. */
export interface EntryUpdater {
  /** Level of a validated page table, else 0. */
  levelOf(frame: number): TableLevel | 0;
  updateEntry(table: number, index: number, entry: TableEntry, update: EntryUpdate): number;
  storeEntry(frame: number, offset: number, entry: TableEntry, update: EntryUpdate): number;
  /** Stores an entry of level 1 without taking references for it, and drops what the old one held, if `dropsOld`. */
  replaceUncounted(place: EntryPlace, index: number, entry: TableEntry, dropsOld: boolean): void;
  /** Where entry `index` of a level-1 table of `domain` stands, or null when there is no such entry. */
  level1Place(table: number, index: number, domain: DomId): EntryPlace | null;
}

const ACCESSED_DIRTY = PTE.accessed | PTE.dirty;

/** Makes the updater. */
export const createEntryUpdater = (parts: EntryUpdaterParts): EntryUpdater => {
  const { store, domains, references, entries, entryMemory } = parts;

  const levelOf = (frame: number): TableLevel | 0 => {
    const type = at(store.type, frame);
    const isTable = type >= FRAME_TYPE.level1 && type <= FRAME_TYPE.level4;
    const isLive = isTable && at(store.typeCount, frame) > 0 && hasFlag(store, frame, FRAME_FLAG.validated);
    return isLive ? (type as TableLevel) : 0;
  };

  /** The errno with which Xen refuses a slot of its own: it differs by level. */
  const refusedSlot = (rules: TableRules, level: TableLevel, lastSlot: boolean, index: number): number => {
    if (isLastSlotEntry(rules, level, index)) return -EINVAL;
    if (isGuestSlot(rules, level, lastSlot, index)) return 0;
    return level === 2 && index < rules.levels[2].entries ? -EPERM : -EINVAL;
  };

  /** Writes an entry over `old`, and lets the hypervisor flush before what `old` led to can become something else. */
  const install = (place: EntryPlace, index: number, old: TableEntry, entry: TableEntry): void => {
    entryMemory.write(place.rules, place.table, index, entry);
    if (!isPresent(old)) return;
    if (place.level > 1) parts.tableChanged(place.domain, place.level, place.table, index);
    else if (frameOfEntry(old) < store.frameCount) parts.flush(frameOfEntry(old));
  };

  const replace = (
    place: EntryPlace,
    index: number,
    wanted: TableEntry,
    keepsAccessedDirty: boolean,
  ): number => {
    const old = entryMemory.read(place.rules, place.table, index);
    const kept = keepsAccessedDirty ? old.low & ACCESSED_DIRTY : 0;
    const entry = storedEntry(place.rules, place.level, {
      low: (wanted.low | kept) >>> 0,
      high: wanted.high,
    });
    if (isPresent(entry) && isPresent(old) && isHarmlessChange(old, entry)) {
      if (!isAllowedEntry(place.rules, place.level, entry.low, entry.high)) return -EINVAL;
      install(place, index, old, entry);
      return 0;
    }
    if (isPresent(entry)) {
      const error = entries.get(place, entry.low, entry.high);
      if (error !== 0) return error;
    }
    install(place, index, old, entry);
    entries.put(place, old.low, old.high);
    return 0;
  };

  /** The part of an entry that a format has: two-level entries have no high word. */
  const fitted = ({ shape }: TableRules, entry: TableEntry): TableEntry =>
    shape.entryBytes === 4 && entry.high !== 0 ? { low: entry.low, high: 0 } : entry;

  const updateEntry = (table: number, index: number, entry: TableEntry, update: EntryUpdate): number => {
    if (!(table >= 0 && table < store.frameCount) || at(store.owner, table) !== update.domain) return -EINVAL;
    const level = levelOf(table);
    if (level === 0 || (level > 1 && update.mapped !== update.domain)) return -EINVAL;
    const { rules } = domains.get(update.domain);
    const refused = refusedSlot(rules, level, hasFlag(store, table, FRAME_FLAG.lastSlot), index);
    if (refused !== 0) return refused;
    parts.worked(1);
    const place = { rules, level, table, domain: update.domain, mapped: update.mapped, lastSlot: false };
    // Held, so that the table cannot cease to be one while it is changed.
    references.take(table);
    references.takeType(table);
    const result = replace(place, index, fitted(rules, entry), update.preserveAccessedDirty === true);
    references.putAndType(table);
    return result;
  };

  return {
    levelOf,
    updateEntry,
    storeEntry(frame, offset, entry, update) {
      const rules = domains.find(update.domain)?.rules;
      if (rules === undefined || !references.getOwned(frame, update.domain)) return -EINVAL;
      const index = Math.floor(offset / rules.shape.entryBytes);
      let result = 0;
      if (levelOf(frame) !== 0) {
        result = updateEntry(frame, index, entry, update);
      } else if (references.getType(frame, FRAME_TYPE.writable) === 0) {
        entryMemory.write(rules, frame, index, entry);
        references.putType(frame);
      } else {
        result = -EINVAL;
      }
      references.put(frame);
      return result;
    },
    level1Place(table, index, domain) {
      if (!(table >= 0 && table < store.frameCount) || at(store.owner, table) !== domain) return null;
      const { rules } = domains.get(domain);
      if (levelOf(table) !== 1 || !isGuestSlot(rules, 1, false, index)) return null;
      return { rules, level: 1, table, domain, mapped: domain, lastSlot: false };
    },
    replaceUncounted(place, index, entry, dropsOld) {
      const old = entryMemory.read(place.rules, place.table, index);
      install(place, index, old, entry);
      if (dropsOld) entries.put(place, old.low, old.high);
    },
  };
};
