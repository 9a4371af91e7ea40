import { toDomId, toGrantRef } from "@xenolith/xen-abi";
import * as gnt from "@xenolith/xen-abi/grant-table";
import { __HYPERVISOR_grant_table_op, DOMID_SELF } from "@xenolith/xen-abi/xen";
import type { World } from "../../attacker/world.ts";
import { type AttackOperation, after, call, failing, NO_DOMAIN, NOT_PRIVILEGED, refused } from "../build.ts";
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
      setup(world, DOMID_SELF, 1, world.draw.chance(2) ? world.badAddress() : world.readOnlyAddress()),
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

const swapInUse = (world: World): Plan => {
  const reference = ownGrant(world);
  const choice = { dom: world.self, ref: reference, flags: gnt.GNTMAP_host_map };
  return after([mapGrant(world, choice)], swap(world, reference, 8 + ((reference - 7) % 504)));
};

const unknown = refused(
  "grant_table_op, an unknown command",
  "version 1 has no such operation, or nobody may use it",
  {
    EINVAL: failing("the count is negative as an int", (world) =>
      call(__HYPERVISOR_grant_table_op, 50, world.arena.reserve(64), 0x8000_0000),
    ),
    ENOSYS: failing("the command is not known or not offered", (world) =>
      call(
        __HYPERVISOR_grant_table_op,
        world.draw.pick([3, 4, 7, 12, 13, 100, 0xffff_ffff]),
        world.arena.reserve(64),
        world.draw.below(3),
      ),
    ),
  },
);

/** grant_table_op by command. [XEN grant_table.h] */
export const grantTableOperations: readonly AttackOperation[] = [
  ...grantMappingOperations,
  grantCopyOperation,
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
    succeeds: (world) => setVersion(world, 1),
    errors: {
      EFAULT: common(gnt.GNTTABOP_set_version, false)["EFAULT"] as ErrorCase<World>,
      EINVAL: failing("there is no such version", (world) =>
        setVersion(world, world.draw.pick([0, 3, 0xffff_ffff])),
      ),
      ENOSYS: failing("version 2 is not offered", (world) => setVersion(world, 2)),
    },
  },
  {
    name: "grant_table_op get_version",
    succeeds: (world) => version(world, world.draw.chance(2) ? DOMID_SELF : world.self),
    errors: {
      ...common(gnt.GNTTABOP_get_version, false),
      ESRCH: failing(NO_DOMAIN, (world) => version(world, world.absentDomain())),
      EPERM: failing(NOT_PRIVILEGED, (world) => version(world, world.otherDomain())),
    },
  },
  {
    name: "grant_table_op get_status_frames",
    succeeds: (world) => statusFrames(world, DOMID_SELF, 0),
    errors: {
      ...common(gnt.GNTTABOP_get_status_frames, false),
      GNTST_bad_domain: failing(NO_DOMAIN, (world) => statusFrames(world, world.absentDomain(), 0)),
      GNTST_permission_denied: failing(NOT_PRIVILEGED, (world) =>
        statusFrames(world, world.otherDomain(), 0),
      ),
      GNTST_general_error: failing("version 1 has no status frames", (world) =>
        statusFrames(world, DOMID_SELF, 1 + world.draw.below(100)),
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
