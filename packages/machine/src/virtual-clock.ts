import { type Clock, HostError, type Nanoseconds, toNanoseconds } from "@xenolith/machine-interface";
import type { ClockEpoch } from "./epoch.ts";

/**
 * A clock that moves only when it is told to: {@link Clock.advance} accounts for work done, {@link Clock.skipTo} jumps over
 * idle time. It starts at 0.
 */
export const createVirtualClock = (epoch: ClockEpoch): Clock => {
  let nowNs = 0;
  return {
    mode: "virtual",
    epoch,
    now: (): Nanoseconds => toNanoseconds(nowNs),
    advance(duration: Nanoseconds): void {
      if (!(duration >= 0))
        throw new HostError("clock-backwards", `a clock cannot advance by ${duration} ns`);
      nowNs += duration;
    },
    skipTo(deadline: Nanoseconds): void {
      if (deadline > nowNs) nowNs = deadline;
    },
  };
};
