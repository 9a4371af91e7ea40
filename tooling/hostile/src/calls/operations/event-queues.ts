import { toDomId, toPort } from "@xenolith/xen-abi";
import * as evtchn from "@xenolith/xen-abi/event-channel";
import type { Struct } from "@xenolith/xen-abi/struct";
import { __HYPERVISOR_event_channel_op, DOMID_SELF } from "@xenolith/xen-abi/xen";
import type { World } from "../../attacker/world.ts";
import { type AttackOperation, BAD_POINTER, call, failing, NO_DOMAIN, NOT_PRIVILEGED } from "../build.ts";
import type { Call, ErrorCase, Plan } from "../call.ts";

/** A number that no port of the attacker's has. */
export const badPort = (world: World): number =>
  world.draw.pick([4096, 4097, 0x1_ffff, 0x7fff_ffff, 0xffff_ffff]);

const make = <Fields extends object>(
  world: World,
  command: number,
  type: Struct<Fields>,
  fields: Fields,
): Call => call(__HYPERVISOR_event_channel_op, command, world.arena.putStruct(type, fields));

const badPointer = (command: number): ErrorCase<World> =>
  failing(BAD_POINTER, (world) => call(__HYPERVISOR_event_channel_op, command, world.badAddress()));

/** Resets a domain's ports. The attacker's own are gone then, and its events two-level ones. */
export const resetOf = (world: World, dom: number, command: number = evtchn.EVTCHNOP_reset): Call => ({
  ...make(world, command, evtchn.EVTCHN_RESET, { dom: toDomId(dom) }),
  after(result) {
    if (result !== 0) return;
    world.ports.clear();
    for (let vcpu = 0; vcpu < world.vcpus; vcpu++) world.fresh.withoutQueues.add(vcpu);
  },
});

const reset: AttackOperation = {
  name: "event_channel_op reset",
  succeeds: (world) => resetOf(world, DOMID_SELF),
  errors: {
    EFAULT: badPointer(evtchn.EVTCHNOP_reset),
    ESRCH: failing(NO_DOMAIN, (world) => resetOf(world, world.absentDomain())),
    EPERM: failing(NOT_PRIVILEGED, (world) => resetOf(world, world.otherDomain())),
    EBUSY: failing("there is no reset to go on with", (world) =>
      resetOf(world, DOMID_SELF, evtchn.EVTCHNOP_reset_cont),
    ),
  },
};

/** Whether the attacker uses FIFO events. */
export const hasQueues = (world: World): boolean => world.fresh.withoutQueues.size < world.vcpus;

const control = (
  world: World,
  vcpu: number,
  frame: number | null,
  offset = 8 * world.draw.below(504),
): Plan =>
  frame === null
    ? null
    : {
        ...make(world, evtchn.EVTCHNOP_init_control, evtchn.EVTCHN_INIT_CONTROL, {
          controlGfn: frame,
          offset,
          vcpu,
          linkBits: 0,
        }),
        after: (result) => {
          if (result === 0) world.fresh.withoutQueues.delete(vcpu);
        },
      };

const initControl: AttackOperation = {
  writesLater: true,
  name: "event_channel_op init_control",
  succeeds(world) {
    const [vcpu] = world.fresh.withoutQueues;
    return vcpu === undefined ? resetOf(world, DOMID_SELF) : control(world, vcpu, world.pool.writable());
  },
  errors: {
    EFAULT: badPointer(evtchn.EVTCHNOP_init_control),
    ENOENT: failing("there is no such VCPU", (world) =>
      control(world, world.draw.pick([world.vcpus, 32, 0xffff_ffff]), world.pool.idle()),
    ),
    EINVAL: failing("the block does not lie so, the frame cannot be written, or the VCPU has one", (world) =>
      world.draw.pick([
        () => control(world, 0, world.pool.idle(), 1 + 8 * world.draw.below(500)),
        () => control(world, 0, world.pool.idle(), 4032),
        () => control(world, 0, world.pool.anyTable()),
        () => control(world, 0, world.pool.foreign()),
      ])(),
    ),
  },
};

const expand = (world: World, frame: number | null): Plan =>
  frame === null
    ? null
    : make(world, evtchn.EVTCHNOP_expand_array, evtchn.EVTCHN_EXPAND_ARRAY, { arrayGfn: frame });

/** More pages than an array may have. */
const FULL_ARRAY = 130;

const expandArray: AttackOperation = {
  writesLater: true,
  name: "event_channel_op expand_array",
  succeeds: (world) =>
    hasQueues(world) ? expand(world, world.pool.writable()) : control(world, 0, world.pool.writable()),
  errors: {
    EFAULT: badPointer(evtchn.EVTCHNOP_expand_array),
    EOPNOTSUPP: failing("the domain does not use FIFO events", (world) =>
      hasQueues(world) ? null : expand(world, world.pool.idle()),
    ),
    EINVAL: failing("the frame cannot be written", (world) =>
      hasQueues(world)
        ? expand(world, world.draw.chance(2) ? world.pool.anyTable() : world.pool.foreign())
        : null,
    ),
    ENOSPC: {
      ...failing("the array has as many pages as it may have", (world) => {
        const frame = world.pool.writable();
        const once = hasQueues(world) ? expand(world, frame) : null;
        return once === null ? null : Array.from({ length: FULL_ARRAY }, () => once as Call);
      }),
      rare: true,
    },
  },
};

const prioritise = (world: World, port: number, priority: number): Call =>
  make(world, evtchn.EVTCHNOP_set_priority, evtchn.EVTCHN_SET_PRIORITY, { port: toPort(port), priority });

const setPriority: AttackOperation = {
  name: "event_channel_op set_priority",
  succeeds(world) {
    const [port] = world.ports.keys();
    if (port === undefined) return null;
    return hasQueues(world)
      ? prioritise(world, port, world.draw.below(16))
      : control(world, 0, world.pool.writable());
  },
  errors: {
    EFAULT: badPointer(evtchn.EVTCHNOP_set_priority),
    ENOSYS: failing("two-level events have no priorities", (world) =>
      hasQueues(world) ? null : prioritise(world, world.draw.below(128), world.draw.below(16)),
    ),
    EINVAL: failing("there is no such port, or no such priority", (world) => {
      const [port] = world.ports.keys();
      return world.draw.chance(2) && hasQueues(world) && port !== undefined
        ? prioritise(world, port, 16 + world.draw.below(1000))
        : prioritise(world, badPort(world), world.draw.below(16));
    }),
    EACCES: failing("the port is free", (world) => {
      const port = world.draw.below(128);
      return hasQueues(world) && !world.ports.has(port) ? prioritise(world, port, 0) : null;
    }),
  },
};

/** EVTCHNOP_reset and the operations of FIFO events. [XEN event_channel.h] */
export const fifoOperations: readonly AttackOperation[] = [reset, initControl, expandArray, setPriority];
