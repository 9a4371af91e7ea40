import { toDomId, toGrantRef } from "@xenolith/xen-abi";
import * as gnt from "@xenolith/xen-abi/grant-table";
import { DOMID_SELF } from "@xenolith/xen-abi/xen";
import type { World } from "../../attacker/world.ts";
import { type AttackOperation, failing, NO_DOMAIN } from "../build.ts";
import type { Call } from "../call.ts";
import { mapGrant } from "./grant-mapping.ts";
import {
  commonGrantErrors as common,
  MOST_REFERENCES,
  ownGrant,
  grantRequest as request,
} from "./grant-request.ts";

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

/** Copies from a page of a friend's by way of an entry of one's own that passes the friend's grant on. */
const copyPassedOn = (world: World): Call => {
  const { draw, offers } = world;
  const reference = 8 + draw.below(504);
  world.passGrantOn(reference, world.self, offers.domain, draw.pick(offers.readOnly));
  const source: End = { domid: world.self, place: reference, granted: true, offset: draw.below(2048) };
  return copy(world, source, ownEnd(world), draw.below(2049));
};

const goodCopy = (world: World): Call => {
  if (world.grantVersion() === 2 && world.draw.chance(4)) return copyPassedOn(world);
  const fromGrant = world.draw.chance(2);
  const source = fromGrant ? grantedEnd(world, false) : ownEnd(world);
  const dest = world.draw.chance(fromGrant ? 3 : 2) ? grantedEnd(world, true) : ownEnd(world);
  return copy(world, source, dest, world.draw.below(2049));
};

/** GNTTABOP_copy. [XEN grant_table.h] */
export const grantCopyOperation: AttackOperation = {
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
    GNTST_eagain: failing("the entry passes another page on than the one it is in use for", (world) => {
      if (world.grantVersion() !== 2) return null;
      const reference = ownGrant(world);
      const { draw, offers, self } = world;
      const map = mapGrant(world, { dom: self, ref: reference, flags: gnt.GNTMAP_host_map });
      const mapAndPassOn: Call = {
        ...map,
        after(result) {
          map.after?.(result);
          world.passGrantOn(reference, self, offers.domain, draw.pick(offers.readOnly));
        },
      };
      const source: End = { domid: self, place: reference, granted: true, offset: 0 };
      return [mapAndPassOn, copy(world, source, ownEnd(world), 8)];
    }),
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
