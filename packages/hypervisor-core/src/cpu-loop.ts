import {
  type Clock,
  EXIT,
  type Exit,
  type Nanoseconds,
  type TimerQueue,
  toNanoseconds,
} from "@xenolith/machine-interface";
import type { TraceSink } from "@xenolith/trace";
import type { CpuPools } from "./cpu-pools.ts";
import type { Delivery } from "./delivery/delivery.ts";
import { FAULT_COST_NS } from "./delivery/exit-cost.ts";
import { reloadSegments } from "./delivery/segment-reload.ts";
import type { GuestTransitions } from "./delivery/transition-gates.ts";
import type { CrashDomain } from "./domain.ts";
import type { HandleExit } from "./exit-handler.ts";
import type { MemoryManager } from "./memory-manager.ts";
import type { ProcessorSpeed } from "./processor-speed.ts";
import type { RunControl } from "./run-control.ts";
import type { LocalClock } from "./time/local-clock.ts";
import { writeRunstateArea } from "./time/runstate-area.ts";
import type { SystemTime } from "./time/system-time.ts";
import type { VcpuTimers } from "./time/vcpu-timers.ts";
import { HYPERVISOR_TRACE } from "./trace.ts";
import type { Vcpu } from "./vcpu.ts";

/** How long the caller lets the processor work before it looks at other things. */
export interface StepLimits {
  /** Work to do at most: instructions of guests, nanoseconds of TypeScript kernels. What guests see does not depend on it. */
  readonly workNs: number;
  /** System time to stop at. Infinity: none. */
  readonly untilNs: number;
}

/**
 * What a step came to. `ran`: work was done, or `untilNs` has come; `isSteady`: those that could run at its beginning could at its end
 * and all the time, and nobody else. `idle`: nothing can run before `nextNs`, a point of system
 * time (null: before something comes from outside). Idle time is the caller's: it skips or waits, and steps again.
 */
export type StepResult =
  | { readonly kind: "ran"; readonly isSteady: boolean }
  | { readonly kind: "idle"; readonly nextNs: Nanoseconds | null };

/** The physical CPUs, simulated in turn: each runs VCPUs one after the other as the scheduler of its pool says. */
export interface CpuLoop {
  /** Fires due timers and runs VCPUs until the work is done or there is none. */
  step(limits: StepLimits): StepResult;
  /** Takes every VCPU off its CPU, so that all schedulers are asked again: pools or affinities have changed. */
  recall(): void;
  /** The time-stamp counter when so many instructions of the present run have retired. */
  timestamp(retired: number): number;
}

/** What the physical CPUs are made from. */
export interface CpuLoopParts {
  readonly clock: Clock;
  readonly timers: TimerQueue;
  /** The host's clock, where there are several CPUs and `clock` is the time of the one that is simulated; else null. */
  readonly local: LocalClock | null;
  readonly pools: CpuPools;
  readonly runControl: RunControl;
  readonly memory: MemoryManager;
  readonly delivery: Delivery;
  readonly transitions: GuestTransitions;
  readonly handleExit: HandleExit;
  readonly crash: CrashDomain;
  readonly vcpuTimers: VcpuTimers;
  readonly systemTime: SystemTime;
  readonly speed: ProcessorSpeed;
  readonly trace: TraceSink;
}

/**
 * With several CPUs under a virtual clock they go through windows of this length one after the other, so that what one does to
 * another takes effect by the end of a window. Windows lie at multiples of it, whatever is asked of a step.
 */
const WINDOW_NS = 100_000;

/** Makes the loop of the physical CPUs. */
export const createCpuLoop = (parts: CpuLoopParts): CpuLoop => {
  const {
    clock,
    local,
    timers,
    pools,
    runControl,
    memory,
    delivery,
    transitions,
    handleExit,
    crash,
    speed,
    trace,
  } = parts;
  const traceSchedule = trace.define(HYPERVISOR_TRACE.schedule);
  const traceIdle = trace.define(HYPERVISOR_TRACE.idle);
  const switchTo = (vcpu: Vcpu | null): void => {
    const last = runControl.active.current;
    if (last === vcpu) return;
    if (last !== null) parts.vcpuTimers.suspend(last);
    runControl.setCurrent(vcpu);
    if (vcpu === null) return;
    parts.vcpuTimers.resume(vcpu);
    if (vcpu.x86 === null) return;
    memory.prepareRun(vcpu);
    reloadSegments(vcpu, delivery);
    parts.systemTime.refresh(vcpu);
    writeRunstateArea(vcpu, runControl);
  };

  /** The VCPU to run now, or null: idle. Asks the scheduler when the slice is over or something has changed. */
  const chooseVcpu = (now: number): Vcpu | null => {
    const { active: cpu } = runControl;
    const { current } = cpu;
    const goesOn = current?.isAwake === true && now < cpu.sliceEndNs && now < cpu.reconsiderAt;
    if (goesOn) return current;
    const scheduler = pools.ofCpu(cpu.id)?.scheduler ?? null;
    if (scheduler === null) return null;
    cpu.reconsiderAt = Number.POSITIVE_INFINITY;
    const { vcpu: id, sliceNs } = scheduler.choose(cpu.id, now, cpu.ranNs);
    cpu.ranNs = 0;
    cpu.sliceEndNs = now + sliceNs;
    const chosen = id === null ? null : runControl.vcpuOf(id);
    if (trace.on) {
      if (chosen === null) trace.record(traceIdle, cpu.sliceEndNs);
      else trace.record(traceSchedule, chosen.domain.id, chosen.index, sliceNs);
    }
    switchTo(chosen);
    return chosen;
  };

  const account = (vcpu: Vcpu, elapsedNs: number): void => {
    clock.advance(toNanoseconds(elapsedNs));
    vcpu.cpuNs += elapsedNs;
    runControl.active.ranNs += elapsedNs;
  };

  /** Calls a VCPU's kernel for what waits. @returns whether that was for events, and has taken time */
  const callKernel = (vcpu: Vcpu): boolean => {
    if (vcpu.x86 === null) return false;
    memory.prepareRun(vcpu);
    delivery.pendingNmi(vcpu);
    if (!delivery.pendingEvents(vcpu)) return false;
    account(vcpu, speed.charged(FAULT_COST_NS));
    vcpu.ranUntilNs = clock.now();
    return true;
  };

  /** Makes a VCPU ready to enter its guest. @returns false when it cannot run after all. */
  const prepare = (vcpu: Vcpu): boolean => {
    if (vcpu.x86 !== null) {
      if (vcpu.space === null) crash(vcpu.domain, "there is no page-table base", vcpu);
      else {
        if (vcpu.x86.space !== vcpu.space) vcpu.x86.space = vcpu.space;
        transitions.open(vcpu, vcpu.x86);
      }
    }
    return vcpu.isAwake;
  };

  /** Accounts for a run and for what the monitor does about its end. A run always takes time, so that time always passes. */
  const finish = (vcpu: Vcpu, exit: Exit, gatesTook: number): void => {
    const isGuest = vcpu.x86 !== null;
    const { runStartNs } = runControl.active;
    const { kind, retired } = exit;
    const software = kind === EXIT.interrupt && exit.software;
    const atLeast = !isGuest || software ? 1 : 0;
    account(
      vcpu,
      isGuest
        ? speed.elapsed(runStartNs, Math.max(retired, atLeast) + gatesTook)
        : speed.elapsedTime(runStartNs, Math.max(retired, 1)),
    );
    if (isGuest) vcpu.instructions += retired;
    vcpu.instructions += handleExit(vcpu, exit);
    const leftByFault = isGuest && !software && (kind === EXIT.interrupt || kind === EXIT.privileged);
    const chargedNs = vcpu.chargedNs + (leftByFault ? speed.instructionNs : 0);
    vcpu.chargedNs = 0;
    if (chargedNs > 0) account(vcpu, speed.charged(chargedNs));
    vcpu.ranUntilNs = clock.now();
  };

  /**
   * Runs a VCPU for at most `limit` instructions or nanoseconds, or calls its kernel for events: timers may be due after that.
   * @returns how many of them it took.
   */
  const runOnce = (vcpu: Vcpu, now: number, untilNs: number, limit: number): number => {
    const executor = vcpu.executor;
    if (executor === null) return 0;
    if (callKernel(vcpu)) return FAULT_COST_NS;
    if (!prepare(vcpu)) return 0;
    const { active } = runControl;
    const stopNs = Math.min(
      untilNs,
      active.sliceEndNs,
      active.reconsiderAt,
      timers.next() ?? Number.POSITIVE_INFINITY,
    );
    const budget = vcpu.x86 === null ? speed.timeBudget(stopNs - now) : speed.budget(stopNs - now);
    active.runStartNs = now;
    const exit = executor.run(Math.max(1, Math.min(budget, limit)));
    const used = exit.retired;
    const gatesTook = vcpu.x86 === null ? 0 : transitions.close(vcpu, vcpu.x86);
    finish(vcpu, exit, gatesTook);
    return Math.max(1, used);
  };

  /** When something will be to do again, or null. */
  const nextWork = (): Nanoseconds | null => {
    let next = timers.next() ?? Number.POSITIVE_INFINITY;
    for (const cpu of runControl.cpus)
      if (pools.ofCpu(cpu.id) !== null) next = Math.min(next, cpu.sliceEndNs, cpu.reconsiderAt);
    return next === Number.POSITIVE_INFINITY ? null : toNanoseconds(next);
  };

  /** Lets each CPU run once, in turn: there is one, or time passes by itself. @returns how much they did; null: all idle. */
  const round = (untilNs: number, limit: number): number | null => {
    let used: number | null = null;
    for (const cpu of runControl.cpus) {
      runControl.activate(cpu);
      const now = clock.now();
      const vcpu = chooseVcpu(now);
      if (vcpu === null) continue;
      used ??= 0;
      used += runOnce(vcpu, now, untilNs, Math.max(1, limit - used));
    }
    return used;
  };

  /** Lets the active CPU go through a window to `endNs`, or to a timer before that. @returns how much it did; null: it idled. */
  const goThrough = (endNs: number): number | null => {
    for (let used: number | null = null; ; ) {
      const now = clock.now();
      const vcpu = now < Math.min(endNs, timers.next() ?? endNs) ? chooseVcpu(now) : null;
      if (vcpu === null) return used;
      used ??= 0;
      // It may have been on another CPU until a later time of this window.
      if (vcpu.ranUntilNs > now) clock.skipTo(toNanoseconds(Math.min(vcpu.ranUntilNs, endNs)));
      else used += runOnce(vcpu, now, endNs, Number.POSITIVE_INFINITY);
    }
  };

  /** Lets all CPUs go through the window that the host's time lies in. @returns how much they did; null: all idle. */
  const window = (times: LocalClock): number | null => {
    const startNs = times.leave();
    const endNs = Math.floor(startNs / WINDOW_NS + 1) * WINDOW_NS;
    let used: number | null = null;
    /** Where the host's time goes: to the end of the window, or to where the last CPU has become idle. */
    let reachedNs: number = startNs;
    for (const cpu of runControl.cpus) {
      runControl.activate(cpu);
      times.enter(Math.max(startNs, cpu.reachedNs));
      // One that is beyond the window already, because what it did last took longer, is not idle.
      const done = cpu.reachedNs >= endNs ? 0 : goThrough(endNs);
      if (done !== null) used = (used ?? 0) + done;
      cpu.reachedNs = times.leave();
      const isBusy = cpu.current?.isAwake === true;
      if (done !== null) reachedNs = Math.max(reachedNs, isBusy ? endNs : cpu.reachedNs);
    }
    if (used !== null) times.moveHost(Math.max(startNs, Math.min(reachedNs, endNs, timers.next() ?? endNs)));
    return used;
  };

  return {
    timestamp: (retired) => speed.timestamp(runControl.active.runStartNs, retired),
    recall() {
      const { active } = runControl;
      for (const cpu of runControl.cpus) {
        runControl.activate(cpu);
        switchTo(null);
        cpu.reconsiderAt = clock.now();
      }
      runControl.activate(active);
    },
    step({ workNs, untilNs }) {
      const { wakings } = runControl;
      const ran = (): StepResult => ({ kind: "ran", isSteady: runControl.wakings === wakings });
      for (let used = 0; ; ) {
        timers.runDue(clock.now());
        const now = clock.now();
        if (now >= untilNs || used >= workNs) return ran();
        const done = local === null ? round(untilNs, workNs - used) : window(local);
        if (done === null) return used > 0 ? ran() : { kind: "idle", nextNs: nextWork() };
        used += done;
      }
    },
  };
};
