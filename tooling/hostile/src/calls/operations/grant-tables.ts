import { PAGE_SIZE } from "@xenolith/machine-interface";
import { toDomId, toGrantRef } from "@xenolith/xen-abi";
import * as gnt from "@xenolith/xen-abi/grant-table";
import { __HYPERVISOR_grant_table_op, DOMID_SELF } from "@xenolith/xen-abi/xen";
import type { World } from "../../attacker/world.ts";
import {
  type AttackOperation,
  after,
  BAD_POINTER,
  call,
  failing,
  NO_DOMAIN,
  NOT_PRIVILEGED,
  refused,
} from "../build.ts";
import type { Call, ErrorCase, Plan } from "../call.ts";
import { grantCopyOperation } from "./grant-copy.ts";
import { grantMappingOperations, mapGrant } from "./grant-mapping.ts";
import {
  commonGrantErrors as common,
  MOST_REFERENCES,
  ownGrant,
  grantRequest as request,
} from "./grant-request.ts";

const setup = (world: World, dom: number, nrFrames: number, frameList?: number): Call =>
  request(world, gnt.GNTTABOP_setup_table, gnt.GNTTAB_SETUP_TABLE, {
    dom: toDomId(dom),
    nrFrames,
    status: 77,
    frameList: frameList ?? world.arena.reserve(256),
  });

const settingUp: AttackOperation = {
  name: "grant_table_op setup_table",
  succeeds: (world) => setup(world, world.draw.chance(2) ? DOMID_SELF : world.self, world.draw.below(5)),
  errors: {
    ...common(gnt.GNTTABOP_setup_table, false),
    GNTST_bad_domain: failing(NO_DOMAIN, (world) => setup(world, world.absentDomain(), 1)),
    GNTST_permission_denied: failing(NOT_PRIVILEGED, (world) => setup(world, world.otherDomain(), 1)),
    GNTST_general_error: failing("the table cannot be so large", (world) =>
      setup(world, DOMID_SELF, 65 + (world.draw.next32() >>> 1)),
    ),
    GNTST_bad_virt_addr: failing("the list cannot be written", (world) =>
      setup(world, DOMID_SELF, 1, world.draw.chance(2) ? world.unmappedAddress() : world.readOnlyAddress()),
    ),
    EFAULT: failing(`${BAD_POINTER}; the list lies in the monitor's range`, (world) =>
      world.draw.chance(2)
        ? setup(world, DOMID_SELF, 1, world.monitorAddress())
        : call(__HYPERVISOR_grant_table_op, gnt.GNTTABOP_setup_table, world.badAddress(), 1),
    ),
  },
};

const query = (world: World, dom: number): Call =>
  request(world, gnt.GNTTABOP_query_size, gnt.GNTTAB_QUERY_SIZE, {
    dom: toDomId(dom),
    nrFrames: 0,
    maxNrFrames: 0,
    status: 77,
  });

const version = (world: World, dom: number): Call =>
  request(world, gnt.GNTTABOP_get_version, gnt.GNTTAB_GET_VERSION, { dom: toDomId(dom), version: 0 });

const setVersion = (world: World, number: number): Call =>
  request(world, gnt.GNTTABOP_set_version, gnt.GNTTAB_SET_VERSION, { version: number });

const statusFrames = (world: World, dom: number, nrFrames: number): Call =>
  request(world, gnt.GNTTABOP_get_status_frames, gnt.GNTTAB_GET_STATUS_FRAMES, {
    nrFrames,
    dom: toDomId(dom),
    status: 77,
    frameList: world.arena.reserve(64),
  });

const swap = (world: World, refA: number, refB: number): Call =>
  request(world, gnt.GNTTABOP_swap_grant_ref, gnt.GNTTAB_SWAP_GRANT_REF, {
    refA: toGrantRef(refA),
    refB: toGrantRef(refB),
    status: 77,
  });

/** A page moves from the attacker to itself, by way of an entry that accepts it. */
const transferTo = (world: World, dom: number, accepts: boolean, frame: number | null): Plan => {
  if (frame === null) return null;
  const reference = 8 + world.draw.below(504);
  const flags = accepts ? gnt.GTF_accept_transfer : world.draw.pick([0, gnt.GTF_permit_access, 6]);
  world.writeGrant(reference, flags, world.self, world.draw.below(1024));
  const made = request(world, gnt.GNTTABOP_transfer, gnt.GNTTAB_TRANSFER, {
    mfn: frame,
    domid: toDomId(dom),
    ref: toGrantRef(reference),
    status: 77,
  });
  return { ...made, after: () => world.pool.refresh() };
};

const transferring: AttackOperation = {
  name: "grant_table_op transfer",
  succeeds: (world) => transferTo(world, world.self, true, world.pool.idle()),
  errors: {
    ...common(gnt.GNTTABOP_transfer, true),
    GNTST_bad_page: failing("the page is not the domain's to give, or in use", (world) =>
      transferTo(
        world,
        world.self,
        true,
        world.draw.pick([world.pool.foreign(), world.pool.absent(), world.pool.anyTable()]),
      ),
    ),
    GNTST_bad_domain: {
      ...failing(NO_DOMAIN, (world) => transferTo(world, world.absentDomain(), true, world.pool.idle())),
      rare: true,
    },
    GNTST_general_error: {
      ...failing("the entry accepts nothing", (world) =>
        transferTo(world, world.draw.chance(2) ? world.self : world.victim, false, world.pool.idle()),
      ),
      rare: true,
    },
  },
};

const flush = (world: World, frame: number, offset: number, length: number, op: number): Call =>
  request(world, gnt.GNTTABOP_cache_flush, gnt.GNTTAB_CACHE_FLUSH, {
    devBusAddr: frame * PAGE_SIZE,
    offset,
    length,
    op,
  });

const flushing: AttackOperation = {
  name: "grant_table_op cache_flush",
  succeeds: (world) => {
    const frame = world.pool.find(() => true);
    return frame === null ? null : flush(world, frame, world.draw.below(2048), world.draw.below(2049), 1);
  },
  errors: {
    EFAULT: common(gnt.GNTTABOP_cache_flush, true)["EFAULT"] as ErrorCase<World>,
    EINVAL: failing(
      "the range leaves the page, the operation is not known, or the page is another's",
      (world) =>
        world.draw.pick([
          () => flush(world, 1, 4000, 97 + world.draw.below(65_000), 1),
          () => flush(world, 1, 0, 8, 4 << world.draw.below(30)),
          () => flush(world, world.pool.absent(), 0, 8, 1),
        ])(),
    ),
    EPERM: failing("the page is nobody's, or the monitor's", (world) => flush(world, 0, 0, 8, 1)),
    EOPNOTSUPP: failing("what caches hold cannot be thrown away", (world) => {
      const frame = world.pool.find(() => true);
      return frame === null ? null : flush(world, frame, 0, 8, gnt.GNTTAB_CACHE_INVAL);
    }),
  },
};

const swapInUse = (world: World): Plan => {
  const reference = ownGrant(world);
  const choice = { dom: world.self, ref: reference, flags: gnt.GNTMAP_host_map };
  return after([mapGrant(world, choice)], swap(world, reference, 8 + ((reference - 7) % 504)));
};

const unknown = refused("grant_table_op, an unknown command", "there is no such operation", {
  EINVAL: failing("the count is negative as an int, or the command has bits that none has", (world) =>
    world.draw.chance(2)
      ? call(__HYPERVISOR_grant_table_op, 50, world.arena.reserve(64), 0x8000_0000)
      : call(__HYPERVISOR_grant_table_op, 0x1000 << world.draw.below(20), world.arena.reserve(64), 1),
  ),
  ENOSYS: failing("the command is not known or not offered", (world) =>
    call(
      __HYPERVISOR_grant_table_op,
      world.draw.pick([3, 13, 100, 0xfff]),
      world.arena.reserve(64),
      world.draw.below(3),
    ),
  ),
});

/** grant_table_op by command. [XEN grant_table.h] */
export const grantTableOperations: readonly AttackOperation[] = [
  ...grantMappingOperations,
  grantCopyOperation,
  transferring,
  flushing,
  settingUp,
  {
    name: "grant_table_op query_size",
    succeeds: (world) => query(world, world.draw.chance(2) ? DOMID_SELF : world.self),
    errors: {
      ...common(gnt.GNTTABOP_query_size, false),
      GNTST_bad_domain: failing(NO_DOMAIN, (world) => query(world, world.absentDomain())),
      GNTST_permission_denied: failing(NOT_PRIVILEGED, (world) => query(world, world.otherDomain())),
    },
  },
  {
    name: "grant_table_op set_version",
    succeeds: (world) => setVersion(world, world.grantVersion()),
    errors: {
      EFAULT: common(gnt.GNTTABOP_set_version, false)["EFAULT"] as ErrorCase<World>,
      EINVAL: failing("there is no such version", (world) =>
        setVersion(world, world.draw.pick([0, 3, 0xffff_ffff])),
      ),
      EBUSY: failing("an entry is in use", (world) => {
        const choice = { dom: world.self, ref: ownGrant(world), flags: gnt.GNTMAP_host_map };
        return after([mapGrant(world, choice)], setVersion(world, 3 - world.grantVersion()));
      }),
      ERANGE: failing("version 1 cannot say what an entry of the toolstack's has become", (world) => {
        if (world.grantVersion() === 1 || world.mappings.length > 0) return null;
        world.passGrantOn(2 + world.draw.below(6), world.self, world.victim, 8);
        return setVersion(world, 1);
      }),
    },
  },
  {
    name: "grant_table_op get_version",
    succeeds: (world) => version(world, world.draw.chance(2) ? DOMID_SELF : world.self),
    errors: {
      ...common(gnt.GNTTABOP_get_version, true),
      ESRCH: failing(NO_DOMAIN, (world) => version(world, world.absentDomain())),
      EPERM: failing(NOT_PRIVILEGED, (world) => version(world, world.otherDomain())),
    },
  },
  {
    name: "grant_table_op get_status_frames",
    succeeds: (world) => statusFrames(world, DOMID_SELF, world.draw.below(world.grantVersion())),
    errors: {
      ...common(gnt.GNTTABOP_get_status_frames, false),
      GNTST_bad_domain: failing(NO_DOMAIN, (world) => statusFrames(world, world.absentDomain(), 0)),
      GNTST_permission_denied: failing(NOT_PRIVILEGED, (world) =>
        statusFrames(world, world.otherDomain(), 0),
      ),
      GNTST_general_error: failing("there are not so many", (world) =>
        statusFrames(world, DOMID_SELF, 2 + world.draw.below(100)),
      ),
    },
  },
  {
    name: "grant_table_op swap_grant_ref",
    succeeds: (world) => swap(world, 8 + world.draw.below(504), 8 + world.draw.below(504)),
    errors: {
      ...common(gnt.GNTTABOP_swap_grant_ref, true),
      GNTST_bad_gntref: failing("a reference is beyond the table", (world) =>
        swap(world, 8, MOST_REFERENCES + world.draw.below(1 << 30)),
      ),
      GNTST_eagain: failing("an entry is in use", swapInUse),
    },
  },
  unknown,
];
