import { PAGE_SIZE } from "@xenolith/machine-interface";
import { PAGE_TABLE_SHAPE, type PageTableShape } from "@xenolith/x86-architecture";
import { type GuestWidth, longBytes } from "@xenolith/xen-abi";
import { HYPERVISOR_RANGE } from "@xenolith/xen-abi/arch-x86";
import type { KernelImage } from "./kernel-image.ts";
import { type BuildProblem, buildProblem } from "./problem.ts";

/** A run of pseudo-physical pages. */
export interface PageRun {
  readonly first: number;
  readonly count: number;
}

/** Pages mapped one after the other from a linear address on. */
export interface Mapping {
  readonly base: number;
  readonly pages: PageRun;
}

/**
 * Where everything lies at the start of day, in pseudo-physical page numbers, in the order the ABI names: kernel, ramdisk,
 * list of machine frames, start_info, xenstore page, console page, page tables, stack. A ramdisk that the kernel takes by its
 * page number and a list that it wants at an address of its own come behind the pages that are mapped from VIRT_BASE on.
 * [XEN xen.h]
 */
export interface MemoryPlan {
  readonly shape: PageTableShape;
  readonly ramdisk: PageRun;
  readonly frameList: PageRun;
  /** Linear address of the list of frames. */
  readonly frameListBase: number;
  readonly startInfo: number;
  readonly store: number;
  readonly console: number;
  /** The root first, then the others as {@link tablePages} lists them. */
  readonly tables: PageRun;
  /** Tables that only the list of frames needs, right behind it; none where it lies among the rest. */
  readonly frameListTables: PageRun;
  /** The page whose end is the first stack pointer. */
  readonly stack: number;
  /** Pages mapped from VIRT_BASE on. */
  readonly mappedPages: number;
}

/** One bootstrap page table below the root: its level and the first linear address it covers. */
export interface TablePage {
  readonly level: number;
  readonly covers: number;
}

const PADDING_BYTES = 512 * 1024;
const ALIGNMENT_BYTES = 4 * 1024 * 1024;

const SHAPE_OF: Readonly<Record<GuestWidth, PageTableShape>> = {
  x86_32: PAGE_TABLE_SHAPE["two-level"],
  x86_32p: PAGE_TABLE_SHAPE.pae,
  x86_64: PAGE_TABLE_SHAPE.long,
};

/** Bytes of linear address space that one table of `level` covers. */
const coverage = (shape: PageTableShape, level: number): number => 2 ** (12 + shape.indexBits * level);

/**
 * Tables below the root that map `pages` pages from `base`, highest level first. With PAE a table for the top gigabyte is
 * always there: the hypervisor's own entries live in it.
 */
export const tablePages = (shape: PageTableShape, base: number, pages: number): TablePage[] => {
  const tables: TablePage[] = [];
  for (let level = shape.levels - 1; level >= 1; level--) {
    const span = coverage(shape, level);
    const first = Math.floor(base / span) * span;
    for (let covers = first; covers < base + pages * PAGE_SIZE; covers += span)
      tables.push({ level, covers });
    const topGigabyte = 0xc000_0000;
    const isPaeDirectory = shape.levels === 3 && level === 2;
    if (isPaeDirectory && !tables.some((table) => table.level === 2 && table.covers === topGigabyte)) {
      tables.push({ level, covers: topGigabyte });
    }
  }
  return tables;
};

const toPages = (bytes: number): number => Math.ceil(bytes / PAGE_SIZE);

/** Tables below the root that a mapping needs and that are not there yet. */
const furtherTables = (shape: PageTableShape, there: readonly TablePage[], mapping: Mapping): TablePage[] =>
  tablePages(shape, mapping.base, mapping.pages.count).filter(
    ({ level, covers }) => !there.some((table) => table.level === level && table.covers === covers),
  );

/** All tables below the root: those for the pages from VIRT_BASE on, then those that only the list of frames needs. */
export const plannedTables = (
  plan: Pick<MemoryPlan, "shape" | "mappedPages" | "frameList" | "frameListBase">,
  virtualBase: number,
): { readonly first: TablePage[]; readonly further: TablePage[] } => {
  const first = tablePages(plan.shape, virtualBase, plan.mappedPages);
  const list = { base: plan.frameListBase, pages: plan.frameList };
  const isApart = plan.frameListBase !== virtualBase + plan.frameList.first * PAGE_SIZE;
  return { first, further: isApart ? furtherTables(plan.shape, first, list) : [] };
};

/** Pages from VIRT_BASE on that are mapped when so many are in use: to a boundary, with room to spare. */
const mappedAbove = (virtualBase: number, usedPages: number): number => {
  const used = virtualBase + usedPages * PAGE_SIZE + PADDING_BYTES;
  return (Math.ceil(used / ALIGNMENT_BYTES) * ALIGNMENT_BYTES - virtualBase) / PAGE_SIZE;
};

const rangeProblem = (image: KernelImage, mappings: readonly Mapping[]): BuildProblem | null => {
  const range = HYPERVISOR_RANGE[image.width];
  for (const { base, pages } of mappings) {
    if (base + pages.count * PAGE_SIZE > range.virtStart && base < range.virtEnd)
      return buildProblem("the kernel and what comes with it reach into the hypervisor's address range");
  }
  return null;
};

/** Pages from the first to the last that something lies in at the start of day. */
export const usedPages = ({
  stack,
  ramdisk,
  frameList,
  frameListTables,
}: Pick<MemoryPlan, "stack" | "ramdisk" | "frameList" | "frameListTables">): number =>
  Math.max(stack + 1, ...[ramdisk, frameList, frameListTables].map((run) => run.first + run.count));

/** Plans a domain's memory, or says why it does not fit. */
export const planMemory = (
  image: KernelImage,
  ramdiskBytes: number,
  memoryPages: number,
): MemoryPlan | BuildProblem => {
  const shape = SHAPE_OF[image.width];
  const kernelPages = toPages(image.end - image.virtualBase);
  const memoryMiB = (memoryPages * PAGE_SIZE) / 2 ** 20;
  const inMiB = (pages: number): number => Math.ceil((pages * PAGE_SIZE) / 2 ** 20);
  if (kernelPages > memoryPages)
    return buildProblem(`the kernel needs ${inMiB(kernelPages)} MiB, the domain has ${memoryMiB} MiB`);

  const ramdiskPages = toPages(ramdiskBytes);
  const listPages = toPages(memoryPages * longBytes(image.width));
  const hasListApart = image.initP2m !== null;
  let next = kernelPages;
  const take = (count: number): PageRun => {
    const run = { first: next, count };
    next += count;
    return run;
  };
  const mappedRamdisk = image.modStartPfn ? null : take(ramdiskPages);
  const mappedList = hasListApart ? null : take(listPages);
  const startInfo = take(3).first;

  let tableCount = 1;
  let mappedPages = 0;
  for (;;) {
    mappedPages = Math.min(mappedAbove(image.virtualBase, next + tableCount + 1), memoryPages);
    const needed = 1 + tablePages(shape, image.virtualBase, mappedPages).length;
    if (needed <= tableCount) break;
    tableCount = needed;
  }
  const tables = take(tableCount);
  const stack = take(1).first;

  next = Math.max(next, mappedPages);
  const ramdisk = mappedRamdisk ?? take(ramdiskPages);
  const frameList = mappedList ?? take(listPages);
  const frameListBase = image.initP2m ?? image.virtualBase + frameList.first * PAGE_SIZE;
  const { further } = plannedTables({ shape, mappedPages, frameList, frameListBase }, image.virtualBase);
  const frameListTables = take(further.length);

  const used = usedPages({ stack, ramdisk, frameList, frameListTables });
  if (used > memoryPages) {
    const what = ramdiskBytes > 0 ? "kernel and ramdisk need" : "the kernel needs";
    return buildProblem(`${what} ${inMiB(used)} MiB with page tables, the domain has ${memoryMiB} MiB`);
  }
  const kernel = { base: image.virtualBase, pages: { first: 0, count: mappedPages } };
  const problem = rangeProblem(image, [kernel, { base: frameListBase, pages: frameList }]);
  if (problem !== null) return problem;
  return {
    shape,
    ramdisk,
    frameList,
    frameListBase,
    startInfo,
    store: startInfo + 1,
    console: startInfo + 2,
    tables,
    frameListTables,
    stack,
    mappedPages,
  };
};
