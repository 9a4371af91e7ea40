import { type Clock, type Nanoseconds, toNanoseconds } from "@xenolith/machine-interface";

/**
 * The time of the physical CPU that is simulated at the moment. With several of them a stretch of time is gone through once
 * for each: within it their times are ahead of the host's, which moves when all have been through.
 */
export interface LocalClock extends Clock {
  /** Goes to a CPU's own time, at or after the host's. */
  enter(atNs: number): void;
  /** Shows the host's time again. @returns the time that the CPU has come to. */
  leave(): Nanoseconds;
  /** Moves the host's time: all CPUs have come there. */
  moveHost(toNs: number): void;
}

/** Makes the local view of a virtual clock. */
export const createLocalClock = (host: Clock): LocalClock => {
  let aheadNs = 0;
  const now = (): Nanoseconds => toNanoseconds(host.now() + aheadNs);
  return {
    mode: host.mode,
    epoch: host.epoch,
    now,
    advance(duration) {
      aheadNs += duration;
    },
    skipTo(deadline) {
      aheadNs = Math.max(aheadNs, deadline - host.now());
    },
    enter(atNs) {
      aheadNs = Math.max(0, atNs - host.now());
    },
    leave() {
      const reached = now();
      aheadNs = 0;
      return reached;
    },
    moveHost(toNs) {
      host.advance(toNanoseconds(Math.max(0, toNs - host.now())));
    },
  };
};
