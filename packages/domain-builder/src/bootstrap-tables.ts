import { type Mfn, PAGE_SIZE } from "@xenolith/machine-interface";
import { entryHigh, entryLow, PTE, tableIndex } from "@xenolith/x86-architecture";
import type { GuestWidth } from "@xenolith/xen-abi";
import { type MemoryPlan, tablePages } from "./memory-plan.ts";

/** A page table of the start of day and the pseudo-physical page it goes to. */
export interface BootstrapTable {
  readonly page: number;
  readonly bytes: Uint8Array;
}

/** Flag bits of entries at a level: 32-bit kernels run in ring 1 and need no USER; a PAE root takes only PRESENT. */
const flagsAt = (width: GuestWidth, level: number): number => {
  if (width === "x86_32p" && level === 3) return PTE.present;
  const common = PTE.present | PTE.writable | PTE.accessed;
  if (level === 1) return width === "x86_64" ? common | PTE.dirty | PTE.user : common | PTE.dirty;
  return common | PTE.dirty | PTE.user;
};

/**
 * Builds the page tables that map a domain's first pages from `base` on, page for page; pages that hold tables are mapped
 * read-only.
 * @param frames - machine frame of each pseudo-physical page.
 */
export const buildBootstrapTables = (
  width: GuestWidth,
  plan: MemoryPlan,
  base: number,
  frames: readonly Mfn[],
): BootstrapTable[] => {
  const { shape, tables: run } = plan;
  const below = tablePages(shape, base, plan.mappedPages);
  const tables = [{ level: shape.levels, covers: 0 }, ...below].map((table, index) => ({
    ...table,
    page: run.first + index,
    bytes: new Uint8Array(PAGE_SIZE),
  }));

  const setEntry = (bytes: Uint8Array, index: number, page: number, flags: number): void => {
    const view = new DataView(bytes.buffer);
    const frame = frames[page] ?? 0;
    view.setUint32(index * shape.entryBytes, entryLow(frame, flags), true);
    if (shape.entryBytes === 8) view.setUint32(index * 8 + 4, entryHigh(frame), true);
  };
  /** The table of `level` that covers an address; the root covers all. */
  const tableFor = (level: number, address: number) =>
    tables.find((table) => {
      if (table.level !== level) return false;
      if (level === shape.levels) return true;
      const span = 2 ** (12 + shape.indexBits * level);
      return table.covers === Math.floor(address / span) * span;
    });

  for (const table of tables.slice(1)) {
    const parent = tableFor(table.level + 1, table.covers);
    if (parent === undefined) continue;
    setEntry(
      parent.bytes,
      tableIndex(shape, table.level + 1, table.covers),
      table.page,
      flagsAt(width, table.level + 1),
    );
  }
  for (let page = 0; page < plan.mappedPages; page++) {
    const address = base + page * PAGE_SIZE;
    const isTable = page >= run.first && page < run.first + run.count;
    const flags = flagsAt(width, 1) & ~(isTable ? PTE.writable : 0);
    const table = tableFor(1, address);
    if (table !== undefined) setEntry(table.bytes, tableIndex(shape, 1, address), page, flags);
  }
  return tables.map(({ page, bytes }) => ({ page, bytes }));
};
