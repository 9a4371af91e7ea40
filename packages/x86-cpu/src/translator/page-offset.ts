/** Bytes of a page. */
export const PAGE_BYTES = 4096;

/** Where in its page an offset in CS lies: a small number, which sets and maps find sooner than a large one. */
export const offsetInPage = (at: number): number => at & (PAGE_BYTES - 1);
