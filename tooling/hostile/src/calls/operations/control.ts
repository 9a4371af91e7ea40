import { SEGBASE_GS_USER_SEL } from "@xenolith/xen-abi/arch-x86";
import * as xen from "@xenolith/xen-abi/xen";
import type { World } from "../../attacker/world.ts";
import { type AttackOperation, BAD_POINTER, call, failing, NO_DOMAIN, refused } from "../build.ts";
import type { Call } from "../call.ts";

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

const domctlAbout = (world: World, domain: number): Call =>
  call(xen.__HYPERVISOR_domctl, world.arena.putWords([2 + world.draw.below(80), 0x15, domain, 0, 0, 0]));

const domctl: AttackOperation = refused("domctl", WHY, {
  ...control("domctl", xen.__HYPERVISOR_domctl, 0x15).errors,
  ESRCH: failing(NO_DOMAIN, (world) => domctlAbout(world, world.absentDomain())),
  EPERM: failing("the caller is not privileged", (world) =>
    domctlAbout(world, world.draw.chance(2) ? world.self : world.otherDomain()),
  ),
});

const dmOpOn = (world: World, domain: number, count = 1): Call =>
  call(xen.__HYPERVISOR_dm_op, domain, count, world.arena.reserve(16));

const dmOp: AttackOperation = refused("dm_op", "no domain has a device model", {
  E2BIG: failing("there are too many buffers", (world) => dmOpOn(world, 0, 3 + world.draw.below(1000))),
  EFAULT: failing(BAD_POINTER, (world) => call(xen.__HYPERVISOR_dm_op, world.victim, 1, world.badAddress())),
  ESRCH: failing(NO_DOMAIN, (world) => dmOpOn(world, world.absentDomain())),
  EPERM: failing("the caller is no device model for itself", (world) => dmOpOn(world, world.self)),
  EINVAL: failing("the domain has no device model", (world) => dmOpOn(world, world.victim)),
});

const always = (name: string, number: number, errno: string, why: string): AttackOperation =>
  refused(name, why, {
    [errno]: failing(why, (world: World) =>
      call(number, world.draw.below(20), world.arena.reserve(64), world.draw.next32()),
    ),
  });

const segmentBase: AttackOperation = {
  name: "set_segment_base",
  succeeds: (world) =>
    world.draw.chance(4)
      ? call(xen.__HYPERVISOR_set_segment_base, SEGBASE_GS_USER_SEL, world.draw.below(0x1_0000))
      : call(xen.__HYPERVISOR_set_segment_base, world.draw.below(3), world.draw.next32()),
  errors: {
    EINVAL: failing("the base is not canonical, or there is none of this number", (world) =>
      world.draw.chance(2)
        ? call(xen.__HYPERVISOR_set_segment_base, world.draw.below(3), 0x8000_0000_0000)
        : call(xen.__HYPERVISOR_set_segment_base, 4 + world.draw.below(1000), 0),
    ),
  },
};

/** Calls that a domain of this kind may never make. [XEN domctl.h] [XEN sysctl.h] [XEN platform.h] */
export const controlOperations = (isWide: boolean): readonly AttackOperation[] => [
  domctl,
  control("sysctl", xen.__HYPERVISOR_sysctl, 0x15),
  control("platform_op", xen.__HYPERVISOR_platform_op, 0x0300_0001),
  always("kexec_op", xen.__HYPERVISOR_kexec_op, "EPERM", WHY),
  always("mca", xen.__HYPERVISOR_mca, "EPERM", WHY),
  dmOp,
  always("hypfs_op", xen.__HYPERVISOR_hypfs_op, "EPERM", WHY),
  always("xenpmu_op", xen.__HYPERVISOR_xenpmu_op, "EOPNOTSUPP", "there are no performance counters"),
  isWide
    ? segmentBase
    : always(
        "set_segment_base",
        xen.__HYPERVISOR_set_segment_base,
        "ENOSYS",
        "only 64-bit guests have segment bases",
      ),
  refused("hvm_op", "the domain is paravirtual", {
    EFAULT: failing(BAD_POINTER, (world) =>
      call(xen.__HYPERVISOR_hvm_op, world.draw.below(2), world.badAddress()),
    ),
    EINVAL: failing("the domain has nothing of that kind", (world) =>
      call(xen.__HYPERVISOR_hvm_op, world.draw.pick([0, 1, 9, 15, 23]), world.arena.reserve(16)),
    ),
    ENOSYS: failing("the command is not known here", (world) =>
      call(xen.__HYPERVISOR_hvm_op, 26 + (world.draw.next32() >>> 1), world.arena.reserve(16)),
    ),
  }),
];
