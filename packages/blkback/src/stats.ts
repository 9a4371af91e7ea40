/** What a device has done since it was attached, over all its connections. Names in brackets are xentop's columns. */
export interface BlkbackStats {
  /** Reads taken (VBD_RD). Refused requests count as failures only. */
  readonly reads: number;
  /** Writes taken, with barriers that carry data (VBD_WR). */
  readonly writes: number;
  /** Flushes, and barriers without data. */
  readonly flushes: number;
  readonly discards: number;
  readonly sectorsRead: number;
  readonly sectorsWritten: number;
  /** Requests answered with an error or as not supported. */
  readonly failures: number;
  /** Times that service stopped because as many requests as allowed were in flight (VBD_OO). */
  readonly stalls: number;
  /** Connections ended because the front end broke the ring's protocol. */
  readonly violations: number;
}

/** The same, while it is being counted. */
export type BlkbackCounters = { -readonly [Name in keyof BlkbackStats]: number };

/** Counters at zero. */
export const createCounters = (): BlkbackCounters => ({
  reads: 0,
  writes: 0,
  flushes: 0,
  discards: 0,
  sectorsRead: 0,
  sectorsWritten: 0,
  failures: 0,
  stalls: 0,
  violations: 0,
});
