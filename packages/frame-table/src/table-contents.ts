import { type DomId, EINVAL } from "@xenolith/xen-abi";
import { checkDescriptorPage } from "./descriptor-page.ts";
import type { FrameDomains } from "./domains.ts";
import type { EntryPlace, EntryReferences } from "./entry-references.ts";
import type { EntryMemory } from "./internal/entry-memory.ts";
import { at, FRAME_FLAG, type FrameStore, hasFlag } from "./internal/frame-store.ts";
import type { TypeContents } from "./references.ts";
import { isGuestSlot, isPresent, slotCount, storedEntry, type TableRules } from "./table-rules.ts";
import { FRAME_TYPE, type TableEntry, type TableLevel } from "./types.ts";

/** What the contents of tables are checked with. */
export interface TableContentsParts {
  readonly store: FrameStore;
  readonly domains: FrameDomains;
  readonly entries: EntryReferences;
  readonly entryMemory: EntryMemory;
  /** Counts looked-at entries. */
  readonly worked: (entries: number) => void;
  /** A table stopped being one. */
  readonly tableChanged: (domain: DomId, level: TableLevel) => void;
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

  /** Runs over the slots that the processor walks and the guest owns. Stops at the first non-zero answer. */
  const eachGuestSlot = (
    rules: TableRules,
    level: TableLevel,
    lastSlot: boolean,
    visit: (index: number) => number,
  ): number => {
    const count = rules.levels[level].entries;
    for (let index = 0; index < count; index++) {
      if (!isGuestSlot(rules, level, lastSlot, index)) continue;
      const answer = visit(index);
      if (answer !== 0) return answer;
    }
    return 0;
  };

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

  const isSame = (a: TableEntry, b: TableEntry): boolean => a.low === b.low && a.high === b.high;

  const validateTable = (table: number, level: TableLevel, lastSlot: boolean): number => {
    const domain = at(store.owner, table) as DomId;
    const rules = domains.find(domain)?.rules;
    if (rules === undefined || level > rules.rootLevel) return -EINVAL;
    parts.worked(rules.levels[level].entries);
    clearForeignSlots(rules, level, lastSlot, table);

    /** First slot whose entry holds nothing yet. */
    let done = 0;
    const error = eachGuestSlot(rules, level, lastSlot, (index) => {
      const entry = entryMemory.read(rules, table, index);
      const leadsToLast = isLastSlotEntry(rules, level, index);
      if (isPresent(entry)) {
        const place: EntryPlace = { rules, level, table, domain, mapped: domain, lastSlot: leadsToLast };
        const refused = entries.get(place, entry);
        if (refused !== 0) return refused;
        const stored = storedEntry(rules, level, entry);
        if (!isSame(stored, entry)) entryMemory.write(rules, table, index, stored);
      } else if (leadsToLast) return -EINVAL;
      done = index + 1;
      return 0;
    });
    if (error !== 0) dropEntries(rules, table, level, lastSlot, domain, done);
    return error;
  };

  const dropEntries = (
    rules: TableRules,
    table: number,
    level: TableLevel,
    lastSlot: boolean,
    domain: DomId,
    end: number,
  ): void => {
    parts.tableChanged(domain, level);
    eachGuestSlot(rules, level, lastSlot, (index) => {
      if (index < end) entries.put({ level, table, domain }, entryMemory.read(rules, table, index));
      return 0;
    });
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
