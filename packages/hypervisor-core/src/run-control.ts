import { type Clock, toNanoseconds } from "@xenolith/machine-interface";
import type { CpuId, VcpuId } from "@xenolith/scheduler-interface";
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

/** A physical CPU between two runs. */
export interface PhysicalCpu {
  readonly id: CpuId;
  /** The VCPU on it, or null: it idles. */
  current: Vcpu | null;
  /** When the scheduler wants to choose again because of wake-ups. Infinity: not before the slice ends. */
  reconsiderAt: number;
  /** When the scheduler wants to be asked again, about the running VCPU or about idleness. */
  sliceEndNs: number;
  /** System time at which the run under way, or the last one, began. */
  runStartNs: number;
  /** Time the chosen VCPU has run since it was chosen. */
  ranNs: number;
  /** Time it has come to, where that is ahead of the host's. */
  reachedNs: number;
}

/**
 * Which VCPUs may run: keeps each one's reasons not to (blocked, down, paused, shut down), tells the scheduler when the
 * answer changes, and accounts for the time spent in each state.
 */
export interface RunControl {
  /** Makes a VCPU known to the scheduler, asleep. */
  admit(vcpu: Vcpu, parameters: Readonly<Record<string, number | boolean>>): void;
  /** Takes it out for good. */
  remove(vcpu: Vcpu): void;
  /** Takes it out of its scheduler, to be admitted to another: it runs on no CPU at the moment. */
  withdraw(vcpu: Vcpu): void;
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
  /** How often a VCPU has become able to run, or unable to. */
  readonly wakings: number;

  readonly cpus: readonly PhysicalCpu[];
  /** The physical CPU that is simulated at the moment. */
  readonly active: PhysicalCpu;
  /** Makes another CPU the {@link active} one. */
  activate(cpu: PhysicalCpu): void;
  /** Notes that a VCPU is on the active CPU now (null: none). */
  setCurrent(vcpu: Vcpu | null): void;
  /** Time that a VCPU has been on a processor, up to now: its virtual time. */
  executedNs(vcpu: Vcpu): number;
  /** Time in each runstate up to now, the present state included, by number of the state. */
  runstateTimes(vcpu: Vcpu): [number, number, number, number];
}

/** What run control is made from. */
export interface RunControlParts {
  readonly clock: Clock;
  /** Number of physical CPUs, at least 1. */
  readonly cpuCount: number;
  readonly upcalls: UpcallState;
  /** Told when a wait ends, so that a poll that goes with it ends too. */
  readonly endPoll: (vcpu: Vcpu) => void;
  readonly trace: TraceSink;
}

/** Makes the run control of a host. */
export const createRunControl = ({
  clock,
  cpuCount,
  upcalls,
  endPoll,
  trace,
}: RunControlParts): RunControl => {
  const vcpus = new Map<VcpuId, Vcpu>();
  const traceWake = trace.define(HYPERVISOR_TRACE.wake);
  const traceSleep = trace.define(HYPERVISOR_TRACE.sleep);
  const newCpu = (id: CpuId): PhysicalCpu => ({
    id,
    current: null,
    reconsiderAt: Number.POSITIVE_INFINITY,
    sliceEndNs: 0,
    runStartNs: 0,
    ranNs: 0,
    reachedNs: 0,
  });
  const first = newCpu(0);
  const cpus = [first, ...Array.from({ length: cpuCount - 1 }, (_, index) => newCpu(index + 1))];

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
    // The time of another CPU may be a little behind that at which the state was entered.
    const now = toNanoseconds(Math.max(vcpu.runstateSince, clock.now()));
    vcpu.runstateTimes[vcpu.runstate] += now - vcpu.runstateSince;
    vcpu.runstateSince = now;
    vcpu.runstate = state;
  };

  /** State for accounting: blocked counts only where nothing but the missing event keeps it from running. */
  const stateOf = (vcpu: Vcpu): Runstate => {
    if (vcpu.isAwake) return vcpu.runsOn !== null ? RUNSTATE_running : RUNSTATE_runnable;
    return vcpu.isBlocked && vcpu.isUp && vcpu.domain.pauseCount === 0 ? RUNSTATE_blocked : RUNSTATE_offline;
  };

  const update = (vcpu: Vcpu): void => {
    const runnable = isRunnable(vcpu);
    if (runnable !== vcpu.isAwake && vcpus.has(vcpu.schedulerId)) {
      vcpu.isAwake = runnable;
      control.wakings += 1;
      const now = clock.now();
      const { scheduler } = vcpu.domain.pool;
      if (runnable) {
        const { cpu, atNs } = scheduler.wake(vcpu.schedulerId, now);
        const chosen = cpus[cpu];
        if (chosen !== undefined) chosen.reconsiderAt = Math.min(chosen.reconsiderAt, atNs);
      } else scheduler.sleep(vcpu.schedulerId, now);
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

  // `active` and `wakings` are plain fields: an accessor would make every use of the object a search by name.
  const control: RunControl & { active: PhysicalCpu; wakings: number } = {
    admit(vcpu, parameters) {
      const { affinity, domain } = vcpu;
      domain.pool.scheduler.admit(vcpu.schedulerId, parameters, { group: domain.id, affinity });
      vcpus.set(vcpu.schedulerId, vcpu);
      update(vcpu);
    },
    withdraw(vcpu) {
      if (!vcpus.delete(vcpu.schedulerId)) return;
      vcpu.domain.pool.scheduler.remove(vcpu.schedulerId);
      vcpu.isAwake = false;
    },
    remove(vcpu) {
      if (!vcpus.delete(vcpu.schedulerId)) return;
      vcpu.domain.pool.scheduler.remove(vcpu.schedulerId);
      vcpu.isAwake = false;
      vcpu.isBlocked = false;
      enter(vcpu, RUNSTATE_offline);
      for (const cpu of cpus) if (cpu.current === vcpu) cpu.current = null;
      vcpu.runsOn = null;
    },
    vcpuOf: (id) => vcpus.get(id) ?? null,
    block(vcpu) {
      upcalls.setMasked(vcpu, false);
      if (!upcalls.isPending(vcpu)) sleep(vcpu);
    },
    sleep,
    unblock,
    yield() {
      control.active.reconsiderAt = clock.now();
    },
    update,
    updateAll: (domain) => domain.vcpus.forEach(update),
    isRunnable,
    wakings: 0,
    cpus,
    active: first,
    activate(cpu) {
      control.active = cpu;
    },
    setCurrent(vcpu) {
      const { active } = control;
      const last = active.current;
      active.current = vcpu;
      if (last !== null && last !== vcpu) {
        last.runsOn = null;
        enter(last, stateOf(last));
      }
      if (vcpu === null) return;
      vcpu.runsOn = active.id;
      vcpu.lastCpu = active.id;
      enter(vcpu, stateOf(vcpu));
    },
    executedNs: ({ runstate, runstateSince, runstateTimes: times }) =>
      times[RUNSTATE_running] +
      (runstate === RUNSTATE_running ? Math.max(0, clock.now() - runstateSince) : 0),
    runstateTimes(vcpu) {
      const times: [number, number, number, number] = [...vcpu.runstateTimes];
      times[vcpu.runstate] += Math.max(0, clock.now() - vcpu.runstateSince);
      return times;
    },
  };
  return control;
};
