import { type Mfn, PAGE_SIZE } from "@xenolith/machine-interface";
import { entryHigh, entryLow, PTE, tableIndex } from "@xenolith/x86-architecture";
import type { GuestWidth } from "@xenolith/xen-abi";
import { type Mapping, type MemoryPlan, type PageRun, plannedTables, type TablePage } from "./memory-plan.ts";

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

const isIn = (run: PageRun, page: number): boolean => page >= run.first && page < run.first + run.count;

/** Tables with the pages they go to and their bytes. */
const placed = (tables: readonly TablePage[], run: PageRun) =>
  tables.map((table, index) => {
    const bytes = new Uint8Array(PAGE_SIZE);
    return { ...table, page: run.first + index, bytes, view: new DataView(bytes.buffer) };
  });

/**
 * Builds the page tables that map a domain's first pages from `base` on, page for page, and its list of frames where it lies
 * apart; pages that hold tables are mapped read-only.
 * @param frames - machine frame of each pseudo-physical page.
 */
export const buildBootstrapTables = (
  width: GuestWidth,
  plan: MemoryPlan,
  base: number,
  frames: readonly Mfn[],
): BootstrapTable[] => {
  const { shape } = plan;
  const { first, further } = plannedTables(plan, base);
  const root = { level: shape.levels, covers: 0 };
  const tables = [...placed([root, ...first], plan.tables), ...placed(further, plan.frameListTables)];

  const setEntry = (view: DataView, index: number, page: number, flags: number): void => {
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
      parent.view,
      tableIndex(shape, table.level + 1, table.covers),
      table.page,
      flagsAt(width, table.level + 1),
    );
  }
  const map = ({ base: start, pages }: Mapping): void => {
    const writable = flagsAt(width, 1);
    const tableEntries = 1 << shape.indexBits;
    for (let mapped = 0; mapped < pages.count; ) {
      const address = start + mapped * PAGE_SIZE;
      const first = tableIndex(shape, 1, address);
      const end = Math.min(first + pages.count - mapped, tableEntries);
      const table = tableFor(1, address);
      for (let at = first; at < end; at++) {
        const page = pages.first + mapped++;
        const isTable = isIn(plan.tables, page) || isIn(plan.frameListTables, page);
        if (table !== undefined)
          setEntry(table.view, at, page, isTable ? writable & ~PTE.writable : writable);
      }
    }
  };
  map({ base, pages: { first: 0, count: plan.mappedPages } });
  if (further.length > 0) map({ base: plan.frameListBase, pages: plan.frameList });
  return tables.map(({ page, bytes }) => ({ page, bytes }));
};
