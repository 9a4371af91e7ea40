import { type Mfn, PAGE_SIZE } from "@xenolith/machine-interface";
import { EINVAL, EOPNOTSUPP, EPERM } from "@xenolith/xen-abi";
import { GNTTAB_CACHE_CLEAN, GNTTAB_CACHE_INVAL } from "@xenolith/xen-abi/grant-table";
import type { GrantContext } from "./grant-context.ts";
import type { GrantTable } from "./grant-table.ts";
import type { CacheFlushRequest } from "./types.ts";

/** Whether a domain uses a frame of another by any grant. */
const isUsed = (owner: GrantTable, user: GrantTable, frame: Mfn): boolean =>
  [...owner.active.values()].some((entry) => entry.user === user.id && entry.frame === frame);

/**
 * GNTTABOP_cache_flush: memory here is coherent, so that a flush that is allowed has nothing to do; throwing away what
 * caches hold without writing it back is not supported on x86. [XEN grant_table.h]
 */
export const flushCache = (context: GrantContext, caller: GrantTable, request: CacheFlushRequest): number => {
  const { devBusAddr, offset, length, op } = request;
  const isKnown = (op & ~(GNTTAB_CACHE_INVAL | GNTTAB_CACHE_CLEAN)) === 0;
  if (offset >= PAGE_SIZE || offset + length > PAGE_SIZE || !isKnown) return -EINVAL;
  if (length === 0 || op === 0) return 0;
  const frame = Math.floor(devBusAddr / PAGE_SIZE) as Mfn;
  if (!context.host.frames.exists(frame)) return -EINVAL;
  const owner = context.tables.get(context.host.frames.ownerOf(frame));
  if (owner === undefined) return -EPERM;
  if (owner !== caller && !isUsed(owner, caller, frame)) return -EINVAL;
  return (op & GNTTAB_CACHE_CLEAN) === 0 ? -EOPNOTSUPP : 0;
};
