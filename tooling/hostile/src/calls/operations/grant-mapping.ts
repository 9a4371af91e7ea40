import { frameAddress } from "@xenolith/machine-interface";
import { toDomId, toGrantRef } from "@xenolith/xen-abi";
import * as gnt from "@xenolith/xen-abi/grant-table";
import type { Struct } from "@xenolith/xen-abi/struct";
import { __HYPERVISOR_grant_table_op, DOMID_SELF } from "@xenolith/xen-abi/xen";
import type { World } from "../../attacker/world.ts";
import { type AttackOperation, after, call, failing, NO_DOMAIN } from "../build.ts";
import type { Call, Plan } from "../call.ts";
import {
  commonGrantErrors as common,
  MOST_REFERENCES,
  ownGrant,
  grantRequest as request,
} from "./grant-request.ts";

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

/** Makes one mapping. One that succeeds is kept for later unmapping. */
export const mapGrant = (world: World, { dom, ref, flags }: MapChoice, address?: number): Call => {
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
      world.mappings.push({ handle: answer.handle, address: hostAddr, busAddress, byEntry });
      if (world.mappings.length > 200) world.mappings.shift();
    },
  };
};

const byEntry = (world: World, choice: MapChoice): MapChoice =>
  world.draw.chance(3) ? { ...choice, flags: choice.flags | gnt.GNTMAP_contains_pte } : choice;

const mapping: AttackOperation = {
  name: "grant_table_op map_grant_ref",
  succeeds: (world) => mapGrant(world, byEntry(world, goodGrant(world))),
  errors: {
    ...common(gnt.GNTTABOP_map_grant_ref, true),
    GNTST_bad_domain: failing(NO_DOMAIN, (world) =>
      mapGrant(world, { ...goodGrant(world), dom: world.draw.chance(2) ? world.absentDomain() : DOMID_SELF }),
    ),
    GNTST_bad_gntref: failing(
      "the reference is beyond the table, or neither kind of mapping is asked for",
      (world) =>
        world.draw.chance(2)
          ? mapGrant(world, { ...goodGrant(world), ref: MOST_REFERENCES + (world.draw.next32() >>> 1) })
          : mapGrant(world, { ...goodGrant(world), flags: world.draw.pick([0, gnt.GNTMAP_readonly]) }),
    ),
    GNTST_general_error: failing(
      "the grant is for somebody else, or read-only, or there is no place for it",
      (world) =>
        world.draw.pick([
          () =>
            mapGrant(world, { ...goodGrant(world), dom: world.otherDomain(), ref: world.draw.below(512) }),
          () =>
            mapGrant(world, {
              dom: world.self,
              ref: ownGrant(world, READ_ONLY_GRANT),
              flags: gnt.GNTMAP_host_map,
            }),
          () =>
            mapGrant(world, {
              dom: world.self,
              ref: ownGrant(world, 1, world.victim),
              flags: gnt.GNTMAP_host_map,
            }),
          () =>
            mapGrant(world, {
              dom: world.self,
              ref: ownGrant(world, world.draw.pick([0, 2, 3])),
              flags: gnt.GNTMAP_host_map,
            }),
          () => mapGrant(world, goodGrant(world), world.draw.pick([0, 0x1000, 0xf580_0000, 2 ** 40])),
          () =>
            mapGrant(
              world,
              { ...goodGrant(world), flags: gnt.GNTMAP_host_map | gnt.GNTMAP_contains_pte },
              frameAddress(world.pool.foreign()) + world.draw.below(4096),
            ),
        ])(),
    ),
    GNTST_no_space: {
      ...failing("the domain has as many mappings as it may have", (world) =>
        after([exhaust(world)], mapGrant(world, { dom: world.self, ref: 8, flags: gnt.GNTMAP_host_map })),
      ),
      rare: true,
    },
    GNTST_bad_page: failing("the frame named by the entry is not the granter's", (world) => {
      const reference = 8 + world.draw.below(504);
      const frame = world.draw.chance(2) ? world.pool.foreign() : world.draw.next32();
      world.writeGrant(reference, gnt.GTF_permit_access, world.self, frame);
      return mapGrant(world, { dom: world.self, ref: reference, flags: gnt.GNTMAP_host_map });
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
  const size = gnt.GNTTAB_MAP_GRANT_REF.size(world.width);
  const count = OWN_REFERENCES.end - OWN_REFERENCES.first;
  const bytes = new Uint8Array(size * count);
  const view = new DataView(bytes.buffer);
  for (let index = 0; index < count; index++) {
    const reference = OWN_REFERENCES.first + index;
    world.writeGrant(reference, gnt.GTF_permit_access, world.self, frame);
    gnt.GNTTAB_MAP_GRANT_REF.write(view, index * size, world.width, {
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

/** Maps an own grant at a page, and then ends that mapping by a request that gets its handle. */
const mapFirst = <Fields extends object>(
  world: World,
  page: number,
  request: Call & { readonly at: number },
  { layout }: Struct<Fields>,
): Plan => {
  const choice = { dom: world.self, ref: ownGrant(world), flags: gnt.GNTMAP_host_map };
  const map = mapGrant(world, choice, page);
  const handleAt: Readonly<Record<string, number>> = layout[world.width] as never;
  const mapAndTell: Call = {
    ...map,
    after(result) {
      map.after?.(result);
      const known = world.mappings.at(-1);
      if (known?.address !== page) return;
      world.mappings.pop();
      world.arena.write(request.at + (handleAt["handle"] ?? 0), known.handle);
    },
  };
  return [mapAndTell, request];
};

const unmap = (
  world: World,
  hostAddr: number,
  devBusAddr: number,
  handle: number,
): Call & { readonly at: number } =>
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
    if (last !== undefined && world.draw.chance(2))
      return unmap(world, last.address, last.busAddress, last.handle);
    const page = world.windowPage();
    return mapFirst(world, page, unmap(world, page, 0, 0), gnt.GNTTAB_UNMAP_GRANT_REF);
  },
  errors: {
    ...common(gnt.GNTTABOP_unmap_grant_ref, true),
    GNTST_bad_handle: failing("nothing is mapped behind the handle", (world) =>
      unmap(world, world.windowPage(), 0, world.draw.chance(2) ? 0xffff_ffff : world.draw.next32() | 0x1000),
    ),
    GNTST_bad_dev_addr: failing("the device part is not at this address", (world) => {
      const known = world.mappings.findLast(({ busAddress }) => busAddress !== 0);
      return known === undefined ? null : unmap(world, 0, known.busAddress + 0x1000, known.handle);
    }),
    GNTST_general_error: failing("the entry there does not map the grant", (world) => {
      const known = world.mappings.at(-1);
      return known === undefined ? null : unmap(world, known.address + 0x100_0000, 0, known.handle);
    }),
  },
};

const replace = (
  world: World,
  hostAddr: number,
  newAddr: number,
  handle: number,
): Call & { readonly at: number } =>
  request(world, gnt.GNTTABOP_unmap_and_replace, gnt.GNTTAB_UNMAP_AND_REPLACE, {
    hostAddr,
    newAddr,
    handle,
    status: 77,
  });

/** A page of the window other than this one, or 0. */
const otherPage = (world: World, { address }: { readonly address: number }): number => {
  const page = world.windowPage();
  return page === address || world.draw.chance(3) ? 0 : page;
};

const replacing: AttackOperation = {
  name: "grant_table_op unmap_and_replace",
  succeeds(world) {
    const index = world.mappings.findLastIndex(({ busAddress }) => busAddress === 0);
    const [known] = index < 0 ? [] : world.mappings.splice(index, 1);
    if (known === undefined || world.draw.chance(2)) {
      const page = world.windowPage();
      const request = replace(world, page, otherPage(world, { address: page }), 0);
      return mapFirst(world, page, request, gnt.GNTTAB_UNMAP_AND_REPLACE);
    }
    return replace(world, known.address, known.byEntry ? 0 : otherPage(world, known), known.handle);
  },
  errors: {
    ...common(gnt.GNTTABOP_unmap_and_replace, true),
    GNTST_bad_handle: failing("nothing is mapped behind the handle", (world) =>
      replace(
        world,
        world.windowPage(),
        0,
        world.draw.chance(2) ? 0xffff_ffff : world.draw.next32() | 0x1000,
      ),
    ),
    GNTST_general_error: failing(
      "the entry does not map the grant, or there is none to replace it",
      (world) => {
        const known = world.mappings.at(-1);
        if (known === undefined) return null;
        return world.draw.chance(2)
          ? replace(world, known.address + 0x100_0000, 0, known.handle)
          : replace(world, known.address, world.draw.pick([0x1000, 0xf580_0000, 2 ** 40]), known.handle);
      },
    ),
  },
};

/** Mapping grants and unmapping them. [XEN grant_table.h] */
export const grantMappingOperations: readonly AttackOperation[] = [mapping, unmapping, replacing];
