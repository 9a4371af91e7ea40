import { type Clock, HostError, type Nanoseconds, toNanoseconds } from "@xenolith/machine-interface";
import type { ClockEpoch } from "./epoch.ts";

/**
 * A clock that moves only when it is told to: {@link Clock.advance} accounts for work done, {@link Clock.skipTo} jumps over
 * idle time. It starts at 0.
 */
export const createVirtualClock = (epoch: ClockEpoch): Clock => {
  /** Fields, not variables: those of a closure would take a new object for each large number that is put into them. */
  const time = {
    nowNs: 0,
    /**
     * Time that has passed and that `nowNs` is too large to show: beyond 2^53 a double counts in steps of 2 ns and more. A guest
     * can have idle time skipped so far, and work would take no time there if what is less than a step were dropped.
     */
    remainderNs: 0,
  };
  return {
    mode: "virtual",
    epoch,
    now: (): Nanoseconds => toNanoseconds(time.nowNs),
    advance(duration: Nanoseconds): void {
      if (!(duration >= 0))
        throw new HostError("clock-backwards", `a clock cannot advance by ${duration} ns`);
      const wanted = time.remainderNs + duration;
      const before = time.nowNs;
      time.nowNs = Math.max(before, before + wanted);
      time.remainderNs = wanted - (time.nowNs - before);
    },
    skipTo(deadline: Nanoseconds): void {
      if (deadline <= time.nowNs) return;
      time.nowNs = deadline;
      time.remainderNs = 0;
    },
  };
};
