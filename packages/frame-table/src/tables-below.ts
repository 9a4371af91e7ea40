import { type Mfn, toMfn } from "@xenolith/machine-interface";
import { entryFrame } from "@xenolith/x86-architecture";
import type { DomId } from "@xenolith/xen-abi";
import type { EntryMemory } from "./internal/entry-memory.ts";
import { at, type FrameStore } from "./internal/frame-store.ts";
import { frameExists } from "./queries.ts";
import { isLastSlotEntry } from "./table-contents.ts";
import { isGuestSlot, type TableRules } from "./table-rules.ts";
import type { TableBelow, TableLevel } from "./types.ts";

/** What a walk below a table needs. */
export interface TreeWalk {
  readonly memory: EntryMemory;
  readonly store: FrameStore;
  readonly rules: TableRules;
  readonly levelOf: (frame: number) => TableLevel | 0;
  readonly domain: DomId;
  /** Whether to look for tables that end with the root, or for frames that are to become tables. */
  readonly validated: boolean;
  /** Counts looked-at entries. */
  readonly worked: (entries: number) => void;
}

/** A table that leads to others, or is led to by others. */
interface Met {
  readonly table: Mfn;
  /** Stands in the last slot of a PAE root. */
  readonly lastSlot: boolean;
  /** Entries of tables above that lead to it. */
  uses: number;
}

/**
 * The tables below one, each once and at the highest level it is met at, lowest levels first and otherwise in the order in
 * which validation reaches them. The table of a PAE root's last slot is left out, which is a table only there. Of validated
 * tables those are left out, with all below them, that are in use elsewhere: they stay tables when the root ceases to be one.
 */
export const tablesBelow = (walk: TreeWalk, root: Mfn, level: TableLevel): TableBelow[] => {
  const { memory, store, rules, domain, validated } = walk;
  const seen = new Map<number, Met>([[root, { table: root, lastSlot: false, uses: 0 }]]);
  const found: TableBelow[] = [];

  const isWanted = (frame: number, as: TableLevel): boolean =>
    frameExists(store, frame) &&
    at(store.owner, frame) === domain &&
    walk.levelOf(frame) === (validated ? as : 0);

  /** Adds the tables that the entries of one lead to. */
  const look = ({ table, lastSlot }: Met, tableLevel: TableLevel, into: Met[]): void => {
    const { entries } = rules.levels[tableLevel];
    walk.worked(entries);
    const next = (from: number): number => memory.nextPresent(rules, table, from, entries);
    for (let index = next(0); index < entries; index = next(index + 1)) {
      if (!isGuestSlot(rules, tableLevel, lastSlot, index)) continue;
      const frame = entryFrame(memory.low(rules, table, index), memory.high(rules, table, index));
      const known = seen.get(frame);
      if (known !== undefined) known.uses++;
      else if (isWanted(frame, (tableLevel - 1) as TableLevel)) {
        const met = { table: toMfn(frame), lastSlot: isLastSlotEntry(rules, tableLevel, index), uses: 1 };
        seen.set(frame, met);
        into.push(met);
      }
    }
  };

  /** Whether all uses have been met. Those by tables of its own level are not counted: a table with such may always end. */
  const isUsedOnlyHere = ({ table, uses }: Met): boolean =>
    at(store.typeCount, table) <= uses || at(store.linear, table) !== 0;

  let above = [...seen.values()];
  for (let from = level; from > 1; from--) {
    const below = (from - 1) as TableLevel;
    const met: Met[] = [];
    for (const table of above) look(table, from, met);
    above = validated ? met.filter(isUsedOnlyHere) : met;
    for (const { table, lastSlot } of above) if (!lastSlot) found.push({ table, level: below });
  }
  return found.sort((a, b) => a.level - b.level);
};
