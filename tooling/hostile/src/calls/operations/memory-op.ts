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
import { type Call, type ErrorCase, type Plan, SUCCESS } from "../call.ts";
import { outcomeOf } from "../outcome.ts";
import { foreignMemoryOperations } from "./memory-for-others.ts";

const memoryOp = (command: number, at: number): Call => call(__HYPERVISOR_memory_op, command, at);

const withStruct = <Fields extends object>(
  world: World,
  command: number,
  type: Struct<Fields>,
  fields: Fields,
): Call => memoryOp(command, world.arena.putStruct(type, fields));

const badPointer = (command: number): ErrorCase<World> =>
  failing(BAD_POINTER, (world) => memoryOp(command, world.badAddress()));

/** A reservation answers with the number of extents done, whatever stopped it. None is the only failure without an errno. */
const NONE_DONE = "none done";

const reservation = (
  world: World,
  command: number,
  fields: Partial<memory.XenMemoryReservation> & { readonly frames?: readonly number[] },
): Call => {
  const { frames = [], ...given } = fields;
  const made = withStruct(world, command, memory.XEN_MEMORY_RESERVATION, {
    extentStart: world.arena.putLongs([...frames, 0]),
    nrExtents: frames.length,
    extentOrder: 0,
    memFlags: 0,
    domid: DOMID_SELF,
    ...given,
  });
  return {
    ...made,
    outcome: (result) => {
      const outcome = outcomeOf(result);
      return outcome === SUCCESS && result === 0 ? NONE_DONE : outcome;
    },
    after: () => world.pool.refresh(),
  };
};

const pfns = (world: World): number[] =>
  Array.from({ length: 1 + world.draw.below(4) }, () => world.draw.below(1024));

const refusals = (command: number): Record<string, ErrorCase<World>> => ({
  EINVAL: failing("frames below 4 KiB are asked for by number of address bits", (world) =>
    reservation(world, command, { frames: [1], memFlags: 1 + world.draw.below(12) }),
  ),
  [NONE_DONE]: failing(
    "nothing of it could be done: no memory, no such domain, no right, a list that cannot be read",
    (world) => {
      const { draw } = world;
      return draw.pick([
        () => reservation(world, command, { frames: [world.pool.foreign()], domid: world.absentDomain() }),
        () => reservation(world, command, { frames: [world.pool.foreign()], domid: world.otherDomain() }),
        () =>
          reservation(world, command, { frames: [world.pool.foreign()], extentOrder: 10 + draw.below(40) }),
        () => reservation(world, command, { nrExtents: 1, extentStart: world.badAddress() || 0x1000 }),
        () => reservation(world, command, { nrExtents: 0x1000_0000 + draw.below(0x7000_0000) }),
        () => memoryOpOutcome(world, command),
      ])();
    },
  ),
});

const memoryOpOutcome = (world: World, command: number): Call => ({
  ...memoryOp(command, world.badAddress()),
  outcome: (result) => (result === 0 ? NONE_DONE : outcomeOf(result)),
});

/** Gives back frames: most often such as nothing refers to, at times such as are mapped, granted, pinned or in use as tables. */
const decrease = (world: World): Plan => {
  const inUse = world.draw.chance(5) ? world.pool.find(({ count }) => count > 1) : null;
  const frames = inUse === null ? world.pool.idles(1 + world.draw.below(4)) : [inUse];
  return frames === null ? null : reservation(world, memory.XENMEM_decrease_reservation, { frames });
};

const balloon: readonly AttackOperation[] = [
  {
    name: "memory_op decrease_reservation",
    succeeds: (world) => (world.pool.frames.length > 500 ? decrease(world) : null),
    errors: refusals(memory.XENMEM_decrease_reservation),
  },
  {
    name: "memory_op increase_reservation",
    succeeds: (world) => {
      const request = reservation(world, memory.XENMEM_increase_reservation, { frames: pfns(world) });
      return hasRoom(world) ? request : [decrease(world) ?? request, request].flat();
    },
    errors: refusals(memory.XENMEM_increase_reservation),
  },
  {
    name: "memory_op populate_physmap",
    succeeds: (world) => {
      const request = reservation(world, memory.XENMEM_populate_physmap, { frames: pfns(world) });
      return hasRoom(world) ? request : [decrease(world) ?? request, request].flat();
    },
    errors: refusals(memory.XENMEM_populate_physmap),
  },
];

function hasRoom(world: World): boolean {
  return world.frames.pagesOf(world.self) + 4 <= world.frames.maximumPagesOf(world.self);
}

const exchangeCall = (
  world: World,
  given: readonly number[],
  change: {
    readonly order?: readonly [number, number];
    readonly out?: number;
    readonly outFlags?: number;
    readonly domains?: readonly [DomId, DomId];
    readonly lists?: readonly [number, number];
    readonly done?: number;
  } = {},
): Call => {
  const wanted = pfns(world).concat(given).slice(0, given.length);
  const [inOrder, outOrder] = change.order ?? [0, 0];
  const [inDomain, outDomain] = change.domains ?? [DOMID_SELF, DOMID_SELF];
  const [inList, outList] = change.lists ?? [world.arena.putLongs(given), world.arena.putLongs(wanted)];
  const made = withStruct(world, memory.XENMEM_exchange, memory.XEN_MEMORY_EXCHANGE, {
    in: { extentStart: inList, nrExtents: given.length, extentOrder: inOrder, memFlags: 0, domid: inDomain },
    out: {
      extentStart: outList,
      nrExtents: change.out ?? given.length,
      extentOrder: outOrder,
      memFlags: change.outFlags ?? 0,
      domid: outDomain,
    },
    nrExchanged: change.done ?? 0,
  });
  return { ...made, after: () => world.pool.refresh() };
};

const exchange: AttackOperation = {
  name: "memory_op exchange",
  succeeds(world) {
    if (world.draw.chance(3)) {
      const order = 1 + world.draw.below(2);
      const extents = world.pool.idles(2 ** order);
      if (extents !== null) return exchangeCall(world, extents, { order: [0, order], out: 1 });
    }
    const frames = world.pool.idles(1 + world.draw.below(4));
    return frames === null ? null : exchangeCall(world, frames);
  },
  errors: {
    EFAULT: failing(BAD_POINTER, (world) =>
      world.draw.chance(2)
        ? memoryOp(memory.XENMEM_exchange, world.badAddress())
        : exchangeCall(world, [1], { lists: [world.unmappedAddress(), world.monitorAddress()] }),
    ),
    EPERM: failing(`${NOT_PRIVILEGED}; an extent larger than a guest may name`, (world) => {
      const other = world.otherDomain();
      return world.draw.chance(2)
        ? exchangeCall(world, [1], { order: [10 + world.draw.below(9), 0] })
        : exchangeCall(world, [1], { domains: [other, other] });
    }),
    ESRCH: failing(NO_DOMAIN, (world) => {
      const nobody = world.absentDomain();
      return exchangeCall(world, [1], { domains: [nobody, nobody] });
    }),
    EINVAL: failing("the two halves do not fit, or a frame is in use or not the domain's", (world) =>
      world.draw.pick([
        () => exchangeCall(world, [1, 2], { out: 3 }),
        () => exchangeCall(world, [1], { done: 2 }),
        () => exchangeCall(world, [1], { domains: [DOMID_SELF, world.self] }),
        () => exchangeCall(world, [world.pool.foreign()]),
        () => exchangeCall(world, [world.pool.anyTable() ?? world.pool.absent()]),
      ])(),
    ),
    ENOMEM: failing("frames are asked for that only the monitor has", (world) => {
      const frames = world.pool.idles(2);
      return frames === null ? null : exchangeCall(world, frames, { outFlags: 13 });
    }),
  },
};

const aboutDomain = (name: string, command: number): AttackOperation => ({
  name: `memory_op ${name}`,
  succeeds: (world) =>
    withStruct(world, command, memory.XEN_MEMORY_DOMAIN, {
      domid: world.draw.chance(2) ? DOMID_SELF : world.self,
    }),
  errors: {
    EFAULT: badPointer(command),
    ESRCH: failing(NO_DOMAIN, (world) =>
      withStruct(world, command, memory.XEN_MEMORY_DOMAIN, { domid: world.absentDomain() }),
    ),
    EPERM: failing(NOT_PRIVILEGED, (world) =>
      withStruct(world, command, memory.XEN_MEMORY_DOMAIN, { domid: world.otherDomain() }),
    ),
  },
});

const mfnList = (name: string, command: number): AttackOperation => ({
  name: `memory_op ${name}`,
  succeeds: (world) =>
    withStruct(world, command, memory.XEN_MACHPHYS_MFN_LIST, {
      maxExtents: world.draw.pick([0, 1, 3, 0xffff_ffff]),
      extentStart: world.arena.reserve(64),
      nrExtents: 0,
    }),
  errors: {
    EFAULT: failing(BAD_POINTER, (world) =>
      world.draw.chance(2)
        ? memoryOp(command, world.badAddress())
        : withStruct(world, command, memory.XEN_MACHPHYS_MFN_LIST, {
            maxExtents: 1,
            extentStart: world.badAddress(),
            nrExtents: 0,
          }),
    ),
  },
});

const tooFar = (world: World, command: number): number =>
  command | ((0x1_0000 + world.draw.below(1000)) << 6);

const addToPhysmap = (world: World, domid: DomId, space: number): Call =>
  withStruct(world, memory.XENMEM_add_to_physmap, memory.XEN_ADD_TO_PHYSMAP, {
    domid,
    size: 0,
    space,
    idx: world.draw.below(8),
    gpfn: world.draw.below(1024),
  });

const removeFromPhysmap = (world: World, domid: DomId, gpfn: number): Call =>
  withStruct(world, memory.XENMEM_remove_from_physmap, memory.XEN_REMOVE_FROM_PHYSMAP, { domid, gpfn });

const setMap = (world: World, domid: DomId, nrEntries: number, buffer?: number): Call =>
  withStruct(world, memory.XENMEM_set_memory_map, memory.XEN_FOREIGN_MEMORY_MAP, {
    domid,
    map: { nrEntries, buffer: buffer ?? world.arena.reserve(nrEntries * memory.E820_ENTRY.sizeBytes) },
  });

const getMap = (world: World, buffer: number): Call =>
  withStruct(world, memory.XENMEM_memory_map, memory.XEN_MEMORY_MAP, {
    nrEntries: world.draw.below(8),
    buffer,
  });

const memoryMapOperations: readonly AttackOperation[] = [
  {
    name: "memory_op memory_map",
    succeeds: (world) => getMap(world, world.draw.chance(3) ? 0 : world.arena.reserve(160)),
    errors: {
      EFAULT: failing(BAD_POINTER, (world) =>
        world.draw.chance(2)
          ? memoryOp(memory.XENMEM_memory_map, world.badAddress())
          : withStruct(world, memory.XENMEM_memory_map, memory.XEN_MEMORY_MAP, {
              nrEntries: 1,
              buffer: world.monitorAddress(),
            }),
      ),
    },
  },
  {
    name: "memory_op set_memory_map",
    succeeds: (world) => setMap(world, DOMID_SELF, world.draw.below(8)),
    errors: {
      EFAULT: failing(BAD_POINTER, (world) =>
        world.draw.chance(2)
          ? memoryOp(memory.XENMEM_set_memory_map, world.badAddress())
          : setMap(world, world.self, 1, world.unmappedAddress()),
      ),
      EINVAL: failing("there are too many entries", (world) =>
        setMap(world, DOMID_SELF, 129 + (world.draw.next32() >>> 1), 0),
      ),
      ESRCH: failing(NO_DOMAIN, (world) => setMap(world, world.absentDomain(), 1)),
      EPERM: failing(NOT_PRIVILEGED, (world) => setMap(world, world.otherDomain(), 1)),
    },
  },
  refused("memory_op machine_memory_map", "the machine's memory is the control domain's affair", {
    EPERM: failing("the caller is not privileged", (world) =>
      memoryOp(memory.XENMEM_machine_memory_map, world.arena.reserve(8)),
    ),
  }),
];

/** memory_op by sub-operation. [XEN memory.h] */
export const memoryOperations: readonly AttackOperation[] = [
  ...balloon,
  exchange,
  { name: "memory_op maximum_ram_page", succeeds: (world) => memoryOp(2, world.draw.next32()), errors: {} },
  aboutDomain("current_reservation", memory.XENMEM_current_reservation),
  aboutDomain("maximum_reservation", memory.XENMEM_maximum_reservation),
  aboutDomain("maximum_gpfn", memory.XENMEM_maximum_gpfn),
  mfnList("machphys_mfn_list", memory.XENMEM_machphys_mfn_list),
  mfnList("machphys_compat_mfn_list", memory.XENMEM_machphys_compat_mfn_list),
  {
    name: "memory_op machphys_mapping",
    succeeds: (world) => memoryOp(memory.XENMEM_machphys_mapping, world.arena.reserve(12)),
    errors: {
      EFAULT: failing(BAD_POINTER, (world) =>
        memoryOp(
          memory.XENMEM_machphys_mapping,
          world.draw.chance(2) ? world.badAddress() : world.readOnlyAddress(),
        ),
      ),
    },
  },
  refused("memory_op add_to_physmap", "only for domains whose pseudo-physical memory the hypervisor keeps", {
    EFAULT: badPointer(memory.XENMEM_add_to_physmap),
    ESRCH: failing(NO_DOMAIN, (world) => addToPhysmap(world, world.absentDomain(), world.draw.below(4))),
    EACCES: failing("a paravirtual domain keeps its own pseudo-physical memory", (world) =>
      addToPhysmap(world, world.draw.chance(2) ? DOMID_SELF : world.otherDomain(), world.draw.below(4)),
    ),
    ENOSYS: failing("foreign frames are added by the batch call", (world) =>
      addToPhysmap(world, DOMID_SELF, memory.XENMAPSPACE_gmfn_foreign),
    ),
    EDOM: failing("no call has got so far", (world) =>
      memoryOp(tooFar(world, memory.XENMEM_add_to_physmap), world.arena.reserve(16)),
    ),
  }),
  {
    name: "memory_op remove_from_physmap",
    succeeds: (world) => {
      const frame = world.pool.find(() => true);
      return frame === null ? null : removeFromPhysmap(world, DOMID_SELF, frame);
    },
    errors: {
      EFAULT: badPointer(memory.XENMEM_remove_from_physmap),
      ESRCH: failing(NO_DOMAIN, (world) => removeFromPhysmap(world, world.absentDomain(), 1)),
      EPERM: failing(NOT_PRIVILEGED, (world) => removeFromPhysmap(world, world.otherDomain(), 1)),
      ENOENT: failing("the frame is not the domain's", (world) =>
        removeFromPhysmap(
          world,
          DOMID_SELF,
          world.draw.chance(2) ? world.pool.foreign() : world.draw.next32() | 0x8000_0000,
        ),
      ),
    },
  },
  ...memoryMapOperations,
  ...foreignMemoryOperations,
  refused("memory_op, an unknown command", "there is no such command", {
    EINVAL: failing("the operation is not one that is gone on with", (world) =>
      memoryOp(world.draw.pick([2, 3, 4, 11, 14, 15, 24, 26]) | (1 << (6 + world.draw.below(26))), 0),
    ),
    ENOSYS: failing("the command is not known", (world) =>
      memoryOp(
        world.draw.pick([8, 20, 22, 29, 30, 63, memory.XENMEM_machphys_mapping | 64]),
        world.arena.reserve(64),
      ),
    ),
  }),
];
