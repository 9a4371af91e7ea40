import type { Nanoseconds } from "./addresses.ts";

/**
 * The host's time. *Virtual*: advances only by {@link Clock.advance}; idle time is skipped. *Real*: paced to the wall, and
 * `advance` only reports. Never goes backwards.
 */
export interface Clock {
  readonly mode: "virtual" | "real";
  /** Time since the host started. */
  now(): Nanoseconds;
  /** Accounts for work that took this long (virtual mode: moves the clock). */
  advance(duration: Nanoseconds): void;
  /** Idle until a deadline. Virtual: jumps there at once. Real: nothing; the caller waits for the wall. */
  skipTo(deadline: Nanoseconds): void;
  /** Wall-clock time at `now() === 0`, nanoseconds since 1970-01-01 UTC, as seconds and nanoseconds. Fixed by the seed in virtual mode. */
  readonly epoch: { readonly seconds: number; readonly nanoseconds: number };
}

/** Identifies an armed timer. */
export interface Timer {
  readonly deadlineNs: Nanoseconds;
  /** Takes the timer out of its queue. Harmless when it has fired or was cancelled. */
  cancel(): void;
}

/** Deadlines in order. Timers of one deadline fire in the order in which they were armed. */
export interface TimerQueue {
  /** Arms a timer. The handler runs from {@link runDue}, to completion, and must not throw. */
  at(deadlineNs: Nanoseconds, handler: (now: Nanoseconds) => void): Timer;
  /** Earliest deadline, or null when nothing is armed. */
  next(): Nanoseconds | null;
  /** Fires all timers due at `now`, including those armed meanwhile for a time not after `now`. Returns how many fired. */
  runDue(now: Nanoseconds): number;
}

/** A repeatable stream of random numbers. Same seed, same stream. */
export interface EntropySource {
  /** Next 32 random bits as an unsigned number. */
  next32(): number;
  /** Uniform integer in [0, bound), bound from 1 to 2^32. */
  below(bound: number): number;
  /** An independent stream, named: what one part draws does not move what another gets. */
  fork(name: string): EntropySource;
}
