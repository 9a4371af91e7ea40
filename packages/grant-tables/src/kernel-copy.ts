import { PAGE_SIZE } from "@xenolith/machine-interface";
import type { DomId } from "@xenolith/xen-abi";
import {
  GNTST_bad_copy_arg,
  GNTST_bad_domain,
  GNTST_general_error,
  GNTST_okay,
} from "@xenolith/xen-abi/grant-table";
import { claimGranted, covers, releaseClaim } from "./copy.ts";
import type { GrantContext } from "./grant-context.ts";
import type { GrantTable } from "./grant-table.ts";

/** Copies between a granted page and a buffer of a kernel that is no machine code. @returns the status. */
export const copyBuffer = (
  context: GrantContext,
  caller: GrantTable,
  granterId: DomId,
  ref: number,
  offset: number,
  buffer: Uint8Array,
  toGrant: boolean,
): number => {
  if (buffer.length === 0) return GNTST_okay;
  const granter = context.named(granterId);
  if (granter === null) return GNTST_bad_domain;
  if (!(offset >= 0 && offset + buffer.length <= PAGE_SIZE)) return GNTST_bad_copy_arg;
  const claim = claimGranted(context, caller, granter, ref, { writable: toGrant, isMapping: false });
  context.traceCopy(caller.id, buffer.length, typeof claim === "number" ? claim : 0);
  if (typeof claim === "number") return claim;
  if (!covers(claim, offset, buffer.length)) {
    releaseClaim(context, claim);
    return GNTST_general_error;
  }
  const { memory } = context.host;
  const start = claim.frame * PAGE_SIZE + offset;
  if (toGrant) {
    memory.bytes.set(buffer, start);
    memory.written(claim.frame, offset, buffer.length);
  } else {
    buffer.set(memory.bytes.subarray(start, start + buffer.length));
  }
  releaseClaim(context, claim);
  return GNTST_okay;
};
