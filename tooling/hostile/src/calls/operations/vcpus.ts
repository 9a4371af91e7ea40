import type { Struct } from "@xenolith/xen-abi/struct";
import * as vcpu from "@xenolith/xen-abi/vcpu";
import { __HYPERVISOR_vcpu_op } from "@xenolith/xen-abi/xen";
import { AT } from "../../attacker/layout.ts";
import type { World } from "../../attacker/world.ts";
import { type AttackOperation, BAD_POINTER, call, failing, refused } from "../build.ts";
import type { Call, ErrorCase, Plan } from "../call.ts";
import { type ContextChange, putContext } from "./vcpu-contexts.ts";

const vcpuOp = (command: number, index: number, at = 0): Call =>
  call(__HYPERVISOR_vcpu_op, command, index, at);

const withStruct = <Fields extends object>(
  world: World,
  command: number,
  index: number,
  type: Struct<Fields>,
  fields: Fields,
): Call => vcpuOp(command, index, world.arena.putStruct(type, fields));

const noVcpu = (command: number): ErrorCase<World> =>
  failing("the domain has no such VCPU", (world) =>
    vcpuOp(
      command,
      world.draw.pick([world.vcpus, 32, 4096, 0x8000_0000, 0xffff_ffff]),
      world.arena.reserve(64),
    ),
  );

const badPointer = (command: number, index = 0): ErrorCase<World> =>
  failing(BAD_POINTER, (world) => vcpuOp(command, index, world.badAddress()));

const anyVcpu = (world: World): number => world.draw.below(world.vcpus);
/** Any but the attacker's own. */
const otherVcpu = (world: World): number => 1 + world.draw.below(world.vcpus - 1);

const initialise = (world: World, index: number, change: ContextChange): Call => ({
  ...vcpuOp(vcpu.VCPUOP_initialise, index, putContext(world, change)),
  after: (result) => {
    if (result === 0) world.fresh.uninitialised.delete(index);
  },
});

const firstOf = (set: ReadonlySet<number>): number | null => [...set][0] ?? null;

const onFresh =
  (set: (world: World) => ReadonlySet<number>, plan: (world: World, index: number) => Plan) =>
  (world: World): Plan => {
    const index = firstOf(set(world));
    return index === null ? null : plan(world, index);
  };

const uninitialised = (world: World): ReadonlySet<number> => world.fresh.uninitialised;

const initialising: AttackOperation = {
  name: "vcpu_op initialise",
  // What cannot be loaded is no reason to refuse: such a VCPU faults when it is up.
  succeeds: onFresh(uninitialised, (world, index) =>
    initialise(
      world,
      index,
      world.draw.pick([
        {},
        {},
        {},
        {},
        {},
        {},
        { selectors: { cs: 0xfff9, ss: 0x10 } },
        { debugAddress: 0xf580_0000n },
      ]),
    ),
  ),
  errors: {
    ENOENT: noVcpu(vcpu.VCPUOP_initialise),
    EFAULT: failing(
      BAD_POINTER,
      onFresh(uninitialised, (world, index) => vcpuOp(vcpu.VCPUOP_initialise, index, world.badAddress())),
    ),
    EEXIST: failing("the VCPU has a context already", (world) =>
      vcpuOp(vcpu.VCPUOP_initialise, 0, putContext(world, {})),
    ),
    EINVAL: failing(
      "a table in the context cannot be",
      onFresh(uninitialised, (world, index) =>
        world.draw.pick([
          () => initialise(world, index, { root: world.pool.foreign() }),
          () =>
            initialise(world, index, {
              gdtEnts: 512,
              gdtFrames: Array.from({ length: 16 }, () => world.pool.foreign()),
            }),
          () => initialise(world, index, { gdtEnts: 100_000 }),
          () => initialise(world, index, { ldtEnts: 8193 }),
          () => initialise(world, index, { ldtBase: 8 }),
        ])(),
      ),
    ),
  },
};

const up: AttackOperation = {
  name: "vcpu_op up",
  succeeds: (world) => vcpuOp(vcpu.VCPUOP_up, initialisedVcpu(world)),
  errors: {
    ENOENT: noVcpu(vcpu.VCPUOP_up),
    EINVAL: failing(
      "the VCPU has no context",
      onFresh(uninitialised, (_world, index) => vcpuOp(vcpu.VCPUOP_up, index)),
    ),
  },
};

function initialisedVcpu(world: World): number {
  const ready = Array.from({ length: world.vcpus }, (_, index) => index).filter(
    (index) => !world.fresh.uninitialised.has(index),
  );
  return world.draw.pick(ready);
}

const register = (world: World, index: number, mfn: number, offset: number): Call => ({
  ...withStruct(world, vcpu.VCPUOP_register_vcpu_info, index, vcpu.VCPU_REGISTER_VCPU_INFO, { mfn, offset }),
  after: (result) => {
    if (result === 0) world.fresh.unregistered.delete(index);
  },
});

const registerInfo: AttackOperation = {
  name: "vcpu_op register_vcpu_info",
  succeeds: onFresh(
    (world) => new Set([...world.fresh.unregistered].filter((index) => world.fresh.uninitialised.has(index))),
    (world, index) => {
      const frame = world.pool.writable();
      return frame === null ? null : register(world, index, frame, 4 * world.draw.below(1009));
    },
  ),
  errors: {
    ENOENT: noVcpu(vcpu.VCPUOP_register_vcpu_info),
    EFAULT: badPointer(vcpu.VCPUOP_register_vcpu_info),
    ENXIO: failing("it does not lie within one page, or is not aligned", (world) =>
      register(
        world,
        0,
        1,
        world.draw.chance(2) ? 4033 + (world.draw.next32() >>> 1) : 4 * world.draw.below(900) + 1,
      ),
    ),
    EINVAL: failing("the frame cannot be written, or the VCPU has registered one already", (world) =>
      register(
        world,
        otherVcpu(world),
        world.draw.chance(2) ? world.pool.foreign() : (world.pool.anyTable() ?? 0),
        0,
      ),
    ),
  },
};

const area = (name: string, command: number): AttackOperation => ({
  name: `vcpu_op ${name}`,
  writesLater: true,
  succeeds: (world) => {
    const address = world.draw.pick([
      0,
      AT.areas + 64 * world.draw.below(8),
      world.windowPage(),
      world.unmappedAddress(),
    ]);
    return withStruct(world, command, anyVcpu(world), vcpu.VCPU_REGISTER_MEMORY_AREA, { address });
  },
  errors: {
    ENOENT: noVcpu(command),
    EFAULT: failing(BAD_POINTER, (world) =>
      world.draw.chance(2)
        ? vcpuOp(command, 0, world.badAddress())
        : withStruct(world, command, 0, vcpu.VCPU_REGISTER_MEMORY_AREA, { address: world.monitorAddress() }),
    ),
  },
});

const periodic = (world: World, periodNs: number): Call =>
  withStruct(world, vcpu.VCPUOP_set_periodic_timer, anyVcpu(world), vcpu.VCPU_SET_PERIODIC_TIMER, {
    periodNs,
  });

const singleshot = (world: World, index: number, timeoutAbsNs: number, flags: number): Call =>
  withStruct(world, vcpu.VCPUOP_set_singleshot_timer, index, vcpu.VCPU_SET_SINGLESHOT_TIMER, {
    timeoutAbsNs,
    flags,
  });

const OWN_ONLY = "the one-shot timer is set by the VCPU it belongs to";

/** vcpu_op by command. [XEN vcpu.h] */
export const vcpuOperations: readonly AttackOperation[] = [
  initialising,
  up,
  {
    name: "vcpu_op down",
    succeeds: (world) => vcpuOp(vcpu.VCPUOP_down, otherVcpu(world)),
    errors: { ENOENT: noVcpu(vcpu.VCPUOP_down) },
  },
  {
    name: "vcpu_op is_up",
    succeeds: (world) => vcpuOp(vcpu.VCPUOP_is_up, anyVcpu(world)),
    errors: { ENOENT: noVcpu(vcpu.VCPUOP_is_up) },
  },
  {
    name: "vcpu_op get_runstate_info",
    succeeds: (world) => vcpuOp(vcpu.VCPUOP_get_runstate_info, anyVcpu(world), world.arena.reserve(48)),
    errors: {
      ENOENT: noVcpu(vcpu.VCPUOP_get_runstate_info),
      EFAULT: failing(BAD_POINTER, (world) =>
        vcpuOp(
          vcpu.VCPUOP_get_runstate_info,
          anyVcpu(world),
          world.draw.chance(2) ? world.badAddress() : world.readOnlyAddress(),
        ),
      ),
    },
  },
  area("register_runstate_memory_area", vcpu.VCPUOP_register_runstate_memory_area),
  area("register_vcpu_time_memory_area", vcpu.VCPUOP_register_vcpu_time_memory_area),
  registerInfo,
  {
    name: "vcpu_op set_periodic_timer",
    succeeds: (world) => periodic(world, 1_000_000 * (1 + world.draw.below(1000))),
    errors: {
      ENOENT: noVcpu(vcpu.VCPUOP_set_periodic_timer),
      EFAULT: badPointer(vcpu.VCPUOP_set_periodic_timer),
      EINVAL: failing("the period is below a millisecond, or longer than time can be", (world) =>
        periodic(world, world.draw.chance(2) ? world.draw.below(1_000_000) : 2 ** 63),
      ),
    },
  },
  {
    name: "vcpu_op stop_periodic_timer",
    succeeds: (world) => vcpuOp(vcpu.VCPUOP_stop_periodic_timer, anyVcpu(world)),
    errors: { ENOENT: noVcpu(vcpu.VCPUOP_stop_periodic_timer) },
  },
  {
    name: "vcpu_op set_singleshot_timer",
    succeeds: (world) =>
      singleshot(
        world,
        0,
        world.draw.chance(4)
          ? world.draw.next32() * 2 ** 31
          : world.now() + world.draw.below(100_000) + 10_000,
        world.draw.below(2),
      ),
    errors: {
      ENOENT: noVcpu(vcpu.VCPUOP_set_singleshot_timer),
      EFAULT: badPointer(vcpu.VCPUOP_set_singleshot_timer),
      EINVAL: failing(OWN_ONLY, (world) => singleshot(world, otherVcpu(world), world.now(), 0)),
      ETIME: failing("the time has passed, and that was to be told", (world) =>
        singleshot(
          world,
          0,
          world.draw.below(Math.max(1, Math.min(world.now(), 2 ** 32))),
          vcpu.VCPU_SSHOTTMR_future,
        ),
      ),
    },
  },
  {
    name: "vcpu_op stop_singleshot_timer",
    succeeds: () => vcpuOp(vcpu.VCPUOP_stop_singleshot_timer, 0),
    errors: {
      ENOENT: noVcpu(vcpu.VCPUOP_stop_singleshot_timer),
      EINVAL: failing(OWN_ONLY, (world) => vcpuOp(vcpu.VCPUOP_stop_singleshot_timer, otherVcpu(world))),
    },
  },
  {
    name: "vcpu_op send_nmi",
    succeeds: (world) => vcpuOp(vcpu.VCPUOP_send_nmi, otherVcpu(world)),
    errors: {
      ENOENT: noVcpu(vcpu.VCPUOP_send_nmi),
      EINVAL: failing("it takes no argument", (world) =>
        vcpuOp(vcpu.VCPUOP_send_nmi, anyVcpu(world), AT.arena),
      ),
    },
  },
  refused("vcpu_op get_physid", "no VCPU is bound to one physical processor", {
    ENOENT: noVcpu(vcpu.VCPUOP_get_physid),
    EINVAL: failing("no VCPU is bound to one physical processor", (world) =>
      vcpuOp(vcpu.VCPUOP_get_physid, anyVcpu(world), world.arena.reserve(8)),
    ),
  }),
  refused("vcpu_op, an unknown command", "there is no such command", {
    ENOENT: noVcpu(99),
    ENOSYS: failing("the command is not known", (world) =>
      vcpuOp(14 + (world.draw.next32() >>> 1), anyVcpu(world), world.arena.reserve(16)),
    ),
  }),
];
