import { toMfn } from "@xenolith/machine-interface";
import { EACCES, EFAULT, ENOENT, ENOSYS, ESRCH } from "@xenolith/xen-abi";
import {
  XEN_ADD_TO_PHYSMAP,
  XEN_REMOVE_FROM_PHYSMAP,
  XENMAPSPACE_gmfn_foreign,
  XENMEM_add_to_physmap,
  XENMEM_remove_from_physmap,
} from "@xenolith/xen-abi/memory";
import { domainByAnyId, permissionError } from "../page-owner.ts";
import type { MemoryParts } from "../parts.ts";
import type { MemoryOperation } from "./operation.ts";

/**
 * add_to_physmap and remove_from_physmap are for domains whose pseudo-physical memory the hypervisor keeps. A
 * paravirtual domain keeps its own: adding is refused, removing changes nothing. [XEN memory.h]
 */
export const createPhysmapOperations = ({
  frames,
  findDomain,
}: MemoryParts): ReadonlyMap<number, MemoryOperation> => {
  const add: MemoryOperation = (call, at) => {
    const view = call.guest.read(at, XEN_ADD_TO_PHYSMAP.size(call.width));
    if (view === null) return -EFAULT;
    const { domid, space } = XEN_ADD_TO_PHYSMAP.read(view, 0, call.width);
    if (space === XENMAPSPACE_gmfn_foreign) return -ENOSYS;
    const domain = domainByAnyId(call.domain, domid, findDomain);
    if (domain === null) return -ESRCH;
    const denied = permissionError(call.domain, domain.id);
    return denied !== 0 ? denied : -EACCES;
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
    [XENMEM_remove_from_physmap, remove],
  ]);
};
