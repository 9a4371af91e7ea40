/** What a console back end has moved. */
export interface ConsoleStats {
  /** Bytes the guest wrote. */
  readonly outputBytes: number;
  /** Bytes typed that the guest's ring has taken. */
  readonly inputBytes: number;
  /** Output that was overwritten before any terminal saw it. */
  readonly droppedBytes: number;
}

/** The same, to be counted up. */
export type ConsoleCounters = { -readonly [Name in keyof ConsoleStats]: number };

/** Counters at zero. */
export const createCounters = (): ConsoleCounters => ({ outputBytes: 0, inputBytes: 0, droppedBytes: 0 });
