import * as xen from "@xenolith/xen-abi/xen";
import {
  __HYPERVISOR_console_io,
  __HYPERVISOR_multicall,
  MULTICALL_ENTRY,
  NR_HYPERCALLS,
} from "@xenolith/xen-abi/xen";
import type { World } from "../../attacker/world.ts";
import { type AttackOperation, BAD_POINTER, call, failing, refused } from "../build.ts";
import { type Call, SUCCESS } from "../call.ts";
import { outcomeOf } from "../outcome.ts";

/** Calls that may stand in a multicall without harm to the attacker. */
const entry = (world: World): { op: number; args: number[] } => {
  const { draw } = world;
  return draw.pick([
    () => ({ op: xen.__HYPERVISOR_xen_version, args: [draw.below(12), world.arena.reserve(1024)] }),
    () => ({ op: xen.__HYPERVISOR_fpu_taskswitch, args: [0] }),
    () => ({ op: xen.__HYPERVISOR_event_channel_op, args: [9, world.arena.putWords([draw.below(200)])] }),
    () => ({ op: xen.__HYPERVISOR_update_va_mapping, args: [world.windowPage(), 0, 0, 2] }),
    () => ({ op: 49 + draw.below(1000), args: [draw.next32(), draw.next32()] }),
    () => ({ op: xen.__HYPERVISOR_mmuext_op, args: [world.badAddress(), 1, 0, 0x7ff0] }),
  ])();
};

const multicall = (
  world: World,
  entries: readonly { op: number; args: readonly number[] }[],
): Call & { at: number } => {
  const size = MULTICALL_ENTRY.size(world.width);
  const bytes = new Uint8Array(size * entries.length);
  const view = new DataView(bytes.buffer);
  for (const [index, { op, args }] of entries.entries())
    MULTICALL_ENTRY.write(view, index * size, world.width, {
      op,
      result: 0,
      args: Array.from({ length: 6 }, (_, at) => args[at] ?? 0),
    });
  const at = world.arena.put(bytes);
  return { ...call(__HYPERVISOR_multicall, at, entries.length), at };
};

/** A multicall within a multicall: the outcome is that of the inner one. */
const nested = (world: World): Call => {
  const inner = world.arena.reserve(MULTICALL_ENTRY.size(world.width));
  const made = multicall(world, [{ op: __HYPERVISOR_multicall, args: [inner, 1] }]);
  return {
    ...made,
    outcome(result) {
      const outcome = outcomeOf(result);
      return outcome === SUCCESS
        ? outcomeOf(world.arena.readUint32(made.at + MULTICALL_ENTRY.layout[world.width].result))
        : outcome;
    },
  };
};

/** A text whose first byte is none of those by which the attacker reports. */
const text = (world: World): number =>
  world.arena.put(new TextEncoder().encode(`text ${world.draw.next32()}\n`));

/** multicall and console_io. [XEN xen.h] */
export const multicallOperations: readonly AttackOperation[] = [
  {
    name: "multicall",
    succeeds: (world) =>
      multicall(
        world,
        Array.from({ length: world.draw.below(12) }, () => entry(world)),
      ),
    errors: {
      EFAULT: failing(BAD_POINTER, (world) =>
        call(__HYPERVISOR_multicall, world.badAddress(), 1 + world.draw.below(40)),
      ),
      EINVAL: failing("a multicall may not stand in a multicall", nested),
    },
  },
  {
    name: "console_io write",
    succeeds: (world) =>
      call(__HYPERVISOR_console_io, xen.CONSOLEIO_write, world.draw.below(10), text(world)),
    errors: {
      EFAULT: failing(BAD_POINTER, (world) =>
        call(__HYPERVISOR_console_io, xen.CONSOLEIO_write, 1 + world.draw.below(5000), world.badAddress()),
      ),
    },
  },
  refused("console_io read", "only a privileged domain may read", {
    EPERM: failing("the caller is not privileged", (world) =>
      call(__HYPERVISOR_console_io, xen.CONSOLEIO_read, world.draw.below(2000), text(world)),
    ),
  }),
  refused("console_io, an unknown command", "there is no such command", {
    ENOSYS: failing("the command is not known", (world) =>
      call(__HYPERVISOR_console_io, 2 + (world.draw.next32() >>> 1), 4, text(world)),
    ),
  }),
  refused("a number without a call", "there is no such hypercall", {
    ENOSYS: failing("the number is not known", (world) =>
      call(
        world.draw.pick([11, 27, 31, 38, 39, 43, 47, 51, 63, NR_HYPERCALLS, 0x7fff_ffff, 0xffff_ffff]),
        world.draw.next32(),
        world.arena.reserve(64),
      ),
    ),
  }),
];
