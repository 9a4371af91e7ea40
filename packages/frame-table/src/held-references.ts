import { HostError, toMfn } from "@xenolith/machine-interface";
import { type DomId, EINVAL } from "@xenolith/xen-abi";
import type { EntryReferences } from "./entry-references.ts";
import type { EntryMemory } from "./internal/entry-memory.ts";
import { add, at, type FrameStore } from "./internal/frame-store.ts";
import type { References } from "./references.ts";
import { frameOfEntry, isAllowedEntry, isPresent, isWritable, storedEntry } from "./table-rules.ts";
import type { EntryPosition, FrameTable, TableEntry } from "./types.ts";
import type { EntryUpdater } from "./update-entry.ts";

/** What references of outside callers are kept with. */
export interface HeldReferencesParts {
  readonly store: FrameStore;
  readonly references: References;
  readonly entries: EntryReferences;
  readonly entryMemory: EntryMemory;
  readonly updater: EntryUpdater;
  readonly flush: (frame: number) => void;
}

/** The part of the frame table by which others hold frames. */
export type HeldReferences = Pick<
  FrameTable,
  "getPage" | "putPage" | "getPageAndType" | "putPageAndType" | "installHeld" | "withdrawHeld"
>;

const EMPTY = { low: 0, high: 0 };

/**
 * Makes the references that callers outside of this package take: page-table bases, descriptor tables, grants, handles. They
 * are counted apart as well, so that the invariant checker can tell theirs from those of tables.
 */
export const createHeldReferences = (parts: HeldReferencesParts): HeldReferences => {
  const { store, references, entries, updater, entryMemory } = parts;
  const { heldCount, heldTypeCount } = store;

  const takeHold = (array: Uint32Array, frame: number): void => add(array, frame, 1);

  const dropHold = (array: Uint32Array, frame: number): void => {
    if (at(array, frame) === 0) throw new HostError("frame-reference", `frame ${frame} is not held`);
    add(array, frame, -1);
  };

  /** Empties a level-1 entry and gives what it was, with the references that it holds. null: there is no such entry. */
  const takeEntry = (from: EntryPosition, domain: DomId): TableEntry | null => {
    const place = updater.level1Place(from.table, from.index, domain);
    if (place === null) return null;
    const entry = entryMemory.read(place.rules, from.table, from.index);
    updater.replaceUncounted(place, from.index, EMPTY, false);
    return entry;
  };

  return {
    getPage(frame, domain) {
      if (!references.getOwned(frame, domain)) return false;
      takeHold(heldCount, frame);
      return true;
    },
    putPage(frame) {
      dropHold(heldCount, frame);
      references.put(frame);
    },
    getPageAndType(frame, domain, type) {
      const error = references.getOwnedAndType(frame, domain, type);
      if (error === 0) {
        takeHold(heldCount, frame);
        takeHold(heldTypeCount, frame);
      }
      return error;
    },
    putPageAndType(frame) {
      dropHold(heldCount, frame);
      dropHold(heldTypeCount, frame);
      references.putAndType(frame);
    },
    installHeld(table, index, entry, domain: DomId) {
      const place = updater.level1Place(table, index, domain);
      if (place === null || !isPresent(entry) || !isAllowedEntry(place.rules, 1, entry.low, entry.high))
        return -EINVAL;
      const frame = frameOfEntry(entry);
      if (!(frame < store.frameCount)) return -EINVAL;
      dropHold(heldCount, frame);
      if (isWritable(entry)) dropHold(heldTypeCount, frame);
      updater.replaceUncounted(place, index, storedEntry(place.rules, 1, entry), true);
      return 0;
    },
    withdrawHeld(table, index, frame, writable, domain: DomId, replacement) {
      const moved = replacement === undefined ? EMPTY : takeEntry(replacement, domain);
      const place = updater.level1Place(table, index, domain);
      if (moved === null || place === null) return -EINVAL;
      const entry = entryMemory.read(place.rules, table, index);
      const fits = isPresent(entry) && frameOfEntry(entry) === frame && isWritable(entry) === writable;
      if (!fits) {
        if (replacement !== undefined)
          entries.put({ ...place, table: replacement.table }, moved.low, moved.high);
        return -EINVAL;
      }
      updater.replaceUncounted(place, index, moved, false);
      takeHold(heldCount, frame);
      if (writable) takeHold(heldTypeCount, frame);
      parts.flush(toMfn(frame));
      return 0;
    },
  };
};
