import type { DomId, GrantRef } from "@xenolith/xen-abi";
import type { MappedPages, OwnPages } from "./pages.ts";

/** One piece of a grant copy: between a range of a granted page of another domain and a buffer of one's own. At most to the page's end. */
export interface GrantCopy {
  readonly domain: DomId;
  readonly reference: GrantRef;
  /** Offset in the granted page. */
  readonly offset: number;
  /** `from-grant` fills the buffer; `to-grant` needs a writable grant. */
  readonly direction: "from-grant" | "to-grant";
  readonly buffer: Uint8Array;
}

/** The grant table as a domain sees it, on both sides. Status values are GNTST_*: 0 or negative. [XEN grant_table.h] */
export interface Grants {
  /**
   * Maps pages that another domain has granted, all or none, as one contiguous handle in the order of the references.
   * @returns the handle, or the GNTST_* of the first reference that failed.
   */
  map(domain: DomId, references: readonly GrantRef[], writable: boolean): MappedPages | number;
  /** Carries out copies one by one and returns their statuses. */
  copy(pieces: readonly GrantCopy[]): number[];
  /** Takes zeroed pages of the domain's own memory for sharing. @returns null when the domain has no memory left. */
  allocatePages(pageCount: number): OwnPages | null;
  /** Grants one page to a domain. @returns the reference, or -ENOSPC. */
  offer(pages: OwnPages, pageIndex: number, to: DomId, writable: boolean): GrantRef | number;
  /** Ends a grant. @returns false while the other side still has it mapped; try again later. */
  withdraw(reference: GrantRef): boolean;
}
