import type { Mfn } from "@xenolith/machine-interface";
import { type DomId, EINVAL, ENOSPC, type GrantRef } from "@xenolith/xen-abi";
import { GNTTAB_NR_RESERVED_ENTRIES, GTF_permit_access, GTF_readonly } from "@xenolith/xen-abi/grant-table";
import type { GrantContext } from "./grant-context.ts";
import { entryCount, type GrantTable, isReference } from "./grant-table.ts";
import { growTable } from "./table-size.ts";

/** Writes an entry of a domain that has not started: the toolstack's grants of console and xenstore pages. */
export const seedGrant = (
  context: GrantContext,
  table: GrantTable,
  ref: GrantRef,
  to: DomId,
  frame: Mfn,
): number => {
  if (!isReference(table, ref)) return -EINVAL;
  context.entries.write(table, ref, GTF_permit_access, to, frame);
  return 0;
};

/** Offers a page on behalf of a TypeScript kernel, in an entry that is neither reserved nor offered already. */
export const offerPage = (
  context: GrantContext,
  table: GrantTable,
  frame: Mfn,
  to: DomId,
  writable: boolean,
): GrantRef | number => {
  table.offers ??= { made: new Set(), free: [], next: GNTTAB_NR_RESERVED_ENTRIES };
  const { offers } = table;
  let ref = offers.free.pop();
  if (ref === undefined) {
    if (offers.next >= entryCount(table) && !growTable(context, table, table.frames.length + 1))
      return -ENOSPC;
    ref = offers.next++;
  }
  offers.made.add(ref);
  context.entries.write(
    table,
    ref,
    writable ? GTF_permit_access : GTF_permit_access | GTF_readonly,
    to,
    frame,
  );
  return ref as GrantRef;
};

/** Ends an offer. @returns false while somebody uses it. */
export const withdrawOffer = (context: GrantContext, table: GrantTable, ref: GrantRef): boolean => {
  const { offers } = table;
  if (offers === null || !offers.made.has(ref)) return true;
  if (table.active.has(ref)) return false;
  context.entries.setFlags(table, ref, 0);
  offers.made.delete(ref);
  offers.free.push(ref);
  return true;
};
