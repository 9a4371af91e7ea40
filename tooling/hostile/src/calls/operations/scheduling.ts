import { toPort } from "@xenolith/xen-abi";
import { EVTCHN_BIND_VIRQ, EVTCHNOP_bind_virq } from "@xenolith/xen-abi/event-channel";
import * as sched from "@xenolith/xen-abi/sched";
import { SHARED_INFO } from "@xenolith/xen-abi/shared-info";
import {
  __HYPERVISOR_event_channel_op,
  __HYPERVISOR_sched_op,
  __HYPERVISOR_sched_op_compat,
  __HYPERVISOR_set_timer_op,
  DOMID_SELF,
  VIRQ_TIMER,
} from "@xenolith/xen-abi/xen";
import type { World } from "../../attacker/world.ts";
import {
  type AttackOperation,
  BAD_POINTER,
  call,
  failing,
  NO_DOMAIN,
  NOT_PRIVILEGED,
  refused,
} from "../build.ts";
import type { Call, ErrorCase, Plan } from "../call.ts";
import { hasQueues, resetOf } from "./event-queues.ts";

const schedOp = (command: number, at = 0): Call => call(__HYPERVISOR_sched_op, command, at);

const badPointer = (command: number): ErrorCase<World> =>
  failing(BAD_POINTER, (world) => schedOp(command, world.badAddress()));

const reason = (world: World, value: number): number =>
  world.arena.putStruct(sched.SCHED_SHUTDOWN, { reason: value });

const poll = (world: World, ports: number, nrPorts: number): Call =>
  schedOp(
    sched.SCHEDOP_poll,
    world.arena.putStruct(sched.SCHED_POLL, {
      ports,
      nrPorts,
      timeout: world.now() + 1 + world.draw.below(5000),
    }),
  );

const goodPoll = (world: World): Call => {
  const known = [...world.ports.keys()];
  const ports = Array.from({ length: known.length === 0 ? 0 : world.draw.below(5) }, () =>
    world.draw.pick(known),
  );
  return poll(world, ports.length === 0 ? 0 : world.arena.putWords(ports), ports.length);
};

const remote = (world: World, domainId: number, code: number): Call =>
  schedOp(
    sched.SCHEDOP_remote_shutdown,
    world.arena.putStruct(sched.SCHED_REMOTE_SHUTDOWN, { domainId: domainId as never, reason: code }),
  );

const watchdog = (world: World, id: number, timeout: number): Call =>
  schedOp(sched.SCHEDOP_watchdog, world.arena.putStruct(sched.SCHED_WATCHDOG, { id, timeout }));

/** Long enough not to fire before the attacker's life is over. */
const LONG_SECONDS = 100_000;

/** Bytes of pending and masked ports in shared_info, and of what comes before `cr2` in vcpu_info. */
const PORT_BYTES = { x86_32p: 256, x86_64: 1024 } as const;
const UPCALL_BYTES = { x86_32p: 8, x86_64: 16 } as const;

const setTimer = ({ isWide }: World, at: number): Call =>
  isWide
    ? call(__HYPERVISOR_set_timer_op, at)
    : call(__HYPERVISOR_set_timer_op, at % 2 ** 32, Math.floor(at / 2 ** 32));
const WAKE_NS = 20_000;
/** The timer must not fire before the wait begins, and a reset of all ports comes before. */
const WAKE_AFTER_RESET_NS = 400_000;

/** A wait that the timer ends: events are two-level ones, nothing is pending or masked before, and VIRQ_TIMER comes soon. */
const waiting = (world: World, made: Call): Plan => {
  const { sharedInfo, arena } = world;
  sharedInfo.copyIn(SHARED_INFO[world.width].evtchnPending, new Uint8Array(PORT_BYTES[world.width]));
  sharedInfo.copyIn(0, new Uint8Array(UPCALL_BYTES[world.width]));
  const bind = arena.putStruct(EVTCHN_BIND_VIRQ, { virq: VIRQ_TIMER, vcpu: 0, port: toPort(0) });
  const wakeNs = world.now() + (hasQueues(world) ? WAKE_AFTER_RESET_NS : WAKE_NS);
  return [
    ...(hasQueues(world) ? [resetOf(world, DOMID_SELF)] : []),
    call(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, bind),
    setTimer(world, wakeNs),
    made,
  ];
};

/** Named reasons most of the time; of any other number the low byte counts. */
const drawReason = ({ draw }: World): number => (draw.chance(4) ? draw.next32() : draw.below(6));

/** sched_op, its older form, and set_timer_op. [XEN sched.h] */
export const schedulingOperations: readonly AttackOperation[] = [
  {
    name: "sched_op yield",
    succeeds: (world) => schedOp(sched.SCHEDOP_yield, world.draw.next32()),
    errors: {},
  },
  { name: "sched_op block", succeeds: (world) => waiting(world, schedOp(sched.SCHEDOP_block)), errors: {} },
  {
    name: "sched_op shutdown",
    succeeds: (world) => schedOp(sched.SCHEDOP_shutdown, reason(world, drawReason(world))),
    errors: { EFAULT: badPointer(sched.SCHEDOP_shutdown) },
    endsDomain: true,
  },
  {
    name: "sched_op shutdown_code",
    succeeds: (world) => schedOp(sched.SCHEDOP_shutdown_code, reason(world, drawReason(world))),
    errors: { EFAULT: badPointer(sched.SCHEDOP_shutdown_code) },
  },
  {
    name: "sched_op poll",
    succeeds: goodPoll,
    errors: {
      EFAULT: failing(BAD_POINTER, (world) =>
        world.draw.chance(2)
          ? schedOp(sched.SCHEDOP_poll, world.badAddress())
          : poll(world, world.badAddress(), 1 + world.draw.below(128)),
      ),
      EINVAL: failing("too many ports, or one that is none", (world) =>
        world.draw.chance(2)
          ? poll(world, world.arena.reserve(16), 129 + (world.draw.next32() >>> 1))
          : poll(world, world.arena.putWords([0x1000 + world.draw.below(10)]), 1),
      ),
    },
  },
  refused("sched_op remote_shutdown", "the caller is not privileged", {
    EFAULT: badPointer(sched.SCHEDOP_remote_shutdown),
    ESRCH: failing(NO_DOMAIN, (world) => remote(world, world.absentDomain(), 0)),
    EPERM: failing(NOT_PRIVILEGED, (world) => remote(world, world.otherDomain(), world.draw.below(8))),
  }),
  {
    name: "sched_op watchdog",
    succeeds: (world) =>
      world.draw.chance(2) ? watchdog(world, 0, LONG_SECONDS) : watchdog(world, 1 + world.draw.below(2), 0),
    errors: {
      EFAULT: badPointer(sched.SCHEDOP_watchdog),
      EINVAL: failing("there is no such watchdog, or a new one without a time", (world) =>
        world.draw.chance(2) ? watchdog(world, 3 + (world.draw.next32() >>> 1), 1) : watchdog(world, 0, 0),
      ),
      ENOSPC: failing("both watchdogs are in use", (world) =>
        Array.from({ length: 3 }, () => watchdog(world, 0, LONG_SECONDS)),
      ),
    },
  },
  refused("sched_op pin_override", "the caller is not privileged", {
    EPERM: failing("the caller is not privileged", (world) =>
      schedOp(sched.SCHEDOP_pin_override, world.arena.putWords([0])),
    ),
  }),
  refused("sched_op, an unknown command", "there is no such command", {
    ENOSYS: failing("the command is not known", (world) =>
      schedOp(8 + (world.draw.next32() >>> 1), world.arena.reserve(16)),
    ),
  }),
  {
    name: "sched_op_compat yield",
    succeeds: () => call(__HYPERVISOR_sched_op_compat, sched.SCHEDOP_yield),
    errors: {},
  },
  {
    name: "sched_op_compat block",
    succeeds: (world) => waiting(world, call(__HYPERVISOR_sched_op_compat, sched.SCHEDOP_block)),
    errors: {},
  },
  {
    name: "sched_op_compat shutdown",
    succeeds: (world) => call(__HYPERVISOR_sched_op_compat, sched.SCHEDOP_shutdown, drawReason(world)),
    errors: {},
    endsDomain: true,
  },
  refused("sched_op_compat, an unknown command", "there is no such command", {
    ENOSYS: failing("the command is not known", (world) =>
      call(__HYPERVISOR_sched_op_compat, 3 + (world.draw.next32() >>> 1), world.draw.next32()),
    ),
  }),
  {
    name: "set_timer_op",
    succeeds: (world) => {
      const at = world.draw.chance(2)
        ? world.now() + world.draw.below(100_000)
        : world.draw.next32() * 2 ** 31;
      return setTimer(world, at);
    },
    errors: {},
  },
];
