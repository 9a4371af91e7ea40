import { toMfn } from "@xenolith/machine-interface";
import { EACCES, EDOM, EFAULT, ENOENT, ENOSYS, EOPNOTSUPP, ESRCH, longBytes } from "@xenolith/xen-abi";
import {
  XEN_ADD_TO_PHYSMAP,
  XEN_ADD_TO_PHYSMAP_BATCH,
  XEN_REMOVE_FROM_PHYSMAP,
  XENMAPSPACE_gmfn_foreign,
  XENMAPSPACE_gmfn_range,
  XENMEM_add_to_physmap,
  XENMEM_add_to_physmap_batch,
  XENMEM_remove_from_physmap,
} from "@xenolith/xen-abi/memory";
import { domainByAnyId, permissionError } from "../page-owner.ts";
import type { MemoryParts } from "../parts.ts";
import type { MemoryOperation } from "./operation.ts";

/** Most pages of one call, which a preempted one counts in what its command leaves free. */
const MOST_PAGES = 0xffff;

/** Bytes of an `int`. */
const ERROR_BYTES = 4;

/**
 * add_to_physmap and remove_from_physmap are for domains whose pseudo-physical memory the hypervisor keeps. A
 * paravirtual domain keeps its own: adding is refused whoever asks, removing changes nothing. [XEN memory.h]
 */
export const createPhysmapOperations = ({
  frames,
  findDomain,
}: MemoryParts): ReadonlyMap<number, MemoryOperation> => {
  const add: MemoryOperation = (call, at, start) => {
    if (start > MOST_PAGES) return -EDOM;
    const view = call.guest.read(at, XEN_ADD_TO_PHYSMAP.size(call.width));
    if (view === null) return -EFAULT;
    const { domid, space } = XEN_ADD_TO_PHYSMAP.read(view, 0, call.width);
    if (space === XENMAPSPACE_gmfn_foreign) return -ENOSYS;
    return domainByAnyId(call.domain, domid, findDomain) === null ? -ESRCH : -EACCES;
  };

  const addBatch: MemoryOperation = (call, at, start) => {
    if (start > MOST_PAGES) return -EDOM;
    const view = call.guest.read(at, XEN_ADD_TO_PHYSMAP_BATCH.size(call.width));
    if (view === null) return -EFAULT;
    const { domid, space, size, idxs, gpfns, errs } = XEN_ADD_TO_PHYSMAP_BATCH.read(view, 0, call.width);
    const isAllowed =
      call.guest.isAllowed(idxs, size, longBytes(call.width)) &&
      call.guest.isAllowed(gpfns, size, longBytes(call.width)) &&
      call.guest.isAllowed(errs, size, ERROR_BYTES);
    if (!isAllowed) return -EFAULT;
    if (space === XENMAPSPACE_gmfn_range) return -EOPNOTSUPP;
    return domainByAnyId(call.domain, domid, findDomain) === null ? -ESRCH : -EACCES;
  };

  const remove: MemoryOperation = (call, at) => {
    const view = call.guest.read(at, XEN_REMOVE_FROM_PHYSMAP.size(call.width));
    if (view === null) return -EFAULT;
    const { domid, gpfn } = XEN_REMOVE_FROM_PHYSMAP.read(view, 0, call.width);
    const domain = domainByAnyId(call.domain, domid, findDomain);
    if (domain === null) return -ESRCH;
    const denied = permissionError(call.domain, domain.id);
    if (denied !== 0) return denied;
    return frames.ownerOf(toMfn(gpfn)) === domain.id ? 0 : -ENOENT;
  };

  return new Map([
    [XENMEM_add_to_physmap, add],
    [XENMEM_add_to_physmap_batch, addBatch],
    [XENMEM_remove_from_physmap, remove],
  ]);
};
