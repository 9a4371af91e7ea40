import {
  E2BIG,
  EACCES,
  EFAULT,
  EINVAL,
  ENOSYS,
  EOPNOTSUPP,
  EPERM,
  ESRCH,
  longBytes,
  toDomId,
} from "@xenolith/xen-abi";
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
import type { DomainList } from "../domain-list.ts";
import type { Hypercall, HypercallContext } from "./context.ts";

/**
 * Calls that a real hypervisor has and refuses to these guests. They are answered as it does, so that a guest that tries
 * takes the same way. Domains are controlled through `DomainControl`, not by these. What is not listed is -ENOSYS.
 */

/** What they are made from. */
export interface RefusedParts {
  readonly domains: DomainList;
}

/** Interface versions of the control calls in release 4.17. [XEN domctl.h] [XEN sysctl.h] [XEN platform.h] */
const INTERFACE_VERSIONS: Readonly<Record<number, number>> = {
  [__HYPERVISOR_domctl]: 0x15,
  [__HYPERVISOR_sysctl]: 0x15,
  [__HYPERVISOR_platform_op]: 0x0300_0001,
};

/** Offset of `interface_version` in each control structure, behind the command. */
const INTERFACE_VERSION_OFFSET = 4;

/** Operations of hvm_op that read their argument and then want another kind of domain. [XEN hvm/hvm_op.h] */
const HVMOP_set_param = 0;
const HVMOP_get_param = 1;
const HVMOP_pagetable_dying = 9;
const HVMOP_get_mem_type = 15;
const HVMOP_set_evtchn_upcall_vector = 23;
const HVMOP_ARGUMENT_BYTES: ReadonlyMap<number, number> = new Map([
  [HVMOP_set_param, 16],
  [HVMOP_get_param, 16],
  [HVMOP_pagetable_dying, 16],
  [HVMOP_get_mem_type, 16],
  [HVMOP_set_evtchn_upcall_vector, 8],
]);

/** Offset of the domain that a domctl is about. */
const DOMCTL_DOMAIN_OFFSET = 8;

/** Domctls that are about no domain. [XEN domctl.h] */
const XEN_DOMCTL_createdomain = 1;
const XEN_DOMCTL_gdbsx_guestmemio = 1000;

const control = (number: number, mayName: (call: HypercallContext) => boolean = () => true): Hypercall => ({
  number,
  handle(call) {
    const version = call.guest.readUint32(call.argument(0) + INTERFACE_VERSION_OFFSET);
    if (version === null) return -EFAULT;
    if (version !== INTERFACE_VERSIONS[number]) return -EACCES;
    return mayName(call) ? -EPERM : -ESRCH;
  },
});

/** A domctl looks for its domain before it looks at its caller. */
const domctl = ({ domains }: RefusedParts): Hypercall =>
  control(__HYPERVISOR_domctl, (call) => {
    const { guest } = call;
    const command = guest.readUint32(call.argument(0));
    if (command === XEN_DOMCTL_createdomain || command === XEN_DOMCTL_gdbsx_guestmemio) return true;
    const named = guest.readUint32(call.argument(0) + DOMCTL_DOMAIN_OFFSET);
    return named !== null && domains.resolveRemote(toDomId(named & 0xffff)) !== null;
  });

/** Buffers that dm_op takes. */
const DM_OP_BUFFERS = 2;

/** dm_op(domain, count, buffers): for device models of domains that have them, which paravirtual ones have not. [XEN hvm/dm_op.h] */
const dmOp = ({ domains }: RefusedParts): Hypercall => ({
  number: __HYPERVISOR_dm_op,
  handle(call) {
    const count = call.argument32(1);
    if (count > DM_OP_BUFFERS) return -E2BIG;
    if (call.guest.read(call.argument(2), count * 2 * longBytes(call.width)) === null) return -EFAULT;
    const target = domains.resolveRemote(toDomId(call.argument32(0) & 0xffff));
    if (target === null) return -ESRCH;
    return target === call.domain ? -EPERM : -EINVAL;
  },
});

const always = (number: number, answer: number): Hypercall => ({ number, handle: () => answer });

const hvmOp: Hypercall = {
  number: __HYPERVISOR_hvm_op,
  handle(call) {
    const bytes = HVMOP_ARGUMENT_BYTES.get(call.argument32(0));
    if (bytes === undefined) return -ENOSYS;
    return call.guest.read(call.argument(1), bytes) === null ? -EFAULT : -EINVAL;
  },
};

/** All of them. */
export const createRefusedHypercalls = (parts: RefusedParts): readonly Hypercall[] => [
  domctl(parts),
  control(__HYPERVISOR_sysctl),
  control(__HYPERVISOR_platform_op),
  hvmOp,
  always(__HYPERVISOR_kexec_op, -EPERM),
  always(__HYPERVISOR_mca, -EPERM),
  dmOp(parts),
  always(__HYPERVISOR_hypfs_op, -EPERM),
  always(__HYPERVISOR_xenpmu_op, -EOPNOTSUPP),
];
