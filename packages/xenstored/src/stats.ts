/** What the daemon has done since it started, and what it holds now. */
export interface XenstoredStats {
  readonly requests: number;
  /** Requests answered with an error. */
  readonly errors: number;
  /** Transactions that ended in EAGAIN. */
  readonly conflicts: number;
  /** Events queued for watches. */
  readonly events: number;
  /** Connections given up because of what they sent. */
  readonly violations: number;
  readonly connections: number;
  readonly watches: number;
}

/** The counters behind {@link XenstoredStats}. */
export interface XenstoredCounters {
  requests: number;
  errors: number;
  conflicts: number;
  events: number;
  violations: number;
}

/** Counters at zero. */
export const createCounters = (): XenstoredCounters => ({
  requests: 0,
  errors: 0,
  conflicts: 0,
  events: 0,
  violations: 0,
});
