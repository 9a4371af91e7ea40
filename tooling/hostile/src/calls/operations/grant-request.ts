import * as gnt from "@xenolith/xen-abi/grant-table";
import type { Struct } from "@xenolith/xen-abi/struct";
import { __HYPERVISOR_grant_table_op } from "@xenolith/xen-abi/xen";
import type { World } from "../../attacker/world.ts";
import { BAD_POINTER, call, failing } from "../build.ts";
import { type Call, type ErrorCase, SUCCESS } from "../call.ts";
import { outcomeOf, statusOutcome } from "../outcome.ts";

/** Largest number of references: 64 frames of 512 entries. */
export const MOST_REFERENCES = 64 * 512;

/** One request, whose status is the outcome where the call itself succeeds. */
export const grantRequest = <Fields extends object>(
  world: World,
  command: number,
  type: Struct<Fields>,
  fields: Fields,
): Call & { readonly at: number } => {
  const at = world.arena.putStruct(type, fields);
  const layout: Readonly<Record<string, number>> = type.layout[world.width] as never;
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

/** What every operation may be refused for before its request is looked at. */
export const commonGrantErrors = (command: number, isBatch: boolean): Record<string, ErrorCase<World>> => ({
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
