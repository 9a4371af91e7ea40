import type { GrantCopy, Grants, MappedPages } from "@xenolith/domain-interface";
import type { DomId, GrantRef } from "@xenolith/xen-abi";
import { GNTST_okay } from "@xenolith/xen-abi/grant-table";
import type { GrantedRun, SegmentReader } from "./parse.ts";

/** The pages of a front end that its requests name. */
export interface DataPages {
  /**
   * Copies between the pages and a buffer, each byte once: what the front end changes meanwhile is not seen.
   * @returns whether every reference was good.
   */
  copy(runs: readonly GrantedRun[], buffer: Uint8Array, direction: GrantCopy["direction"]): boolean;
  /** Copies the segments of an indirect request. */
  readonly readSegments: SegmentReader;
  /** Unmaps what is kept mapped. Afterwards nothing is copied. */
  close(): void;
}

/** Mappings that all devices of a back end share, so that no front end takes them from the rings of others. */
export interface MappingBudget {
  /** Mappings that may still be made. */
  left: number;
}

/** Where the pages are. */
export interface DataPagesOptions {
  readonly grants: Grants;
  readonly frontendDomain: DomId;
  /** Most pages that are kept mapped; 0: the front end does not use the same ones again. */
  readonly persistentGrants: number;
  readonly budget: MappingBudget;
}

const PAGE_BYTES = 4096;

/**
 * Makes the access to a front end's pages. Where it has promised to use the same grants again and again they are mapped at their
 * first use and stay so, those used least recently making room for others; otherwise, and where a page cannot be mapped for
 * writing, grants are copied and never mapped. [XEN io/blkif.h]
 */
export const openDataPages = (options: DataPagesOptions): DataPages => {
  const { grants, frontendDomain, persistentGrants, budget } = options;
  /** In the order of use, the latest at the end. */
  const mapped = new Map<GrantRef, MappedPages>();
  let isOpen = true;

  const unmap = (reference: GrantRef, page: MappedPages): void => {
    mapped.delete(reference);
    page.release();
    budget.left++;
  };
  const mapAnew = (reference: GrantRef): MappedPages | null => {
    const [oldest] = mapped;
    if (oldest !== undefined && (mapped.size >= persistentGrants || budget.left === 0)) unmap(...oldest);
    if (budget.left === 0) return null;
    const page = grants.map(frontendDomain, [reference], true);
    if (typeof page === "number") return null;
    budget.left--;
    return page;
  };
  const pageOf = (reference: GrantRef): MappedPages | null => {
    if (persistentGrants === 0) return null;
    const known = mapped.get(reference);
    if (known !== undefined) mapped.delete(reference);
    const page = known ?? mapAnew(reference);
    if (page !== null) mapped.set(reference, page);
    return page;
  };
  const copyOne = (
    { reference, offset }: GrantedRun,
    buffer: Uint8Array,
    direction: GrantCopy["direction"],
  ): boolean => {
    const page = pageOf(reference);
    if (page === null) {
      const [status] = grants.copy([{ domain: frontendDomain, reference, offset, direction, buffer }]);
      return status === GNTST_okay;
    }
    if (direction === "from-grant") page.copyOut(offset, buffer);
    else page.copyIn(offset, buffer);
    return true;
  };
  const copy: DataPages["copy"] = (runs, buffer, direction) => {
    let at = 0;
    let isGood = isOpen;
    for (const run of runs) {
      const end = at + run.lengthBytes;
      isGood &&= copyOne(run, buffer.subarray(at, end), direction);
      at = end;
    }
    return isGood;
  };

  return {
    copy,
    readSegments: (references, lengthBytes) => {
      const bytes = new Uint8Array(lengthBytes);
      const runs = references.map((reference, index) => ({
        reference,
        offset: 0,
        lengthBytes: Math.min(PAGE_BYTES, lengthBytes - index * PAGE_BYTES),
      }));
      return copy(runs, bytes, "from-grant") ? bytes : null;
    },
    close: () => {
      isOpen = false;
      for (const [reference, page] of mapped) unmap(reference, page);
    },
  };
};
