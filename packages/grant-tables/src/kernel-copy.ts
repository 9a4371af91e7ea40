import { PAGE_SIZE } from "@xenolith/machine-interface";
import type { DomId } from "@xenolith/xen-abi";
import { GNTST_bad_copy_arg, GNTST_bad_domain, GNTST_okay } from "@xenolith/xen-abi/grant-table";
import { claimGranted, releaseClaim } from "./copy.ts";
import type { GrantTable } from "./grant-table.ts";
import type { Registry } from "./registry.ts";

/** Copies between a granted page and a buffer of a kernel that is no machine code. @returns the status. */
export const copyBuffer = (
  registry: Registry,
  caller: GrantTable,
  granterId: DomId,
  ref: number,
  offset: number,
  buffer: Uint8Array,
  toGrant: boolean,
): number => {
  if (buffer.length === 0) return GNTST_okay;
  const granter = registry.named(granterId);
  if (granter === null) return GNTST_bad_domain;
  if (!(offset >= 0 && offset + buffer.length <= PAGE_SIZE)) return GNTST_bad_copy_arg;
  const claim = claimGranted(registry, caller, granter, ref, toGrant);
  registry.traceCopy(caller.id, buffer.length, typeof claim === "number" ? claim : 0);
  if (typeof claim === "number") return claim;
  const { memory } = registry.host;
  const start = claim.frame * PAGE_SIZE + offset;
  if (toGrant) {
    memory.bytes.set(buffer, start);
    memory.written(claim.frame, offset, buffer.length);
  } else {
    buffer.set(memory.bytes.subarray(start, start + buffer.length));
  }
  releaseClaim(registry, claim);
  return GNTST_okay;
};
