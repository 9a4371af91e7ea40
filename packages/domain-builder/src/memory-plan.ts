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

/**
 * Where everything lies at the start of day, in pseudo-physical page numbers, in the order the ABI names: kernel, ramdisk,
 * list of machine frames, start_info, xenstore page, console page, page tables, stack. [XEN xen.h]
 */
export interface MemoryPlan {
  readonly shape: PageTableShape;
  readonly ramdisk: PageRun;
  readonly frameList: PageRun;
  readonly startInfo: number;
  readonly store: number;
  readonly console: number;
  /** The root first, then the others as {@link tablePages} lists them. */
  readonly tables: PageRun;
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

/** Plans a domain's memory, or says why it does not fit. */
export const planMemory = (
  image: KernelImage,
  ramdiskBytes: number,
  memoryPages: number,
): MemoryPlan | BuildProblem => {
  const shape = SHAPE_OF[image.width];
  const kernelPages = toPages(image.end - image.virtualBase);
  const memoryMiB = (memoryPages * PAGE_SIZE) / 2 ** 20;
  if (kernelPages > memoryPages) {
    const needMiB = Math.ceil((kernelPages * PAGE_SIZE) / 2 ** 20);
    return buildProblem(`the kernel needs ${needMiB} MiB, the domain has ${memoryMiB} MiB`);
  }
  const ramdisk = { first: kernelPages, count: toPages(ramdiskBytes) };
  const frameList = {
    first: ramdisk.first + ramdisk.count,
    count: toPages(memoryPages * longBytes(image.width)),
  };
  const startInfo = frameList.first + frameList.count;
  const tablesFirst = startInfo + 3;

  let tableCount = 1;
  let mappedPages = 0;
  for (;;) {
    const used = image.virtualBase + (tablesFirst + tableCount + 1) * PAGE_SIZE + PADDING_BYTES;
    const end = Math.ceil(used / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
    mappedPages = Math.min((end - image.virtualBase) / PAGE_SIZE, memoryPages);
    const needed = 1 + tablePages(shape, image.virtualBase, mappedPages).length;
    if (needed <= tableCount) break;
    tableCount = needed;
  }
  const stack = tablesFirst + tableCount;
  if (stack + 1 > memoryPages) {
    const needMiB = Math.ceil(((stack + 1) * PAGE_SIZE) / 2 ** 20);
    const what = ramdiskBytes > 0 ? "kernel and ramdisk need" : "the kernel needs";
    return buildProblem(`${what} ${needMiB} MiB with page tables, the domain has ${memoryMiB} MiB`);
  }
  const range = HYPERVISOR_RANGE[image.width];
  const mappedEnd = image.virtualBase + mappedPages * PAGE_SIZE;
  if (mappedEnd > range.virtStart && image.virtualBase < range.virtEnd) {
    return buildProblem("the kernel and what comes with it reach into the hypervisor's address range");
  }
  return {
    shape,
    ramdisk,
    frameList,
    startInfo,
    store: startInfo + 1,
    console: startInfo + 2,
    tables: { first: tablesFirst, count: tableCount },
    stack,
    mappedPages,
  };
};
