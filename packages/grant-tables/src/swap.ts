import { GNTST_bad_gntref, GNTST_eagain, GNTST_okay } from "@xenolith/xen-abi/grant-table";
import { type GrantTable, isReference } from "./grant-table.ts";
import type { SharedEntries } from "./shared-entries.ts";

/** GNTTABOP_swap_grant_ref: exchanges two entries of one table, neither of which is in use. */
export const swapGrantRef = (
  entries: SharedEntries,
  table: GrantTable,
  refA: number,
  refB: number,
): number => {
  if (!isReference(table, refA) || !isReference(table, refB)) return GNTST_bad_gntref;
  if (refA === refB) return GNTST_okay;
  if (table.active.has(refA) || table.active.has(refB)) return GNTST_eagain;
  entries.swap(table, refA, refB);
  return GNTST_okay;
};
