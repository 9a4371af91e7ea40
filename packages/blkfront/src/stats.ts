/** What a front end has done since it was made. */
export interface BlkfrontStats {
  /** Requests put on the ring; one of the store's may need several. */
  readonly requests: number;
  /** Responses with an error, or as not supported. */
  readonly failures: number;
  readonly sectorsRead: number;
  readonly sectorsWritten: number;
  /** Times that work had to wait for a slot or for data pages. */
  readonly stalls: number;
}

/** The same, while it is being counted. */
export type BlkfrontCounters = { -readonly [Name in keyof BlkfrontStats]: number };

/** Counters at zero. */
export const createCounters = (): BlkfrontCounters => ({
  requests: 0,
  failures: 0,
  sectorsRead: 0,
  sectorsWritten: 0,
  stalls: 0,
});
