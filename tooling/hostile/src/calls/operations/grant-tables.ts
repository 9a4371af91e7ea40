import { frameAddress } from "@xenolith/machine-interface";
import { toDomId, toGrantRef } from "@xenolith/xen-abi";
import * as gnt from "@xenolith/xen-abi/grant-table";
import type { Struct } from "@xenolith/xen-abi/struct";
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
import { type Call, type ErrorCase, type Plan, SUCCESS } from "../call.ts";
import { outcomeOf, statusOutcome } from "../outcome.ts";

/** Largest number of references: 64 frames of 512 entries. */
const MOST_REFERENCES = 64 * 512;

/** One request, whose status is the outcome where the call itself succeeds. */
const request = <Fields extends object>(
  world: World,
  command: number,
  type: Struct<Fields>,
  fields: Fields,
): Call & { readonly at: number } => {
  const at = world.arena.putStruct(type, fields);
  const layout: Readonly<Record<string, number>> = type.layout.x86_32p as never;
  const statusAt = layout["status"];
  return {
    ...call(__HYPERVISOR_grant_table_op, command, at, 1),
    at,
    outcome(result) {
      const outcome = outcomeOf(result);
      return outcome !== SUCCESS || statusAt === undefined
        ? outcome
        : statusOutcome(world.arena.readInt16(at + statusAt));
    },
  };
};

const common = (command: number, isBatch: boolean): Record<string, ErrorCase<World>> => ({
  EFAULT: failing(BAD_POINTER, (world) => call(__HYPERVISOR_grant_table_op, command, world.badAddress(), 1)),
  EINVAL: failing("the count is negative as an int, or not 1 where only one request is taken", (world) =>
    call(
      __HYPERVISOR_grant_table_op,
      command,
      world.arena.reserve(64),
      isBatch || world.draw.chance(2)
        ? 0x8000_0000 + world.draw.below(0x7fff_ffff)
        : world.draw.pick([0, 2, 100]),
    ),
  ),
});

/** A grant of the attacker's own frame, of which it is the user as well; references 8 to 511. */
export const ownGrant = (
  world: World,
  flags: number = gnt.GTF_permit_access,
  user: number = world.self,
): number => {
  const reference = 8 + world.draw.below(504);
  const frame = world.draw.chance(6) ? world.pool.anyTable() : world.pool.writable();
  world.writeGrant(reference, flags, user, frame ?? 0);
  return reference;
};

const READ_ONLY_GRANT = gnt.GTF_permit_access | gnt.GTF_readonly;

interface MapChoice {
  readonly dom: number;
  readonly ref: number;
  readonly flags: number;
}

const goodGrant = (world: World): MapChoice => {
  const { draw, offers } = world;
  const device = draw.pick([0, 0, 0, gnt.GNTMAP_device_map]);
  const application = draw.pick([0, gnt.GNTMAP_application_map]);
  const base = gnt.GNTMAP_host_map | device | application | (draw.below(8) << 16);
  if (draw.chance(3)) return { dom: world.self, ref: ownGrant(world), flags: base };
  const readOnly = draw.chance(2);
  return {
    dom: offers.domain,
    ref: draw.pick(readOnly ? offers.readOnly : offers.writable),
    flags: base | (readOnly ? gnt.GNTMAP_readonly : 0),
  };
};

const map = (world: World, { dom, ref, flags }: MapChoice, address?: number): Call => {
  const page = world.windowPage();
  const byEntry = (flags & gnt.GNTMAP_contains_pte) !== 0;
  const hostAddr = address ?? (byEntry ? world.entryAddress(page) : page);
  const made = request(world, gnt.GNTTABOP_map_grant_ref, gnt.GNTTAB_MAP_GRANT_REF, {
    hostAddr,
    flags,
    ref: toGrantRef(ref),
    dom: toDomId(dom),
    status: 77,
    handle: 0,
    devBusAddr: 0,
  });
  return {
    ...made,
    after(result) {
      const answer = world.arena.readStruct(gnt.GNTTAB_MAP_GRANT_REF, made.at);
      if (result !== 0 || answer.status !== gnt.GNTST_okay) return;
      const busAddress = (flags & gnt.GNTMAP_device_map) === 0 ? 0 : answer.devBusAddr;
      world.mappings.push({ handle: answer.handle, address: hostAddr, busAddress });
      if (world.mappings.length > 200) world.mappings.shift();
    },
  };
};

const byEntry = (world: World, choice: MapChoice): MapChoice =>
  world.draw.chance(3) ? { ...choice, flags: choice.flags | gnt.GNTMAP_contains_pte } : choice;

const mapping: AttackOperation = {
  name: "grant_table_op map_grant_ref",
  succeeds: (world) => map(world, byEntry(world, goodGrant(world))),
  errors: {
    ...common(gnt.GNTTABOP_map_grant_ref, true),
    GNTST_bad_domain: failing(NO_DOMAIN, (world) =>
      map(world, { ...goodGrant(world), dom: world.draw.chance(2) ? world.absentDomain() : DOMID_SELF }),
    ),
    GNTST_bad_gntref: failing(
      "the reference is beyond the table, or neither kind of mapping is asked for",
      (world) =>
        world.draw.chance(2)
          ? map(world, { ...goodGrant(world), ref: MOST_REFERENCES + (world.draw.next32() >>> 1) })
          : map(world, { ...goodGrant(world), flags: world.draw.pick([0, gnt.GNTMAP_readonly]) }),
    ),
    GNTST_general_error: failing(
      "the grant is for somebody else, or read-only, or there is no place for it",
      (world) =>
        world.draw.pick([
          () => map(world, { ...goodGrant(world), dom: world.otherDomain(), ref: world.draw.below(512) }),
          () =>
            map(world, {
              dom: world.self,
              ref: ownGrant(world, READ_ONLY_GRANT),
              flags: gnt.GNTMAP_host_map,
            }),
          () =>
            map(world, {
              dom: world.self,
              ref: ownGrant(world, 1, world.victim),
              flags: gnt.GNTMAP_host_map,
            }),
          () =>
            map(world, {
              dom: world.self,
              ref: ownGrant(world, world.draw.pick([0, 2, 3])),
              flags: gnt.GNTMAP_host_map,
            }),
          () => map(world, goodGrant(world), world.draw.pick([0, 0x1000, 0xf580_0000, 2 ** 40])),
          () =>
            map(
              world,
              { ...goodGrant(world), flags: gnt.GNTMAP_host_map | gnt.GNTMAP_contains_pte },
              frameAddress(world.pool.foreign()) + world.draw.below(4096),
            ),
        ])(),
    ),
    GNTST_no_device_space: {
      ...failing("the domain has as many mappings as it may have", (world) =>
        after([exhaust(world)], map(world, { dom: world.self, ref: 8, flags: gnt.GNTMAP_host_map })),
      ),
      rare: true,
    },
    GNTST_bad_page: failing("the frame named by the entry is not the granter's", (world) => {
      const reference = 8 + world.draw.below(504);
      const frame = world.draw.chance(2) ? world.pool.foreign() : world.draw.next32();
      world.writeGrant(reference, gnt.GTF_permit_access, world.self, frame);
      return map(world, { dom: world.self, ref: reference, flags: gnt.GNTMAP_host_map });
    }),
  },
};

/** References of the frames that the attacker's grant table has at the start. */
const OWN_REFERENCES = { first: 8, end: 1024 } as const;
/** Mappings that a domain may have at once. */
const MOST_MAPPINGS = 65_536;

/** Maps own grants again and again, only for devices, so that no page-table entry is needed. */
const exhaust = (world: World): Call[] => {
  const frame = world.pool.writable() ?? 0;
  const size = gnt.GNTTAB_MAP_GRANT_REF.size("x86_32p");
  const count = OWN_REFERENCES.end - OWN_REFERENCES.first;
  const bytes = new Uint8Array(size * count);
  const view = new DataView(bytes.buffer);
  for (let index = 0; index < count; index++) {
    const reference = OWN_REFERENCES.first + index;
    world.writeGrant(reference, gnt.GTF_permit_access, world.self, frame);
    gnt.GNTTAB_MAP_GRANT_REF.write(view, index * size, "x86_32p", {
      hostAddr: 0,
      flags: gnt.GNTMAP_device_map,
      ref: toGrantRef(reference),
      dom: world.self,
      status: 77,
      handle: 0,
      devBusAddr: 0,
    });
  }
  const at = world.arena.put(bytes);
  const once = call(__HYPERVISOR_grant_table_op, gnt.GNTTABOP_map_grant_ref, at, count);
  return Array.from({ length: Math.ceil(MOST_MAPPINGS / count) }, () => once);
};

const unmap = (world: World, hostAddr: number, devBusAddr: number, handle: number): Call =>
  request(world, gnt.GNTTABOP_unmap_grant_ref, gnt.GNTTAB_UNMAP_GRANT_REF, {
    hostAddr,
    devBusAddr,
    handle,
    status: 77,
  });

const unmapping: AttackOperation = {
  name: "grant_table_op unmap_grant_ref",
  succeeds(world) {
    const last = world.mappings.pop();
    return last === undefined ? null : unmap(world, last.address, last.busAddress, last.handle);
  },
  errors: {
    ...common(gnt.GNTTABOP_unmap_grant_ref, true),
    GNTST_bad_handle: failing("nothing is mapped behind the handle", (world) =>
      unmap(world, world.windowPage(), 0, world.draw.chance(2) ? 0xffff_ffff : world.draw.next32() | 0x1000),
    ),
    GNTST_general_error: failing("the entry there does not map the grant", (world) => {
      const known = world.mappings.at(-1);
      return known === undefined ? null : unmap(world, known.address + 0x100_0000, 0, known.handle);
    }),
  },
};

interface End {
  readonly domid: number;
  /** Reference or frame. */
  readonly place: number;
  readonly granted: boolean;
  readonly offset: number;
}

const copy = (world: World, source: End, dest: End, len: number): Call =>
  request(world, gnt.GNTTABOP_copy, gnt.GNTTAB_COPY, {
    source: { ref: toGrantRef(0), gmfn: source.place, domid: toDomId(source.domid), offset: source.offset },
    dest: { ref: toGrantRef(0), gmfn: dest.place, domid: toDomId(dest.domid), offset: dest.offset },
    len,
    flags: (source.granted ? gnt.GNTCOPY_source_gref : 0) | (dest.granted ? gnt.GNTCOPY_dest_gref : 0),
    status: 77,
  });

const ownEnd = (world: World): End => ({
  domid: DOMID_SELF,
  place: world.pool.writable() ?? world.pool.foreign(),
  granted: false,
  offset: world.draw.below(2048),
});

const grantedEnd = (world: World, writable: boolean): End => {
  const { offers, draw } = world;
  if (draw.chance(4))
    return { domid: world.self, place: ownGrant(world), granted: true, offset: draw.below(2048) };
  const place = draw.pick(writable || draw.chance(2) ? offers.writable : offers.readOnly);
  return { domid: offers.domain, place, granted: true, offset: draw.below(2048) };
};

const goodCopy = (world: World): Call => {
  const fromGrant = world.draw.chance(2);
  const source = fromGrant ? grantedEnd(world, false) : ownEnd(world);
  const dest = world.draw.chance(fromGrant ? 3 : 2) ? grantedEnd(world, true) : ownEnd(world);
  return copy(world, source, dest, world.draw.below(2049));
};

const copying: AttackOperation = {
  name: "grant_table_op copy",
  succeeds: goodCopy,
  errors: {
    ...common(gnt.GNTTABOP_copy, true),
    GNTST_bad_domain: failing(NO_DOMAIN, (world) =>
      copy(world, { ...grantedEnd(world, false), domid: world.absentDomain() }, ownEnd(world), 8),
    ),
    GNTST_permission_denied: failing("only frames of one's own may be named by frame", (world) =>
      copy(
        world,
        { ...ownEnd(world), domid: world.draw.chance(2) ? world.victim : world.self },
        ownEnd(world),
        8,
      ),
    ),
    GNTST_bad_gntref: failing("the reference is beyond the table", (world) =>
      copy(
        world,
        { ...grantedEnd(world, false), place: MOST_REFERENCES + world.draw.below(1 << 30) },
        ownEnd(world),
        8,
      ),
    ),
    GNTST_general_error: failing(
      "the grant is for somebody else, or read-only; or the target cannot be written",
      (world) =>
        world.draw.pick([
          () =>
            copy(
              world,
              ownEnd(world),
              { ...grantedEnd(world, true), domid: world.victim, place: world.draw.below(64) },
              8,
            ),
          () =>
            copy(
              world,
              ownEnd(world),
              {
                ...grantedEnd(world, true),
                domid: world.offers.domain,
                place: world.draw.pick(world.offers.readOnly),
              },
              8,
            ),
          () =>
            copy(
              world,
              ownEnd(world),
              { ...ownEnd(world), place: world.pool.anyTable() ?? world.pool.foreign() },
              8,
            ),
        ])(),
    ),
    GNTST_bad_page: failing("the frame is not the domain's", (world) =>
      copy(
        world,
        { ...ownEnd(world), place: world.draw.chance(2) ? world.pool.foreign() : world.pool.absent() },
        ownEnd(world),
        8,
      ),
    ),
    GNTST_bad_copy_arg: failing("the range leaves the page", (world) =>
      copy(world, { ...ownEnd(world), offset: 4000 }, ownEnd(world), 97 + world.draw.below(65_000)),
    ),
  },
};

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
  return after([map(world, choice)], swap(world, reference, 8 + ((reference - 7) % 504)));
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
  mapping,
  unmapping,
  copying,
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
