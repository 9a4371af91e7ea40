import type { EventChannels } from "@xenolith/event-channels";
import { EFAULT, EINVAL, ENOSYS, EPERM, ESRCH } from "@xenolith/xen-abi";
import {
  SCHED_POLL,
  SCHED_REMOTE_SHUTDOWN,
  SCHED_SHUTDOWN,
  SCHED_WATCHDOG,
  SCHEDOP_block,
  SCHEDOP_POLL_PORTS_MAX,
  SCHEDOP_pin_override,
  SCHEDOP_poll,
  SCHEDOP_remote_shutdown,
  SCHEDOP_shutdown,
  SCHEDOP_shutdown_code,
  SCHEDOP_watchdog,
  SCHEDOP_yield,
} from "@xenolith/xen-abi/sched";
import type { Struct } from "@xenolith/xen-abi/struct";
import { __HYPERVISOR_sched_op, __HYPERVISOR_sched_op_compat } from "@xenolith/xen-abi/xen";
import type { DomainList } from "../domain-list.ts";
import { type Shutdown, shutdownReasonOf } from "../lifecycle/shutdown.ts";
import type { RunControl } from "../run-control.ts";
import type { VcpuTimers } from "../time/vcpu-timers.ts";
import type { Watchdogs } from "../time/watchdogs.ts";
import type { UpcallState } from "../upcall-state.ts";
import type { Hypercall, HypercallContext } from "./context.ts";

/** What the scheduling calls are made from. */
export interface SchedOpParts {
  readonly domains: DomainList;
  readonly runControl: RunControl;
  readonly shutdown: Shutdown;
  readonly upcalls: UpcallState;
  readonly events: EventChannels;
  readonly timers: VcpuTimers;
  readonly watchdogs: Watchdogs;
}

const BYTES_PER_PORT = 4;

const readArgument = <Fields extends object>(call: HypercallContext, type: Struct<Fields>): Fields | null => {
  const view = call.guest.read(call.argument(1), type.size(call.width));
  return view && type.read(view, 0, call.width);
};

/** sched_op(command, argument). [XEN sched.h] */
export const createSchedOp = (parts: SchedOpParts): Hypercall => {
  const { domains, runControl, shutdown, upcalls, events, timers, watchdogs } = parts;

  const readPorts = (call: HypercallContext, at: number, count: number): number[] | null => {
    const view = call.guest.read(at, count * BYTES_PER_PORT);
    return view && Array.from({ length: count }, (_, index) => view.getUint32(index * BYTES_PER_PORT, true));
  };

  const poll = (call: HypercallContext): number => {
    const { vcpu, domain } = call;
    const request = readArgument(call, SCHED_POLL);
    if (request === null) return -EFAULT;
    if (request.nrPorts > SCHEDOP_POLL_PORTS_MAX) return -EINVAL;
    const ports = readPorts(call, request.ports, request.nrPorts);
    if (ports === null) return -EFAULT;
    if (upcalls.isDeliverable(vcpu)) return 0;
    const started = events.beginPoll(domain.id, vcpu.index, ports);
    if (started <= 0) return started;
    if (request.timeout !== 0) timers.setPollTimeout(vcpu, request.timeout);
    runControl.sleep(vcpu);
    return 0;
  };

  const stop = (call: HypercallContext): number => {
    const request = readArgument(call, SCHED_SHUTDOWN);
    if (request === null) return -EFAULT;
    shutdown.shutdown(call.domain, shutdownReasonOf(request.reason));
    return 0;
  };

  const registerCode = (call: HypercallContext): number => {
    const request = readArgument(call, SCHED_SHUTDOWN);
    if (request === null) return -EFAULT;
    call.domain.shutdownCode = shutdownReasonOf(request.reason);
    return 0;
  };

  const stopRemote = (call: HypercallContext): number => {
    const request = readArgument(call, SCHED_REMOTE_SHUTDOWN);
    if (request === null) return -EFAULT;
    const target = domains.resolveRemote(request.domainId);
    if (target === null) return -ESRCH;
    if (!call.domain.privileged) return -EPERM;
    shutdown.shutdown(target, shutdownReasonOf(request.reason));
    return 0;
  };

  const watchdog = (call: HypercallContext): number => {
    const request = readArgument(call, SCHED_WATCHDOG);
    return request === null ? -EFAULT : watchdogs.set(call.domain, request.id, request.timeout);
  };

  return {
    number: __HYPERVISOR_sched_op,
    handle(call) {
      switch (call.argument32(0)) {
        case SCHEDOP_yield:
          runControl.yield();
          return 0;
        case SCHEDOP_block:
          runControl.block(call.vcpu);
          return 0;
        case SCHEDOP_shutdown:
          return stop(call);
        case SCHEDOP_shutdown_code:
          return registerCode(call);
        case SCHEDOP_poll:
          return poll(call);
        case SCHEDOP_remote_shutdown:
          return stopRemote(call);
        case SCHEDOP_watchdog:
          return watchdog(call);
        case SCHEDOP_pin_override:
          return call.domain.privileged ? -ENOSYS : -EPERM;
        default:
          return -ENOSYS;
      }
    },
  };
};

/** sched_op_compat(command, argument): yield, block, and shutdown with the reason itself as argument. [XEN sched.h] */
export const createSchedOpCompat = ({
  runControl,
  shutdown,
}: Pick<SchedOpParts, "runControl" | "shutdown">): Hypercall => ({
  number: __HYPERVISOR_sched_op_compat,
  handle(call) {
    switch (call.argument32(0)) {
      case SCHEDOP_yield:
        runControl.yield();
        return 0;
      case SCHEDOP_block:
        runControl.block(call.vcpu);
        return 0;
      case SCHEDOP_shutdown:
        shutdown.shutdown(call.domain, shutdownReasonOf(call.argument32(1)));
        return 0;
      default:
        return -ENOSYS;
    }
  },
});
