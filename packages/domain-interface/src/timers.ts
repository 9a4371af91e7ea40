import type { Nanoseconds } from "@xenolith/machine-interface";

/** A domain's view of time and its alarms. */
export interface Timers {
  /** System time: nanoseconds since the host started. */
  now(): Nanoseconds;
  /** Runs a handler at or after a point of system time, once. @returns a function that cancels it. */
  at(deadlineNs: Nanoseconds, handler: () => void): () => void;
}
