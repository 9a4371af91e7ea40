import { toMfn } from "@xenolith/machine-interface";
import { DOMID_INVALID, DOMID_IO, type DomId } from "@xenolith/xen-abi";
import type { FrameDomains } from "./domains.ts";
import type { FreeFrames } from "./free-frames.ts";
import type { EntryMemory } from "./internal/entry-memory.ts";
import { add, at, FRAME_FLAG, type FrameStore, hasFlag } from "./internal/frame-store.ts";
import { isLastSlotEntry } from "./table-contents.ts";
import {
  frameOfEntry,
  isAllowedEntry,
  isGuestSlot,
  isPresent,
  isWritable,
  slotCount,
  storedEntry,
  type TableRules,
} from "./table-rules.ts";
import {
  FRAME_TYPE,
  type InvariantCheckOptions,
  type InvariantViolation,
  type TableEntry,
  type TableLevel,
} from "./types.ts";

/** What is checked. */
export interface InvariantParts {
  readonly store: FrameStore;
  readonly domains: FrameDomains;
  readonly freeFrames: FreeFrames;
  readonly entryMemory: EntryMemory;
  readonly levelOf: (frame: number) => TableLevel | 0;
}

/** Findings are cut off here: one broken law shows up in many frames. */
const MOST_VIOLATIONS = 100;

/** Counts as they follow from ownership, pins, outside holders and the entries of all tables. */
interface Expected {
  readonly count: Uint32Array;
  readonly typeCount: Uint32Array;
  /** Entries here that lead to tables of the same level, and entries elsewhere that lead here so. */
  readonly linearEntries: Uint32Array;
  readonly linearUses: Uint32Array;
}

/** Checks all laws of a frame table by walking it. Works from the store and memory alone, not from the code that changes them. */
export const checkInvariants = (
  parts: InvariantParts,
  options: InvariantCheckOptions,
): InvariantViolation[] => {
  const { store, domains, entryMemory, levelOf } = parts;
  const violations: InvariantViolation[] = [];
  const report = (frame: number, problem: string): void => {
    if (violations.length < MOST_VIOLATIONS) violations.push({ frame: toMfn(frame), problem });
  };
  const expected: Expected = {
    count: store.heldCount.slice(),
    typeCount: store.heldTypeCount.slice(),
    linearEntries: new Uint32Array(store.frameCount),
    linearUses: new Uint32Array(store.frameCount),
  };

  const checkData = (table: number, domain: DomId, entry: TableEntry): void => {
    const frame = frameOfEntry(entry);
    if (frame >= store.frameCount || at(store.owner, frame) === DOMID_IO) return;
    add(expected.count, frame, 1);
    const writable = isWritable(entry);
    if (at(store.owner, frame) !== domain && !(options.mayMap?.(domain, toMfn(frame), writable) ?? false)) {
      report(frame, `is mapped by domain ${domain} in table ${table}, which may not`);
    }
    if (!writable) return;
    add(expected.typeCount, frame, 1);
    if (at(store.type, frame) !== FRAME_TYPE.writable)
      report(frame, `is mapped writable in table ${table} as type ${at(store.type, frame)}`);
  };

  const checkUpper = (
    rules: TableRules,
    table: number,
    level: TableLevel,
    index: number,
    entry: TableEntry,
  ): void => {
    const frame = frameOfEntry(entry);
    if (frame === table) {
      if (isWritable(entry)) report(table, "leads to itself writable");
      return;
    }
    if (frame >= store.frameCount) {
      report(table, `leads to frame ${frame}, which does not exist`);
      return;
    }
    add(expected.count, frame, 1);
    add(expected.typeCount, frame, 1);
    if (at(store.owner, frame) !== at(store.owner, table))
      report(frame, `is a table of another domain than ${table}`);
    const below = levelOf(frame);
    if (below === level) {
      add(expected.linearEntries, table, 1);
      add(expected.linearUses, frame, 1);
      if (isWritable(entry)) report(frame, `is mapped writable as a linear table in ${table}`);
    } else if (below !== level - 1)
      report(frame, `stands in level ${level} table ${table} but has level ${below}`);
    const isLast = isLastSlotEntry(rules, level, index);
    if (below === level - 1 && hasFlag(store, frame, FRAME_FLAG.lastSlot) !== isLast) {
      report(frame, `stands in slot ${index} of ${table} against its kind`);
    }
  };

  const checkEntry = (rules: TableRules, table: number, level: TableLevel, index: number): void => {
    const domain = at(store.owner, table) as DomId;
    const entry = entryMemory.read(rules, table, index);
    if (!isGuestSlot(rules, level, hasFlag(store, table, FRAME_FLAG.lastSlot), index)) {
      if (entry.low !== 0 || entry.high !== 0)
        report(table, `has something in slot ${index}, which is the monitor's`);
      return;
    }
    if (!isPresent(entry)) {
      if (isLastSlotEntry(rules, level, index)) report(table, "lacks its last slot");
      return;
    }
    const stored = storedEntry(rules, level, entry);
    const isFit =
      isAllowedEntry(rules, level, entry.low, entry.high) &&
      stored.low === entry.low &&
      stored.high === entry.high;
    if (!isFit) report(table, `has a bad entry in slot ${index}`);
    if (level === 1) checkData(table, domain, entry);
    else checkUpper(rules, table, level, index, entry);
  };

  const checkTable = (table: number, level: TableLevel): void => {
    const rules = domains.find(at(store.owner, table) as DomId)?.rules;
    if (rules === undefined) {
      report(table, "is a table of nobody");
      return;
    }
    for (let index = 0; index < slotCount(rules); index++) checkEntry(rules, table, level, index);
  };

  /** A free frame carries nothing. A stolen one is on its way from one owner to the next. */
  const checkUnowned = (frame: number): void => {
    const isBlank =
      at(store.count, frame) === 0 &&
      at(store.typeCount, frame) === 0 &&
      at(store.type, frame) === FRAME_TYPE.none &&
      (at(store.flags, frame) & ~FRAME_FLAG.stolen) === 0;
    if (!isBlank) report(frame, "belongs to nobody but is not blank");
  };

  const checkOwned = (frame: number): void => {
    if (hasFlag(store, frame, FRAME_FLAG.allocated)) add(expected.count, frame, 1);
    if (hasFlag(store, frame, FRAME_FLAG.lent)) add(expected.typeCount, frame, 1);
    if (hasFlag(store, frame, FRAME_FLAG.pinned)) {
      add(expected.count, frame, 1);
      add(expected.typeCount, frame, 1);
      if (levelOf(frame) === 0) report(frame, "is pinned but no table");
    }
    if (at(store.typeCount, frame) > 0 && !hasFlag(store, frame, FRAME_FLAG.validated)) {
      report(frame, "is in use as a type it was not checked for");
    }
    const level = levelOf(frame);
    if (level !== 0) checkTable(frame, level);
    const roots = at(store.typeCount, frame) - Math.max(at(store.linear, frame), 0);
    if (hasFlag(store, frame, FRAME_FLAG.lastSlot) && roots > 1) {
      report(frame, "stands in the last slot of several roots");
    }
  };

  const checkCounts = (frame: number): void => {
    const isReserved = at(store.owner, frame) === DOMID_IO;
    const linear = at(expected.linearUses, frame) - at(expected.linearEntries, frame);
    if (at(expected.linearUses, frame) > 0 && at(expected.linearEntries, frame) > 0) {
      report(frame, "has linear entries and stands in such entries");
    }
    const counts = [
      ["references", store.count, at(expected.count, frame) + (isReserved ? 1 : 0)],
      ["uses", store.typeCount, at(expected.typeCount, frame)],
      ["linear uses", store.linear, linear],
    ] as const;
    for (const [name, array, wanted] of counts) {
      if (at(array, frame) !== wanted)
        report(frame, `has ${at(array, frame)} ${name}, but ${wanted} were found`);
    }
  };

  const checkFree = (): void => {
    const free = new Set<number>(parts.freeFrames.list());
    if (free.size !== parts.freeFrames.count) report(0, "free frames are listed twice");
    for (let frame = 0; frame < store.frameCount; frame++) {
      const isUnowned = at(store.owner, frame) === DOMID_INVALID && !hasFlag(store, frame, FRAME_FLAG.stolen);
      if (free.has(frame) !== isUnowned) report(frame, isUnowned ? "is lost" : "is free but has an owner");
    }
  };

  const checkPages = (): void => {
    const pages = new Map<number, number>();
    for (let frame = 0; frame < store.frameCount; frame++) {
      if (hasFlag(store, frame, FRAME_FLAG.monitor)) continue;
      pages.set(at(store.owner, frame), (pages.get(at(store.owner, frame)) ?? 0) + 1);
    }
    for (const domain of domains.all()) {
      const found = pages.get(domain.id) ?? 0;
      if (found !== domain.pages)
        report(0, `domain ${domain.id} has ${domain.pages} pages, but ${found} were found`);
    }
  };

  for (let frame = 0; frame < store.frameCount; frame++) {
    if (at(store.owner, frame) === DOMID_INVALID) checkUnowned(frame);
    else checkOwned(frame);
  }
  for (let frame = 0; frame < store.frameCount; frame++) checkCounts(frame);
  checkFree();
  checkPages();
  return violations;
};
