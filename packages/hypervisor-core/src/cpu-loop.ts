import {
  type Clock,
  EXIT,
  type Exit,
  type Nanoseconds,
  type TimerQueue,
  toNanoseconds,
} from "@xenolith/machine-interface";
import type { Scheduler } from "@xenolith/scheduler-interface";
import type { TraceSink } from "@xenolith/trace";
import type { Delivery } from "./delivery/delivery.ts";
import { reloadSegments } from "./delivery/segment-reload.ts";
import type { CrashDomain } from "./domain.ts";
import type { HandleExit } from "./exit-handler.ts";
import type { MemoryManager } from "./memory-manager.ts";
import type { ProcessorSpeed } from "./processor-speed.ts";
import type { RunControl } from "./run-control.ts";
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
 * What a step came to. `ran`: work was done, or `untilNs` has come. `idle`: nothing can run before `nextNs`, a point of system
 * time (null: before something comes from outside). Idle time is the caller's: it skips or waits, and steps again.
 */
export type StepResult =
  | { readonly kind: "ran" }
  | { readonly kind: "idle"; readonly nextNs: Nanoseconds | null };

/** The physical processor: runs VCPUs one after the other as the scheduler says. */
export interface CpuLoop {
  /** Fires due timers and runs VCPUs until the work is done or there is none. */
  step(limits: StepLimits): StepResult;
  /** The time-stamp counter when so many instructions of the present run have retired. */
  timestamp(retired: number): number;
}

/** What the processor is made from. */
export interface CpuLoopParts {
  readonly clock: Clock;
  readonly timers: TimerQueue;
  readonly scheduler: Scheduler;
  readonly runControl: RunControl;
  readonly memory: MemoryManager;
  readonly delivery: Delivery;
  readonly handleExit: HandleExit;
  readonly crash: CrashDomain;
  readonly vcpuTimers: VcpuTimers;
  readonly systemTime: SystemTime;
  readonly speed: ProcessorSpeed;
  readonly trace: TraceSink;
}

/** Makes the processor loop. */
export const createCpuLoop = (parts: CpuLoopParts): CpuLoop => {
  const { clock, timers, scheduler, runControl, memory, delivery, handleExit, crash, speed, trace } = parts;
  const traceSchedule = trace.define(HYPERVISOR_TRACE.schedule);
  const traceIdle = trace.define(HYPERVISOR_TRACE.idle);
  /** System time at which the run under way began. */
  let runStartNs = 0;
  /** When the scheduler wants to be asked again, about the running VCPU or about idleness. */
  let sliceEndNs = 0;
  /** Time the chosen VCPU has run since it was chosen. */
  let ranNs = 0;

  const switchTo = (vcpu: Vcpu | null): void => {
    const last = runControl.current;
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
    const { current } = runControl;
    const goesOn = current?.isAwake === true && now < sliceEndNs && now < runControl.reconsiderAt;
    if (goesOn) return current;
    runControl.clearReconsider();
    const { vcpu: id, sliceNs } = scheduler.choose(now, ranNs);
    ranNs = 0;
    sliceEndNs = now + sliceNs;
    const chosen = id === null ? null : runControl.vcpuOf(id);
    if (trace.on) {
      if (chosen === null) trace.record(traceIdle, sliceEndNs);
      else trace.record(traceSchedule, chosen.domain.id, chosen.index, sliceNs);
    }
    switchTo(chosen);
    return chosen;
  };

  /** Makes a VCPU ready to enter its guest: pending events first. @returns false when it cannot run after all. */
  const prepare = (vcpu: Vcpu): boolean => {
    if (vcpu.x86 !== null) {
      memory.prepareRun(vcpu);
      delivery.pendingNmi(vcpu);
      delivery.pendingEvents(vcpu);
      if (vcpu.space === null) crash(vcpu.domain, "there is no page-table base", vcpu);
      else if (vcpu.x86.space !== vcpu.space) vcpu.x86.space = vcpu.space;
    }
    return vcpu.isAwake;
  };

  const account = (vcpu: Vcpu, elapsedNs: number): void => {
    clock.advance(toNanoseconds(elapsedNs));
    vcpu.cpuNs += elapsedNs;
    ranNs += elapsedNs;
  };

  /** Accounts for a run and for what the monitor does about its end. A run always takes time, so that time always passes. */
  const finish = (vcpu: Vcpu, exit: Exit): void => {
    const isGuest = vcpu.x86 !== null;
    const { kind, retired, software } = exit;
    const atLeast = !isGuest || software ? 1 : 0;
    account(
      vcpu,
      isGuest
        ? speed.elapsed(runStartNs, Math.max(retired, atLeast))
        : speed.elapsedTime(runStartNs, Math.max(retired, 1)),
    );
    if (isGuest) vcpu.instructions += retired;
    vcpu.instructions += handleExit(vcpu, exit);
    const leftByFault = isGuest && !software && (kind === EXIT.interrupt || kind === EXIT.privileged);
    const chargedNs = vcpu.chargedNs + (leftByFault ? speed.instructionNs : 0);
    vcpu.chargedNs = 0;
    if (chargedNs > 0) account(vcpu, speed.charged(chargedNs));
  };

  /** Runs a VCPU for at most `limit` instructions or nanoseconds. @returns how many of them it took. */
  const runOnce = (vcpu: Vcpu, now: number, untilNs: number, limit: number): number => {
    const executor = vcpu.executor;
    if (executor === null || !prepare(vcpu)) return 0;
    const stopNs = Math.min(
      untilNs,
      sliceEndNs,
      runControl.reconsiderAt,
      timers.next() ?? Number.POSITIVE_INFINITY,
    );
    const budget = vcpu.x86 === null ? speed.timeBudget(stopNs - now) : speed.budget(stopNs - now);
    runStartNs = now;
    const exit = executor.run(Math.max(1, Math.min(budget, limit)));
    const used = exit.retired;
    finish(vcpu, exit);
    return Math.max(1, used);
  };

  /** When something will be to do again, or null. */
  const nextWork = (): Nanoseconds | null => {
    const next = Math.min(timers.next() ?? Number.POSITIVE_INFINITY, sliceEndNs);
    return next === Number.POSITIVE_INFINITY ? null : toNanoseconds(next);
  };

  return {
    timestamp: (retired) => speed.timestamp(runStartNs, retired),
    step({ workNs, untilNs }) {
      for (let used = 0; ; ) {
        timers.runDue(clock.now());
        const now = clock.now();
        if (now >= untilNs || used >= workNs) return { kind: "ran" };
        const vcpu = chooseVcpu(now);
        if (vcpu === null) return used > 0 ? { kind: "ran" } : { kind: "idle", nextNs: nextWork() };
        used += runOnce(vcpu, now, untilNs, workNs - used);
      }
    },
  };
};
