/** What the daemon's doings cost in modelled processor time, in nanoseconds. */
export interface XenstoredCosts {
  /** A request and its answer. */
  readonly requestNs: number;
  /** A byte of a request or an answer. */
  readonly byteNs: number;
  /** An event queued for a watch. */
  readonly eventNs: number;
}

/** Costs of the order of a small daemon on a machine of one instruction per nanosecond. */
export const DEFAULT_XENSTORED_COSTS: XenstoredCosts = { requestNs: 4_000, byteNs: 4, eventNs: 1_000 };
