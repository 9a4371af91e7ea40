import {
  type LinearAddress,
  type MachineAddress,
  type Mfn,
  PAGE_SIZE,
  toMachineAddress,
} from "@xenolith/machine-interface";
import { tableIndex } from "@xenolith/x86-architecture";
import type { EntryMemory } from "./internal/entry-memory.ts";
import { frameOfEntry, isPresent, type TableRules } from "./table-rules.ts";
import type { TableLevel } from "./types.ts";

/**
 * Walks from a validated root down to the entry that maps a page, whatever that entry is. The table it stands in may be of
 * a higher level where the guest looks at its tables through a linear mapping.
 * @returns the machine address of the entry, or null when an upper level is not present.
 */
export const findLevel1Entry = (
  memory: EntryMemory,
  rules: TableRules,
  root: Mfn,
  address: LinearAddress,
): MachineAddress | null => {
  let table: number = root;
  for (let level = rules.rootLevel; level > 1; level = (level - 1) as TableLevel) {
    const entry = memory.read(rules, table, tableIndex(rules.shape, level, address));
    if (!isPresent(entry)) return null;
    table = frameOfEntry(entry);
  }
  return toMachineAddress(table * PAGE_SIZE + tableIndex(rules.shape, 1, address) * rules.shape.entryBytes);
};
