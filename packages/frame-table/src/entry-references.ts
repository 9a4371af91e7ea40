import { entryFrame, PTE } from "@xenolith/x86-architecture";
import { DOMID_IO, type DomId, EBUSY, EINVAL, EPERM } from "@xenolith/xen-abi";
import { add, at, FRAME_FLAG, type FrameStore, hasFlag } from "./internal/frame-store.ts";
import type { References } from "./references.ts";
import { isAllowedEntry, type TableRules } from "./table-rules.ts";
import { FRAME_TYPE, type FrameType, type TableLevel } from "./types.ts";

/** Whose table an entry stands in, where, and whose frames it may map. */
export interface EntryPlace {
  readonly rules: TableRules;
  readonly level: TableLevel;
  /** Frame of the table. */
  readonly table: number;
  /** Owner of the table. */
  readonly domain: DomId;
  /** Owner of the frames that a level-1 entry may lead to. */
  readonly mapped: DomId;
  /** The entry is number 3 of a PAE root. */
  readonly lastSlot: boolean;
}

/** References that present entries hold to the frames they lead to. */
export interface EntryReferences {
  /** Checks a present entry and takes what it needs. @returns 0, or the errno Xen gives; then nothing is held. */
  get(place: EntryPlace, low: number, high: number): number;
  /** Gives back what a present entry holds. */
  put(place: Pick<EntryPlace, "level" | "table" | "domain">, low: number, high: number): void;
}

/** What entries need apart from the counts. */
export interface EntryReferencesParts {
  readonly store: FrameStore;
  readonly references: References;
  readonly flush: (frame: number) => void;
  /** Whether a domain may map a frame that is no RAM. */
  readonly ioPermitted: (domain: DomId, frame: number) => boolean;
}

/** Frame number with all of bits 39:0 set, by which guests say "none". */
const INVALID_FRAME = 2 ** 40 - 1;

/** Makes the entry side of a frame table. */
export const createEntryReferences = (parts: EntryReferencesParts): EntryReferences => {
  const { store, references, flush, ioPermitted } = parts;

  const isIo = (frame: number): boolean => frame >= store.frameCount || at(store.owner, frame) === DOMID_IO;

  /** [XEN xen.h] "DOMID_IO": what is no RAM is mapped by permission and not counted. */
  const getIo = (place: EntryPlace, frame: number): number => {
    const permitted =
      (place.mapped === DOMID_IO || ioPermitted(place.mapped, frame)) && ioPermitted(place.domain, frame);
    if (permitted) return 0;
    return frame === INVALID_FRAME ? -EINVAL : -EPERM;
  };

  const getData = (place: EntryPlace, low: number, high: number): number => {
    const frame = entryFrame(low, high);
    if (isIo(frame)) return getIo(place, frame);
    if (!references.getOwned(frame, place.mapped)) return -EBUSY;
    if ((low & PTE.writable) !== 0 && references.getType(frame, FRAME_TYPE.writable) !== 0) {
      references.put(frame);
      return -EBUSY;
    }
    return 0;
  };

  /**
   * Lets a table stand in another of its own level, so that a guest can see its tables in its address space. Only read-only;
   * only a table that is complete; and no table does both, or their uses could form a circle that never ends. A table that
   * stands in itself is not counted.
   */
  const getLinear = (place: EntryPlace, low: number, high: number): boolean => {
    if ((low & PTE.writable) !== 0) return false;
    const frame = entryFrame(low, high);
    const { table } = place;
    if (frame === table) return true;
    if (at(store.linear, table) > 0 || !references.getOwned(frame, place.domain)) return false;
    const isComplete =
      at(store.type, frame) === place.level &&
      at(store.typeCount, frame) > 0 &&
      hasFlag(store, frame, FRAME_FLAG.validated);
    if (!isComplete || at(store.linear, frame) < 0) {
      references.put(frame);
      return false;
    }
    references.takeType(frame);
    add(store.linear, table, -1);
    add(store.linear, frame, 1);
    return true;
  };

  const getTable = (place: EntryPlace, low: number, high: number): number => {
    const frame = entryFrame(low, high);
    const below = (place.level - 1) as FrameType;
    const error = references.getOwnedAndType(frame, place.domain, below, place.lastSlot);
    // The table behind slot 3 belongs to one root alone.
    if (error === 0 && place.lastSlot && at(store.typeCount, frame) !== 1) {
      references.putAndType(frame);
      return -EINVAL;
    }
    const mayBeLinear = place.rules.width !== "x86_32p" || place.level === 2;
    return error === -EINVAL && mayBeLinear && getLinear(place, low, high) ? 0 : error;
  };

  return {
    get(place, low, high) {
      if (!isAllowedEntry(place.rules, place.level, low, high)) return -EINVAL;
      return place.level === 1 ? getData(place, low, high) : getTable(place, low, high);
    },
    put({ level, table, domain }, low, high) {
      if ((low & PTE.present) === 0) return;
      const frame = entryFrame(low, high);
      if (level === 1) {
        if (isIo(frame)) return;
        // A foreign owner must be able to rely on the end of a mapping; one's own stale mappings are one's own affair.
        if (at(store.owner, frame) !== domain) flush(frame);
        if ((low & PTE.writable) !== 0) references.putType(frame);
        references.put(frame);
        return;
      }
      if (frame === table) return;
      if (at(store.type, frame) === level) {
        add(store.linear, frame, -1);
        add(store.linear, table, 1);
      }
      references.putAndType(frame);
    },
  };
};
