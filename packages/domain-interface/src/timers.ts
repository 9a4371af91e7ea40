import type { Nanoseconds } from "@xenolith/machine-interface";

/** A domain's view of time and its alarms. */
export interface Timers {
  /** System time: nanoseconds since the host started. */
  now(): Nanoseconds;
  /** Runs a handler at or after a point of system time, once. @returns a function that cancels it. */
  at(deadlineNs: Nanoseconds, handler: () => void): () => void;
  /** Virtual time: how long the domain has executed. It stands still while the domain waits. [SOSP03 3.3.2] */
  executed(): Nanoseconds;
  /** Runs a handler, once, when the domain has executed for so long in all. @returns a function that cancels it. */
  atExecuted(deadlineNs: Nanoseconds, handler: () => void): () => void;
}
