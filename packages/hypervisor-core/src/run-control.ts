import type { Clock } from "@xenolith/machine-interface";
import type { Scheduler, VcpuId } from "@xenolith/scheduler-interface";
import type { TraceSink } from "@xenolith/trace";
import {
  RUNSTATE_blocked,
  RUNSTATE_offline,
  RUNSTATE_runnable,
  RUNSTATE_running,
} from "@xenolith/xen-abi/vcpu";
import type { Domain } from "./domain.ts";
import { HYPERVISOR_TRACE } from "./trace.ts";
import type { UpcallState } from "./upcall-state.ts";
import type { Runstate, Vcpu } from "./vcpu.ts";

/**
 * Which VCPUs may run: keeps each one's reasons not to (blocked, down, paused, shut down), tells the scheduler when the
 * answer changes, and accounts for the time spent in each state.
 */
export interface RunControl {
  /** Makes a VCPU known to the scheduler, asleep. */
  admit(vcpu: Vcpu, parameters: Readonly<Record<string, number | boolean>>): void;
  /** Takes it out for good. */
  remove(vcpu: Vcpu): void;
  vcpuOf(id: VcpuId): Vcpu | null;

  /** Waits for an event, unless one is deliverable: unmasks upcalls first, as SCHEDOP_block does. */
  block(vcpu: Vcpu): void;
  /** Waits without looking at events: the caller has. */
  sleep(vcpu: Vcpu): void;
  /** Ends a wait, if there is one. */
  unblock(vcpu: Vcpu): void;
  /** Gives the processor away for now. */
  yield(): void;
  /** Looks again at one VCPU after `isUp`, `isInitialised` or its domain's state has been changed. */
  update(vcpu: Vcpu): void;
  /** Looks again at all VCPUs of a domain. */
  updateAll(domain: Domain): void;
  isRunnable(vcpu: Vcpu): boolean;

  /** Notes that a VCPU is on the processor now (null: none). */
  setCurrent(vcpu: Vcpu | null): void;
  readonly current: Vcpu | null;
  /** When the scheduler wants to choose again because of wake-ups. Infinity: not before the slice ends. */
  readonly reconsiderAt: number;
  /** Forgets {@link reconsiderAt}: the scheduler is being asked. */
  clearReconsider(): void;

  /** Time in each runstate up to now, the present state included, by number of the state. */
  runstateTimes(vcpu: Vcpu): [number, number, number, number];
}

/** What run control is made from. */
export interface RunControlParts {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly upcalls: UpcallState;
  /** Told when a wait ends, so that a poll that goes with it ends too. */
  readonly endPoll: (vcpu: Vcpu) => void;
  readonly trace: TraceSink;
}

/** Makes the run control of a host. */
export const createRunControl = ({
  clock,
  scheduler,
  upcalls,
  endPoll,
  trace,
}: RunControlParts): RunControl => {
  const vcpus = new Map<VcpuId, Vcpu>();
  const traceWake = trace.define(HYPERVISOR_TRACE.wake);
  const traceSleep = trace.define(HYPERVISOR_TRACE.sleep);
  let current: Vcpu | null = null;
  let reconsiderAt = Number.POSITIVE_INFINITY;

  const isRunnable = ({ domain, executor, isInitialised, isUp, isBlocked }: Vcpu): boolean =>
    executor !== null &&
    isInitialised &&
    isUp &&
    !isBlocked &&
    domain.pauseCount === 0 &&
    domain.shutdownReason === null &&
    !domain.dying;

  const enter = (vcpu: Vcpu, state: Runstate): void => {
    if (vcpu.runstate === state) return;
    const now = clock.now();
    vcpu.runstateTimes[vcpu.runstate] += now - vcpu.runstateSince;
    vcpu.runstateSince = now;
    vcpu.runstate = state;
  };

  /** State for accounting: blocked counts only where nothing but the missing event keeps it from running. */
  const stateOf = (vcpu: Vcpu): Runstate => {
    if (vcpu.isAwake) return vcpu === current ? RUNSTATE_running : RUNSTATE_runnable;
    return vcpu.isBlocked && vcpu.isUp && vcpu.domain.pauseCount === 0 ? RUNSTATE_blocked : RUNSTATE_offline;
  };

  const update = (vcpu: Vcpu): void => {
    const runnable = isRunnable(vcpu);
    if (runnable !== vcpu.isAwake && vcpus.has(vcpu.schedulerId)) {
      vcpu.isAwake = runnable;
      const now = clock.now();
      if (runnable) reconsiderAt = Math.min(reconsiderAt, scheduler.wake(vcpu.schedulerId, now));
      else scheduler.sleep(vcpu.schedulerId, now);
      if (trace.on) trace.record(runnable ? traceWake : traceSleep, vcpu.domain.id, vcpu.index);
    }
    enter(vcpu, stateOf(vcpu));
  };

  const sleep = (vcpu: Vcpu): void => {
    vcpu.isBlocked = true;
    update(vcpu);
  };

  const unblock = (vcpu: Vcpu): void => {
    if (!vcpu.isBlocked) return;
    vcpu.isBlocked = false;
    endPoll(vcpu);
    update(vcpu);
  };

  return {
    admit(vcpu, parameters) {
      scheduler.admit(vcpu.schedulerId, parameters);
      vcpus.set(vcpu.schedulerId, vcpu);
      update(vcpu);
    },
    remove(vcpu) {
      if (!vcpus.delete(vcpu.schedulerId)) return;
      scheduler.remove(vcpu.schedulerId);
      vcpu.isAwake = false;
      vcpu.isBlocked = false;
      enter(vcpu, RUNSTATE_offline);
      if (current === vcpu) current = null;
    },
    vcpuOf: (id) => vcpus.get(id) ?? null,
    block(vcpu) {
      upcalls.setMasked(vcpu, false);
      if (!upcalls.isPending(vcpu)) sleep(vcpu);
    },
    sleep,
    unblock,
    yield() {
      reconsiderAt = clock.now();
    },
    update,
    updateAll: (domain) => domain.vcpus.forEach(update),
    isRunnable,
    setCurrent(vcpu) {
      const last = current;
      current = vcpu;
      if (last !== null && last !== vcpu) enter(last, stateOf(last));
      if (vcpu !== null) enter(vcpu, stateOf(vcpu));
    },
    get current() {
      return current;
    },
    get reconsiderAt() {
      return reconsiderAt;
    },
    clearReconsider() {
      reconsiderAt = Number.POSITIVE_INFINITY;
    },
    runstateTimes(vcpu) {
      const times: [number, number, number, number] = [...vcpu.runstateTimes];
      times[vcpu.runstate] += clock.now() - vcpu.runstateSince;
      return times;
    },
  };
};
