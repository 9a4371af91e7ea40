import type { Domain, OwnPages } from "@xenolith/domain-interface";
import { type Nanoseconds, toNanoseconds } from "@xenolith/machine-interface";
import type { DomId, GrantRef } from "@xenolith/xen-abi";

/** Pages of one's own that another domain may read and write, each under its grant. */
export interface SharedPages {
  readonly pages: OwnPages;
  /** One per page, in order. */
  readonly references: readonly GrantRef[];
  /**
   * Takes the pages back as soon as the other domain has unmapped them: at once when it has none mapped, else it is tried again
   * from time to time.
   */
  retire(): void;
}

const FIRST_RETRY_NS = 1_000_000;
const LAST_RETRY_NS = 1_000_000_000;

/** Withdraws grants until all are gone, then releases the pages. */
const retireWhenUnused = (
  domain: Domain,
  pages: OwnPages,
  references: readonly GrantRef[],
  waitNs: number,
): void => {
  const used = references.filter((reference) => !domain.grants.withdraw(reference));
  if (used.length === 0) {
    pages.release();
    return;
  }
  const deadline = toNanoseconds(domain.timers.now() + waitNs);
  domain.timers.at(deadline satisfies Nanoseconds, () =>
    retireWhenUnused(domain, pages, used, Math.min(waitNs * 2, LAST_RETRY_NS)),
  );
};

/** Allocates zeroed pages and grants them, writable, to `to`. @returns null when pages or grants are used up; nothing is held then. */
export const sharePages = (domain: Domain, to: DomId, pageCount: number): SharedPages | null => {
  const pages = domain.grants.allocatePages(pageCount);
  if (pages === null) return null;
  const references: GrantRef[] = [];
  for (let index = 0; index < pageCount; index++) {
    const reference = domain.grants.offer(pages, index, to, true);
    if (reference < 0) {
      retireWhenUnused(domain, pages, references, FIRST_RETRY_NS);
      return null;
    }
    references.push(reference as GrantRef);
  }
  return { pages, references, retire: () => retireWhenUnused(domain, pages, references, FIRST_RETRY_NS) };
};
