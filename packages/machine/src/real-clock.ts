import { type Clock, type Nanoseconds, toNanoseconds } from "@xenolith/machine-interface";
import type { ClockEpoch } from "./epoch.ts";

/** Where a real clock gets its time. */
export interface RealClockOptions {
  /** A steady counter of nanoseconds from any start. Should it step back, the clock stands still until it has caught up. */
  readonly nowNs: () => number;
  /** Wall-clock time at the moment of construction. */
  readonly epoch: ClockEpoch;
}

/** A clock paced by the host's: `now()` is the time since construction; `advance` and `skipTo` change nothing. */
export const createRealClock = (options: RealClockOptions): Clock => {
  const startNs = options.nowNs();
  let latestNs = 0;
  return {
    mode: "real",
    epoch: options.epoch,
    now(): Nanoseconds {
      latestNs = Math.max(latestNs, Math.floor(options.nowNs() - startNs));
      return toNanoseconds(latestNs);
    },
    advance(_duration: Nanoseconds): void {
      // The wall has already accounted for the work.
    },
    skipTo(_deadline: Nanoseconds): void {
      // Waiting is the caller's business: nothing here may block.
    },
  };
};
