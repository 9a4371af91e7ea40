import { EFAULT, EINVAL, EOPNOTSUPP, EPERM, ESRCH } from "@xenolith/xen-abi";
import {
  XEN_MEM_ACCESS_OP,
  XEN_MEM_ACQUIRE_RESOURCE,
  XEN_MEMORY_RESERVATION,
  XEN_POD_TARGET,
  XEN_RESERVED_DEVICE_MEMORY_BYTES,
  XEN_RESERVED_DEVICE_MEMORY_MAP,
  XEN_VNUMA_TOPOLOGY_INFO,
  XENMEM_access_op,
  XENMEM_acquire_resource,
  XENMEM_claim_pages,
  XENMEM_get_pod_target,
  XENMEM_get_sharing_freed_pages,
  XENMEM_get_sharing_shared_pages,
  XENMEM_get_vnumainfo,
  XENMEM_RDM_ALL,
  XENMEM_reserved_device_memory_map,
  XENMEM_set_pod_target,
} from "@xenolith/xen-abi/memory";
import type { Struct } from "@xenolith/xen-abi/struct";
import type { Domain } from "../../domain.ts";
import type { HypercallContext } from "../../hypercalls/context.ts";
import { domainByAnyId, permissionError } from "../page-owner.ts";
import type { MemoryParts } from "../parts.ts";
import type { MemoryOperation } from "./operation.ts";

/** Decodes the argument and hands it over with its copy. */
const reading =
  <Fields extends object>(
    type: Struct<Fields>,
    act: (call: HypercallContext, request: Fields, view: DataView, at: number) => number,
  ): MemoryOperation =>
  (call, at) => {
    const view = call.guest.read(at, type.size(call.width));
    return view === null ? -EFAULT : act(call, type.read(view, 0, call.width), view, at);
  };

/**
 * Sub-operations for toolstacks, device models and domains of other kinds, refused in the order in which Xen finds out; and
 * those that answer that there is nothing of the sort. [XEN memory.h]
 */
export const createOperationsForOthers = ({
  findDomain,
}: MemoryParts): ReadonlyMap<number, MemoryOperation> => {
  /** A domain other than the caller: -ESRCH, or -EPERM for the caller itself. */
  const remote = (call: HypercallContext, domid: Domain["id"]): Domain | number => {
    if (domid === call.domain.id) return -EPERM;
    return findDomain(domid) ?? -ESRCH;
  };

  /** Populate on demand is for domains whose memory is translated. */
  const podTarget = reading(XEN_POD_TARGET, (call, { domid }) => {
    if (domainByAnyId(call.domain, domid, findDomain) === null) return -ESRCH;
    return call.domain.privileged ? -EINVAL : -EPERM;
  });

  const access = reading(XEN_MEM_ACCESS_OP, (call, { domid }) => {
    const domain = remote(call, domid);
    return typeof domain === "number" ? domain : -EINVAL;
  });

  const claim = reading(XEN_MEMORY_RESERVATION, (call, { extentStart, extentOrder, memFlags, domid }) => {
    if (extentStart !== 0 || extentOrder !== 0 || memFlags !== 0) return -EINVAL;
    const domain = domid === call.domain.id ? call.domain : findDomain(domid);
    if (domain === null) return -EINVAL;
    return call.domain.privileged ? 0 : -EPERM;
  });

  const vnumaInfo = reading(XEN_VNUMA_TOPOLOGY_INFO, (call, { domid, pad }) => {
    if (pad !== 0) return -EINVAL;
    const domain = domainByAnyId(call.domain, domid, findDomain);
    if (domain === null) return -ESRCH;
    return permissionError(call.domain, domain.id) || -EOPNOTSUPP;
  });

  /** No device reserves memory. */
  const reservedMemory = reading(
    XEN_RESERVED_DEVICE_MEMORY_MAP,
    (call, { flags, nrEntries, buffer }, view, at) => {
      const entryBytes = XEN_RESERVED_DEVICE_MEMORY_BYTES[call.width];
      if (!call.guest.isAllowed(buffer, nrEntries, entryBytes)) return -EFAULT;
      if ((flags & ~XENMEM_RDM_ALL) !== 0) return -EINVAL;
      XEN_RESERVED_DEVICE_MEMORY_MAP.update(view, 0, call.width, { nrEntries: 0 });
      return call.guest.write(at, view) ? 0 : -EFAULT;
    },
  );

  const acquire = reading(XEN_MEM_ACQUIRE_RESOURCE, (call, { domid, pad }) => {
    if (pad !== 0) return -EINVAL;
    const domain = remote(call, domid);
    if (typeof domain === "number") return domain;
    return call.domain.privileged ? -EOPNOTSUPP : -EPERM;
  });

  return new Map<number, MemoryOperation>([
    [XENMEM_set_pod_target, podTarget],
    [XENMEM_get_pod_target, podTarget],
    // No page is shared between domains.
    [XENMEM_get_sharing_freed_pages, () => 0],
    [XENMEM_get_sharing_shared_pages, () => 0],
    [XENMEM_access_op, access],
    [XENMEM_claim_pages, claim],
    [XENMEM_get_vnumainfo, vnumaInfo],
    [XENMEM_reserved_device_memory_map, reservedMemory],
    [XENMEM_acquire_resource, acquire],
  ]);
};
