import { PTE } from "@xenolith/x86-architecture";
import { type DomId, EINVAL } from "@xenolith/xen-abi";
import { checkDescriptorPage } from "./descriptor-page.ts";
import type { FrameDomains } from "./domains.ts";
import type { EntryPlace, EntryReferences } from "./entry-references.ts";
import type { EntryMemory } from "./internal/entry-memory.ts";
import { at, FRAME_FLAG, type FrameStore, hasFlag } from "./internal/frame-store.ts";
import type { TypeContents } from "./references.ts";
import { isGuestSlot, slotCount, storedHigh, storedLow, type TableRules } from "./table-rules.ts";
import { FRAME_TYPE, type TableLevel } from "./types.ts";

/** Tells of a change in a table above level 1: one present entry (`index`), or all of them (null). */
export type TableChanged = (domain: DomId, level: TableLevel, table: number, index: number | null) => void;

/** What the contents of tables are checked with. */
export interface TableContentsParts {
  readonly store: FrameStore;
  readonly domains: FrameDomains;
  readonly entries: EntryReferences;
  readonly entryMemory: EntryMemory;
  /** Counts looked-at entries. */
  readonly worked: (entries: number) => void;
  /** A table above level 1 stopped being one. */
  readonly tableChanged: TableChanged;
}

/** Slot of a PAE root whose table holds the monitor's range. */
export const PAE_LAST_SLOT = 3;

/** Whether entry `index` of a table is the one of a PAE root that leads to the monitor's range. */
export const isLastSlotEntry = (rules: TableRules, level: TableLevel, index: number): boolean =>
  rules.width === "x86_32p" && level === 3 && index === PAE_LAST_SLOT;

/**
 * Makes the part that turns frames into page tables and back: every entry of a new table is checked and takes its
 * references, as Xen does on promotion, and gives them back on demotion. [XEN xen.h] mmuext_op
 */
export const createTableContents = (parts: TableContentsParts): TypeContents => {
  const { store, domains, entries, entryMemory } = parts;

  /** What a guest left in slots that are not its own must not be walked: the monitor's are empty here. */
  const clearForeignSlots = (
    rules: TableRules,
    level: TableLevel,
    lastSlot: boolean,
    table: number,
  ): void => {
    const { entries: count, monitorFirst, monitorEnd } = rules.levels[level];
    if (!isGuestSlot(rules, level, lastSlot, monitorFirst))
      entryMemory.clear(rules, table, monitorFirst, monitorEnd);
    if (count < slotCount(rules)) entryMemory.clear(rules, table, count, slotCount(rules));
  };

  const validateTable = (table: number, level: TableLevel, lastSlot: boolean): number => {
    const domain = at(store.owner, table) as DomId;
    const rules = domains.find(domain)?.rules;
    if (rules === undefined || level > rules.rootLevel) return -EINVAL;
    const { entries: count } = rules.levels[level];
    parts.worked(count);
    clearForeignSlots(rules, level, lastSlot, table);

    const place: EntryPlace = { rules, level, table, domain, mapped: domain, lastSlot: false };
    const refuse = (error: number, end: number): number => {
      dropEntries(rules, table, level, lastSlot, domain, end);
      return error;
    };
    const next = (index: number): number => entryMemory.nextPresent(rules, table, index, count);
    for (let index = next(0); index < count; index = next(index + 1)) {
      if (!isGuestSlot(rules, level, lastSlot, index)) continue;
      const low = entryMemory.low(rules, table, index);
      const leadsToLast = isLastSlotEntry(rules, level, index);
      const high = entryMemory.high(rules, table, index);
      const error = entries.get(leadsToLast ? { ...place, lastSlot: true } : place, low, high);
      if (error !== 0) return refuse(error, index);
      const stored = { low: storedLow(rules, level, low, high), high: storedHigh(rules, level, low, high) };
      if (stored.low !== low || stored.high !== high) entryMemory.write(rules, table, index, stored);
    }
    const lacksLast =
      isLastSlotEntry(rules, level, PAE_LAST_SLOT) &&
      (entryMemory.low(rules, table, PAE_LAST_SLOT) & PTE.present) === 0;
    return lacksLast ? refuse(-EINVAL, count) : 0;
  };

  const dropEntries = (
    rules: TableRules,
    table: number,
    level: TableLevel,
    lastSlot: boolean,
    domain: DomId,
    end: number,
  ): void => {
    // A table of level 1 had to lose all that led to it first.
    if (level > 1) parts.tableChanged(domain, level, table, null);
    const place = { level, table, domain };
    const next = (index: number): number => entryMemory.nextPresent(rules, table, index, end);
    for (let index = next(0); index < end; index = next(index + 1)) {
      if (!isGuestSlot(rules, level, lastSlot, index)) continue;
      entries.put(place, entryMemory.low(rules, table, index), entryMemory.high(rules, table, index));
    }
  };

  return {
    validate(frame, type, lastSlot) {
      if (type === FRAME_TYPE.descriptors) {
        parts.worked(512);
        const width = domains.find(at(store.owner, frame) as DomId)?.rules.width;
        return width === undefined ? -EINVAL : checkDescriptorPage(entryMemory, frame, width);
      }
      return validateTable(frame, type as TableLevel, lastSlot);
    },
    devalidate(frame, type) {
      const domain = at(store.owner, frame) as DomId;
      const { rules } = domains.get(domain);
      const level = type as TableLevel;
      const { entries: count } = rules.levels[level];
      parts.worked(count);
      dropEntries(rules, frame, level, hasFlag(store, frame, FRAME_FLAG.lastSlot), domain, count);
    },
  };
};
