/**
 * What a kernel's doings cost in modelled processor time, in nanoseconds. Drivers add what they charge themselves.
 */
export interface KernelCosts {
  /** The first run: setting up. */
  readonly startNs: number;
  /** Taking an event and calling its listener. */
  readonly eventNs: number;
  /** Calling the handler of a timer. */
  readonly timerNs: number;
}

/** Costs of the order of a small kernel on a machine of one instruction per nanosecond. */
export const defaultKernelCosts: KernelCosts = { startNs: 50_000, eventNs: 2_000, timerNs: 1_500 };
