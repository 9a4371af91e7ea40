import { type Nanoseconds, toNanoseconds } from "../addresses.ts";
import type { Clock } from "../time.ts";

/** A clock that a test sets as it likes. Starts at 0, epoch 2025-01-01. */
export interface ManualClock extends Clock {
  /** Sets the time, also backwards. */
  set(nowNs: number): void;
}

/** Makes a clock in virtual mode whose time a test moves by hand. */
export const createManualClock = (): ManualClock => {
  let nowNs = 0;
  return {
    mode: "virtual",
    epoch: { seconds: 1_735_689_600, nanoseconds: 0 },
    now: (): Nanoseconds => toNanoseconds(nowNs),
    advance(duration: Nanoseconds): void {
      nowNs += duration;
    },
    skipTo(deadline: Nanoseconds): void {
      nowNs = Math.max(nowNs, deadline);
    },
    set(value: number): void {
      nowNs = value;
    },
  };
};
