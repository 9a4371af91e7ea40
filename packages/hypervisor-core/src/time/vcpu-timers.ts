import type { Clock, TimerQueue } from "@xenolith/machine-interface";
import { toNanoseconds } from "@xenolith/machine-interface";
import type { TraceSink } from "@xenolith/trace";
import { RUNSTATE_running } from "@xenolith/xen-abi/vcpu";
import { HYPERVISOR_TRACE } from "../trace.ts";
import type { Vcpu } from "../vcpu.ts";

/** Period of the timer a VCPU starts with: 100 Hz. */
export const DEFAULT_PERIOD_NS = 10_000_000;

/** Kinds of timer as the trace shows them. */
const KIND = { periodic: 0, singleshot: 1, poll: 2, virtual: 3 } as const;

/** The timers of VCPUs. The periodic and the one-shot timer raise VIRQ_TIMER. [XEN vcpu.h] */
export interface VcpuTimers {
  /** Arms the one-shot timer for a point of system time, in place of what was armed; null: stops it. */
  setSingleshot(vcpu: Vcpu, deadlineNs: number | null): void;
  /** Ends the VCPU's wait at a point of system time, in place of the one-shot timer: for kernels that are not machine code. */
  setWakeup(vcpu: Vcpu, deadlineNs: number | null): void;
  /** Sets the period; 0: off. It ticks while the VCPU is on a processor, and once when it comes back after a missed tick. */
  setPeriod(vcpu: Vcpu, periodNs: number): void;
  /**
   * Arms the virtual-time alarm for when the VCPU will have been on a processor for so long in all, in place of what was armed;
   * null: stops it. It raises VIRQ_VIRTUAL_TIMER. [SOSP03 3.3.2]
   */
  setVirtual(vcpu: Vcpu, deadlineNs: number | null): void;
  /** Limits a poll that has begun. */
  setPollTimeout(vcpu: Vcpu, deadlineNs: number): void;
  cancelPollTimeout(vcpu: Vcpu): void;
  /** The VCPU goes on a processor. */
  resume(vcpu: Vcpu): void;
  /** The VCPU leaves the processor. */
  suspend(vcpu: Vcpu): void;
  /** Stops everything, for good. */
  cancelAll(vcpu: Vcpu): void;
}

/** What timers of VCPUs are made from. */
export interface VcpuTimerParts {
  readonly clock: Clock;
  readonly timers: TimerQueue;
  readonly trace: TraceSink;
  /** Raises VIRQ_TIMER of a VCPU. */
  readonly raiseTimer: (vcpu: Vcpu) => void;
  /** Raises VIRQ_VIRTUAL_TIMER of a VCPU. */
  readonly raiseVirtualTimer: (vcpu: Vcpu) => void;
  /** Time that a VCPU has been on a processor. */
  readonly executedNs: (vcpu: Vcpu) => number;
  /** Ends the wait of a polling VCPU. */
  readonly endWait: (vcpu: Vcpu) => void;
}

/** Makes the timers of a host's VCPUs. */
export const createVcpuTimers = ({
  clock,
  timers,
  trace,
  raiseTimer,
  raiseVirtualTimer,
  executedNs,
  endWait,
}: VcpuTimerParts): VcpuTimers => {
  const traceTimer = trace.define(HYPERVISOR_TRACE.timer);
  const record = (vcpu: Vcpu, kind: number): void => {
    if (trace.on) trace.record(traceTimer, vcpu.domain.id, vcpu.index, kind);
  };

  const cancelPeriodic = (vcpu: Vcpu): void => {
    vcpu.periodicTimer?.cancel();
    vcpu.periodicTimer = null;
  };

  /** Fires the periodic timer when it is due and arms it for the next time. */
  const tick = (vcpu: Vcpu): void => {
    if (vcpu.periodNs === 0) return;
    const now = clock.now();
    if (now >= vcpu.periodicLastNs + vcpu.periodNs) {
      vcpu.periodicLastNs = now;
      record(vcpu, KIND.periodic);
      raiseTimer(vcpu);
    }
    vcpu.periodicTimer = timers.at(toNanoseconds(vcpu.periodicLastNs + vcpu.periodNs), () => tick(vcpu));
  };

  const arm = (vcpu: Vcpu, deadlineNs: number | null, fire: (vcpu: Vcpu) => void): void => {
    vcpu.singleshotTimer?.cancel();
    vcpu.singleshotTimer = null;
    if (deadlineNs === null) return;
    vcpu.singleshotTimer = timers.at(toNanoseconds(deadlineNs), () => {
      vcpu.singleshotTimer = null;
      record(vcpu, KIND.singleshot);
      fire(vcpu);
    });
  };

  const stopVirtual = (vcpu: Vcpu): void => {
    vcpu.virtualTimer?.cancel();
    vcpu.virtualTimer = null;
  };

  /** Arms what is left of the virtual-time alarm, as if the VCPU stayed on its processor for so long. */
  const startVirtual = (vcpu: Vcpu): void => {
    const { virtualDeadlineNs } = vcpu;
    if (virtualDeadlineNs === null) return;
    const leftNs = Math.max(0, virtualDeadlineNs - executedNs(vcpu));
    vcpu.virtualTimer = timers.at(toNanoseconds(clock.now() + leftNs), () => {
      vcpu.virtualTimer = null;
      // It may have waited in between without having left the processor.
      if (executedNs(vcpu) < virtualDeadlineNs) return startVirtual(vcpu);
      vcpu.virtualDeadlineNs = null;
      record(vcpu, KIND.virtual);
      raiseVirtualTimer(vcpu);
    });
  };

  const setVirtual = (vcpu: Vcpu, deadlineNs: number | null): void => {
    stopVirtual(vcpu);
    vcpu.virtualDeadlineNs = deadlineNs;
    if (vcpu.runsOn !== null) startVirtual(vcpu);
  };

  const cancelPollTimeout = (vcpu: Vcpu): void => {
    vcpu.pollTimer?.cancel();
    vcpu.pollTimer = null;
  };

  return {
    setSingleshot: (vcpu, deadlineNs) => arm(vcpu, deadlineNs, raiseTimer),
    setWakeup: (vcpu, deadlineNs) => arm(vcpu, deadlineNs, endWait),
    setPeriod(vcpu, periodNs) {
      vcpu.periodNs = periodNs;
      cancelPeriodic(vcpu);
      if (vcpu.runstate === RUNSTATE_running) tick(vcpu);
    },
    setVirtual,
    setPollTimeout(vcpu, deadlineNs) {
      cancelPollTimeout(vcpu);
      vcpu.pollTimer = timers.at(toNanoseconds(deadlineNs), () => {
        vcpu.pollTimer = null;
        record(vcpu, KIND.poll);
        endWait(vcpu);
      });
    },
    cancelPollTimeout,
    resume(vcpu) {
      cancelPeriodic(vcpu);
      tick(vcpu);
      startVirtual(vcpu);
    },
    suspend(vcpu) {
      cancelPeriodic(vcpu);
      stopVirtual(vcpu);
    },
    cancelAll(vcpu) {
      vcpu.periodNs = 0;
      cancelPeriodic(vcpu);
      cancelPollTimeout(vcpu);
      arm(vcpu, null, endWait);
      setVirtual(vcpu, null);
    },
  };
};
