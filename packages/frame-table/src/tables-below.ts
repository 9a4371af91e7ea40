import { type Mfn, toMfn } from "@xenolith/machine-interface";
import { entryFrame, PTE } from "@xenolith/x86-architecture";
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
  /** Whether to look for tables that are validated, or for frames that are to become tables. */
  readonly validated: boolean;
  /** Counts looked-at entries. */
  readonly worked: (entries: number) => void;
}

/** A table that leads to others. */
interface Upper {
  readonly table: Mfn;
  /** Stands in the last slot of a PAE root. */
  readonly lastSlot: boolean;
}

/**
 * The tables below one, each once and at the highest level it is met at, lowest levels first and otherwise in the order in
 * which validation reaches them. The table of a PAE root's last slot is left out, which is a table only there.
 */
export const tablesBelow = (walk: TreeWalk, root: Mfn, level: TableLevel): TableBelow[] => {
  const { memory, store, rules, domain, validated } = walk;
  const seen = new Set<number>([root]);
  const found: TableBelow[] = [];

  const isWanted = (frame: number, as: TableLevel): boolean =>
    !seen.has(frame) &&
    frameExists(store, frame) &&
    at(store.owner, frame) === domain &&
    walk.levelOf(frame) === (validated ? as : 0);

  /** Adds the tables of one level that those of the level above lead to. */
  const descend = (above: readonly Upper[], aboveLevel: TableLevel): void => {
    const below = (aboveLevel - 1) as TableLevel;
    const next: Upper[] = [];
    for (const { table, lastSlot } of above) {
      walk.worked(rules.levels[aboveLevel].entries);
      for (let index = 0; index < rules.levels[aboveLevel].entries; index++) {
        const low = memory.low(rules, table, index);
        if ((low & PTE.present) === 0 || !isGuestSlot(rules, aboveLevel, lastSlot, index)) continue;
        const frame = entryFrame(low, memory.high(rules, table, index));
        if (!isWanted(frame, below)) continue;
        const met = { table: toMfn(frame), lastSlot: isLastSlotEntry(rules, aboveLevel, index) };
        seen.add(frame);
        next.push(met);
        if (!met.lastSlot) found.push({ table: met.table, level: below });
      }
    }
    if (below > 1) descend(next, below);
  };

  if (level > 1) descend([{ table: root, lastSlot: false }], level);
  return found.sort((a, b) => a.level - b.level);
};
