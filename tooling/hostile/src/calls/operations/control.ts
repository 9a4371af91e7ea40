import * as xen from "@xenolith/xen-abi/xen";
import type { World } from "../../attacker/world.ts";
import { type AttackOperation, BAD_POINTER, call, failing, refused } from "../build.ts";

const WHY = "it is for the control domain";

/** A control call looks at its pointer, then at the version of its interface, then at the caller. */
const control = (name: string, number: number, version: number): AttackOperation =>
  refused(name, WHY, {
    EFAULT: failing(BAD_POINTER, (world) => call(number, world.badAddress())),
    EACCES: failing("the structure has another version of the interface", (world) =>
      call(number, world.arena.putWords([world.draw.below(90), version + 1 + world.draw.below(9), 0, 0, 0])),
    ),
    EPERM: failing("the caller is not privileged", (world) =>
      call(number, world.arena.putWords([world.draw.below(90), version, world.draw.below(8), 0, 0, 0, 0, 0])),
    ),
  });

const always = (name: string, number: number, errno: string, why: string): AttackOperation =>
  refused(name, why, {
    [errno]: failing(why, (world: World) =>
      call(number, world.draw.below(20), world.arena.reserve(64), world.draw.next32()),
    ),
  });

/** Calls that a domain of this kind may never make. [XEN domctl.h] [XEN sysctl.h] [XEN platform.h] */
export const controlOperations: readonly AttackOperation[] = [
  control("domctl", xen.__HYPERVISOR_domctl, 0x15),
  control("sysctl", xen.__HYPERVISOR_sysctl, 0x15),
  control("platform_op", xen.__HYPERVISOR_platform_op, 0x0300_0001),
  always("kexec_op", xen.__HYPERVISOR_kexec_op, "EPERM", WHY),
  always("mca", xen.__HYPERVISOR_mca, "EPERM", WHY),
  always("dm_op", xen.__HYPERVISOR_dm_op, "EPERM", WHY),
  always("hypfs_op", xen.__HYPERVISOR_hypfs_op, "EPERM", WHY),
  always("xenpmu_op", xen.__HYPERVISOR_xenpmu_op, "EOPNOTSUPP", "there are no performance counters"),
  always(
    "set_segment_base",
    xen.__HYPERVISOR_set_segment_base,
    "ENOSYS",
    "only 64-bit guests have segment bases",
  ),
  refused("hvm_op", "the domain is paravirtual", {
    EINVAL: failing("the domain has no parameters of that kind", (world) =>
      call(xen.__HYPERVISOR_hvm_op, world.draw.below(2), world.arena.reserve(16)),
    ),
    ENOSYS: failing("the command is not known here", (world) =>
      call(xen.__HYPERVISOR_hvm_op, 2 + (world.draw.next32() >>> 1), world.arena.reserve(16)),
    ),
  }),
];
