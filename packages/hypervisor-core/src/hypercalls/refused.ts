import { EACCES, EFAULT, EINVAL, ENOSYS, EOPNOTSUPP, EPERM } from "@xenolith/xen-abi";
import {
  __HYPERVISOR_dm_op,
  __HYPERVISOR_domctl,
  __HYPERVISOR_hvm_op,
  __HYPERVISOR_hypfs_op,
  __HYPERVISOR_kexec_op,
  __HYPERVISOR_mca,
  __HYPERVISOR_platform_op,
  __HYPERVISOR_sysctl,
  __HYPERVISOR_xenpmu_op,
} from "@xenolith/xen-abi/xen";
import type { Hypercall } from "./context.ts";

/**
 * Calls that a real hypervisor has and refuses to these guests. They are answered as it does, so that a guest that tries
 * takes the same way. Domains are controlled through `DomainControl`, not by these. What is not listed is -ENOSYS.
 */

/** Interface versions of the control calls in release 4.17. [XEN domctl.h] [XEN sysctl.h] [XEN platform.h] */
const INTERFACE_VERSIONS: Readonly<Record<number, number>> = {
  [__HYPERVISOR_domctl]: 0x15,
  [__HYPERVISOR_sysctl]: 0x15,
  [__HYPERVISOR_platform_op]: 0x0300_0001,
};

/** Offset of `interface_version` in each control structure, behind the command. */
const INTERFACE_VERSION_OFFSET = 4;

/** Operations of hvm_op that look at the kind of domain first. [XEN hvm/hvm_op.h] */
const HVMOP_set_param = 0;
const HVMOP_get_param = 1;

const control = (number: number): Hypercall => ({
  number,
  handle(call) {
    const version = call.guest.readUint32(call.argument(0) + INTERFACE_VERSION_OFFSET);
    if (version === null) return -EFAULT;
    return version === INTERFACE_VERSIONS[number] ? -EPERM : -EACCES;
  },
});

const always = (number: number, answer: number): Hypercall => ({ number, handle: () => answer });

const hvmOp: Hypercall = {
  number: __HYPERVISOR_hvm_op,
  handle(call) {
    const operation = call.argument32(0);
    return operation === HVMOP_set_param || operation === HVMOP_get_param ? -EINVAL : -ENOSYS;
  },
};

/** All of them. */
export const createRefusedHypercalls = (): readonly Hypercall[] => [
  control(__HYPERVISOR_domctl),
  control(__HYPERVISOR_sysctl),
  control(__HYPERVISOR_platform_op),
  hvmOp,
  always(__HYPERVISOR_kexec_op, -EPERM),
  always(__HYPERVISOR_mca, -EPERM),
  always(__HYPERVISOR_dm_op, -EPERM),
  always(__HYPERVISOR_hypfs_op, -EPERM),
  always(__HYPERVISOR_xenpmu_op, -EOPNOTSUPP),
];
