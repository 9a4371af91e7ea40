import { HostError, type PagingContext } from "@xenolith/machine-interface";
import { PAGE_TABLE_SHAPE, type PageTableShape } from "@xenolith/x86-architecture";

/** Low bits of a root address that the processor ignores, by format. [SDM3A-4.3] [SDM3A-4.4] [SDM3A-4.5] */
const ROOT_ALIGNMENT = { none: 1, "two-level": 4096, pae: 32, long: 4096 } as const;

/** Words that the fields of `ACTIVE_SPACE` take. */
export const RECORD_WORDS = 28;

/** One address space: its context, worked out for walking, and its place in the TLB. */
export interface Space {
  context: PagingContext;
  /** Shape of the tables, null without paging. */
  shape: PageTableShape | null;
  /** Machine address of the root table, aligned as the format wants it. */
  rootAddress: number;
  /** Words of the root entries that were kept, low ones first; null: the root is in memory. */
  rootEntries: Uint32Array | null;
  /** Whether error codes tell fetches apart (bit I): with no-execute or with SMEP. [SDM3A-4.7] */
  reportsFetch: boolean;
  /** Last linear address that may be used; Infinity without a limit. */
  linearLimit: number;
  /** Words of the record of the active space, but for what may change while the context stands, if they have been worked out. */
  readonly record: Uint32Array;
  hasRecord: boolean;
  /** Number of the space in TLB tags, 1 to 1022; 0 while it has none. */
  tag: number;
  /** Whether its lower half has been forgotten once: then the TLB lists what lies there. */
  listsLowerHalf: boolean;
  /**
   * First and last address of a range that holds every page of more than 4 KiB cached under the present tag. For the active
   * space the record of it is ahead of these.
   */
  largeFirst: number;
  largeLast: number;
}

/** The range of a space without large pages: empty. */
export const NO_LARGE_PAGES = { first: 1, last: 0 } as const;

const ROOT_ENTRIES = 4;

const keptEntries = (entries: readonly bigint[] | undefined): Uint32Array | null => {
  if (entries === undefined) return null;
  if (entries.length !== ROOT_ENTRIES) {
    throw new HostError("root-entries", `the root of PAE has ${ROOT_ENTRIES} entries, got ${entries.length}`);
  }
  return Uint32Array.from(entries.flatMap((entry) => [Number(entry & 0xffff_ffffn), Number(entry >> 32n)]));
};

/**
 * Puts a context into a space. What is cached under the old one is the caller's business.
 * @throws HostError when the limit does not end with a page, an overlay does not start with one, or root entries are not four.
 */
export const setContext = (space: Space, context: PagingContext): void => {
  const { format, linearLimit } = context;
  if (linearLimit !== null && (linearLimit + 1) % 4096 !== 0) {
    throw new HostError("linear-limit", `the linear limit ${linearLimit} is not the last byte of a page`);
  }
  for (const { start } of context.overlays) {
    if (start % 4096 !== 0)
      throw new HostError("overlay-start", `the overlay at ${start} does not start a page`);
  }
  space.context = context;
  space.hasRecord = false;
  space.shape = format === "none" ? null : PAGE_TABLE_SHAPE[format];
  space.rootAddress = context.rootAddress - (context.rootAddress % ROOT_ALIGNMENT[format]);
  space.rootEntries = format === "pae" ? keptEntries(context.rootEntries) : null;
  space.reportsFetch =
    context.supervisorExecutionPrevention || (context.noExecute && (format === "pae" || format === "long"));
  space.linearLimit = linearLimit ?? Number.POSITIVE_INFINITY;
};

/** Makes a space without a tag. */
export const createSpace = (context: PagingContext): Space => {
  const space: Space = {
    context,
    shape: null,
    rootAddress: 0,
    rootEntries: null,
    reportsFetch: false,
    linearLimit: 0,
    record: new Uint32Array(RECORD_WORDS),
    hasRecord: false,
    tag: 0,
    listsLowerHalf: false,
    largeFirst: NO_LARGE_PAGES.first,
    largeLast: NO_LARGE_PAGES.last,
  };
  setContext(space, context);
  return space;
};
