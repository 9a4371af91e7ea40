import type { DomId } from "@xenolith/xen-abi";
import * as memory from "@xenolith/xen-abi/memory";
import type { Struct } from "@xenolith/xen-abi/struct";
import { __HYPERVISOR_memory_op, DOMID_SELF } from "@xenolith/xen-abi/xen";
import type { World } from "../../attacker/world.ts";
import {
  type AttackOperation,
  BAD_POINTER,
  call,
  failing,
  NO_DOMAIN,
  NOT_PRIVILEGED,
  refused,
} from "../build.ts";
import type { Call, ErrorCase } from "../call.ts";

const memoryOp = (command: number, at: number): Call => call(__HYPERVISOR_memory_op, command, at);

const withStruct = <Fields extends object>(
  world: World,
  command: number,
  type: Struct<Fields>,
  fields: Fields,
): Call => memoryOp(command, world.arena.putStruct(type, fields));

const badPointer = (command: number): ErrorCase<World> =>
  failing(BAD_POINTER, (world) => memoryOp(command, world.badAddress()));

const batch = (world: World, domid: DomId, change: Partial<memory.XenAddToPhysmapBatch>): Call =>
  withStruct(world, memory.XENMEM_add_to_physmap_batch, memory.XEN_ADD_TO_PHYSMAP_BATCH, {
    domid,
    space: world.draw.pick([0, 1, 2, 4, 5]),
    size: world.draw.below(4),
    foreignDomid: domid,
    idxs: world.arena.reserve(32),
    gpfns: world.arena.reserve(32),
    errs: world.arena.reserve(32),
    ...change,
  });

const podTarget = (world: World, domid: DomId): Call =>
  withStruct(
    world,
    world.draw.chance(2) ? memory.XENMEM_get_pod_target : memory.XENMEM_set_pod_target,
    memory.XEN_POD_TARGET,
    { targetPages: world.draw.next32(), totPages: 0, podCachePages: 0, podEntries: 0, domid },
  );

const claim = (world: World, domid: DomId, change: Partial<memory.XenMemoryReservation> = {}): Call =>
  withStruct(world, memory.XENMEM_claim_pages, memory.XEN_MEMORY_RESERVATION, {
    extentStart: 0,
    nrExtents: world.draw.below(100),
    extentOrder: 0,
    memFlags: 0,
    domid,
    ...change,
  });

const vnuma = (world: World, domid: DomId, pad = 0): Call =>
  withStruct(world, memory.XENMEM_get_vnumainfo, memory.XEN_VNUMA_TOPOLOGY_INFO, {
    domid,
    pad,
    nrVnodes: 8,
    nrVcpus: 8,
    nrVmemranges: 8,
    vdistance: world.arena.reserve(64),
    vcpuToVnode: world.arena.reserve(64),
    vmemrange: world.arena.reserve(64),
  });

const access = (world: World, domid: DomId): Call =>
  withStruct(world, memory.XENMEM_access_op, memory.XEN_MEM_ACCESS_OP, {
    op: world.draw.below(8),
    access: world.draw.below(12),
    domid,
    nr: 1,
    pfn: world.draw.below(1024),
    pfnList: 0,
    accessList: 0,
  });

const acquire = (world: World, domid: DomId, pad = 0): Call =>
  withStruct(world, memory.XENMEM_acquire_resource, memory.XEN_MEM_ACQUIRE_RESOURCE, {
    domid,
    type: world.draw.below(3),
    id: world.draw.below(2),
    nrFrames: world.draw.below(3),
    pad,
    frame: 0,
    frameList: world.arena.reserve(32),
  });

const reserved = (world: World, flags: number, buffer: number): Call =>
  withStruct(world, memory.XENMEM_reserved_device_memory_map, memory.XEN_RESERVED_DEVICE_MEMORY_MAP, {
    flags,
    nrEntries: 4,
    buffer,
    device: 0,
  });

const WHY = "it is for toolstacks and for domains of other kinds";

/** Sub-operations of memory_op that an unprivileged paravirtual domain may not use, or that have nothing to tell it. [XEN memory.h] */
export const foreignMemoryOperations: readonly AttackOperation[] = [
  refused("memory_op add_to_physmap_batch", WHY, {
    EFAULT: failing(BAD_POINTER, (world) =>
      world.draw.chance(2)
        ? memoryOp(memory.XENMEM_add_to_physmap_batch, world.badAddress())
        : batch(world, DOMID_SELF, { size: 1, gpfns: world.monitorAddress() }),
    ),
    ESRCH: failing(NO_DOMAIN, (world) => batch(world, world.absentDomain(), {})),
    EACCES: failing("a paravirtual domain keeps its own pseudo-physical memory", (world) =>
      batch(world, world.draw.chance(2) ? DOMID_SELF : world.otherDomain(), {}),
    ),
    EOPNOTSUPP: failing("ranges are not for batches", (world) => batch(world, DOMID_SELF, { space: 3 })),
    EDOM: failing("no call has got so far", (world) =>
      memoryOp(
        memory.XENMEM_add_to_physmap_batch | ((0x1_0000 + world.draw.below(1000)) << 6),
        world.arena.reserve(32),
      ),
    ),
  }),
  refused("memory_op pod_target", WHY, {
    EFAULT: badPointer(memory.XENMEM_get_pod_target),
    ESRCH: failing(NO_DOMAIN, (world) => podTarget(world, world.absentDomain())),
    EPERM: failing(NOT_PRIVILEGED, (world) =>
      podTarget(world, world.draw.chance(2) ? DOMID_SELF : world.otherDomain()),
    ),
  }),
  refused("memory_op claim_pages", WHY, {
    EFAULT: badPointer(memory.XENMEM_claim_pages),
    EINVAL: failing("the argument says more than a number of pages, or there is no such domain", (world) =>
      world.draw.pick([
        () => claim(world, world.self, { extentStart: 8 }),
        () => claim(world, world.self, { extentOrder: 1 }),
        () => claim(world, world.self, { memFlags: 1 }),
        () => claim(world, DOMID_SELF),
      ])(),
    ),
    EPERM: failing(NOT_PRIVILEGED, (world) =>
      claim(world, world.draw.chance(2) ? world.self : world.otherDomain()),
    ),
  }),
  refused("memory_op get_vnumainfo", WHY, {
    EFAULT: badPointer(memory.XENMEM_get_vnumainfo),
    EINVAL: failing("the padding is not zero", (world) =>
      vnuma(world, DOMID_SELF, 1 + world.draw.below(100)),
    ),
    ESRCH: failing(NO_DOMAIN, (world) => vnuma(world, world.absentDomain())),
    EPERM: failing(NOT_PRIVILEGED, (world) => vnuma(world, world.otherDomain())),
    EOPNOTSUPP: failing("the domain has no nodes", (world) => vnuma(world, DOMID_SELF)),
  }),
  refused("memory_op access_op", WHY, {
    EFAULT: badPointer(memory.XENMEM_access_op),
    ESRCH: failing(NO_DOMAIN, (world) => access(world, world.absentDomain())),
    EPERM: failing("it is about oneself", (world) => access(world, world.self)),
    EINVAL: failing("the domain's memory is not translated", (world) => access(world, world.otherDomain())),
  }),
  refused("memory_op acquire_resource", WHY, {
    EFAULT: badPointer(memory.XENMEM_acquire_resource),
    EINVAL: failing("the padding is not zero", (world) => acquire(world, world.self, 1)),
    ESRCH: failing(NO_DOMAIN, (world) => acquire(world, world.absentDomain())),
    EPERM: failing(NOT_PRIVILEGED, (world) =>
      acquire(world, world.draw.chance(2) ? world.self : world.otherDomain()),
    ),
  }),
  {
    name: "memory_op reserved_device_memory_map",
    succeeds: (world) => reserved(world, world.draw.below(2), world.arena.reserve(64)),
    errors: {
      EFAULT: failing(BAD_POINTER, (world) =>
        world.draw.chance(2)
          ? memoryOp(memory.XENMEM_reserved_device_memory_map, world.badAddress())
          : reserved(world, 1, world.monitorAddress()),
      ),
      EINVAL: failing("there is no such flag", (world) => reserved(world, 2 << world.draw.below(30), 0)),
    },
  },
  {
    name: "memory_op get_sharing_pages",
    succeeds: (world) =>
      memoryOp(
        world.draw.chance(2) ? memory.XENMEM_get_sharing_freed_pages : memory.XENMEM_get_sharing_shared_pages,
        0,
      ),
    errors: {},
  },
];
