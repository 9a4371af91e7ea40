import { toDomId, toGrantRef } from "@xenolith/xen-abi";
import * as gnt from "@xenolith/xen-abi/grant-table";
import type { Struct } from "@xenolith/xen-abi/struct";
import { __HYPERVISOR_grant_table_op } from "@xenolith/xen-abi/xen";
import { call } from "../calls/build.ts";
import type { Call } from "../calls/call.ts";
import { ownGrant } from "../calls/operations/grant-request.ts";
import { drawOdd } from "../draw.ts";
import type { World } from "./world.ts";

const MOST_REQUESTS = 120;

/** A call with many requests about references of which few are right. */
export interface GrantStorm {
  readonly call: Call;
  /** References named in it. */
  readonly references: number;
}

const encode = <Fields extends object>(
  world: World,
  type: Struct<Fields>,
  requests: readonly Fields[],
): number => {
  const size = type.size(world.width);
  const bytes = new Uint8Array(size * requests.length);
  const view = new DataView(bytes.buffer);
  for (const [index, request] of requests.entries()) type.write(view, index * size, world.width, request);
  return world.arena.put(bytes);
};

const drawReference = (world: World): number => {
  const { draw, offers } = world;
  const kind = draw.below(6);
  if (kind === 0) return drawOdd(draw);
  if (kind === 1) return draw.below(600);
  if (kind === 2) return ownGrant(world, draw.below(32), draw.pick([world.self, world.victim, 0]));
  return draw.pick(draw.chance(2) ? offers.writable : offers.readOnly);
};

const drawDomain = (world: World): number => {
  const { draw } = world;
  const kind = draw.below(8);
  if (kind === 0) return world.absentDomain();
  if (kind === 1) return world.otherDomain();
  return kind < 4 ? world.self : world.offers.domain;
};

const drawAddress = (world: World): number =>
  world.draw.chance(8) ? drawOdd(world.draw) : world.windowPage();

const drawMap = (world: World): gnt.GnttabMapGrantRef => {
  const page = drawAddress(world);
  const byEntry = world.draw.chance(5);
  return {
    hostAddr: byEntry ? world.entryAddress(world.windowPage()) + (world.draw.chance(6) ? 4 : 0) : page,
    flags: (world.draw.below(32) & ~gnt.GNTMAP_contains_pte) | (byEntry ? gnt.GNTMAP_contains_pte : 0),
    ref: toGrantRef(drawReference(world) >>> 0),
    dom: toDomId(drawDomain(world)),
    status: 77,
    handle: 0,
    devBusAddr: 0,
  };
};

const drawUnmap = (world: World): gnt.GnttabUnmapGrantRef => {
  const known = world.mappings.length > 0 && !world.draw.chance(3) ? world.draw.pick(world.mappings) : null;
  return {
    hostAddr: known === null || world.draw.chance(6) ? drawAddress(world) : known.address,
    devBusAddr: known?.busAddress ?? (world.draw.chance(3) ? world.draw.next32() : 0),
    handle: known?.handle ?? drawOdd(world.draw),
    status: 77,
  };
};

const drawEnd = (world: World, granted: boolean): gnt.GnttabCopyPointer => ({
  ref: toGrantRef(0),
  gmfn: granted ? drawReference(world) >>> 0 : (world.pool.find(() => true) ?? drawOdd(world.draw)),
  domid: toDomId(granted ? drawDomain(world) : world.draw.chance(8) ? drawDomain(world) : 0x7ff0),
  offset: world.draw.chance(6) ? world.draw.below(0x1_0000) : world.draw.below(2048),
});

const drawCopy = (world: World): gnt.GnttabCopy => {
  const flags = world.draw.below(4);
  return {
    source: drawEnd(world, (flags & gnt.GNTCOPY_source_gref) !== 0),
    dest: drawEnd(world, (flags & gnt.GNTCOPY_dest_gref) !== 0),
    len: world.draw.chance(8) ? world.draw.below(0x1_0000) : world.draw.below(2048),
    flags,
    status: 77,
  };
};

/** Makes up a storm. Mappings that succeed are kept for later unmapping. */
export const drawGrantStorm = (world: World): GrantStorm => {
  const { draw } = world;
  const references = 20 + draw.below(MOST_REQUESTS - 20);
  const several = <Fields>(make: (world: World) => Fields): Fields[] =>
    Array.from({ length: references }, () => make(world));
  if (draw.chance(8)) world.offers.change();
  switch (draw.below(3)) {
    case 0: {
      const requests = several(drawMap);
      const at = encode(world, gnt.GNTTAB_MAP_GRANT_REF, requests);
      const size = gnt.GNTTAB_MAP_GRANT_REF.size(world.width);
      const after = (): void => {
        for (const [index, { hostAddr, flags }] of requests.entries()) {
          const answer = world.arena.readStruct(gnt.GNTTAB_MAP_GRANT_REF, at + index * size);
          if (answer.status !== gnt.GNTST_okay) continue;
          const busAddress = (flags & gnt.GNTMAP_device_map) === 0 ? 0 : answer.devBusAddr;
          const byEntry = (flags & gnt.GNTMAP_contains_pte) !== 0;
          world.mappings.push({ handle: answer.handle, address: hostAddr, busAddress, byEntry });
        }
        world.mappings.splice(0, Math.max(0, world.mappings.length - 200));
      };
      return {
        call: { ...call(__HYPERVISOR_grant_table_op, gnt.GNTTABOP_map_grant_ref, at, references), after },
        references,
      };
    }
    case 1:
      return {
        call: call(
          __HYPERVISOR_grant_table_op,
          gnt.GNTTABOP_unmap_grant_ref,
          encode(world, gnt.GNTTAB_UNMAP_GRANT_REF, several(drawUnmap)),
          references,
        ),
        references,
      };
    default:
      return {
        call: call(
          __HYPERVISOR_grant_table_op,
          gnt.GNTTABOP_copy,
          encode(world, gnt.GNTTAB_COPY, several(drawCopy)),
          references,
        ),
        references,
      };
  }
};
