import type { Clock, EntropySource } from "@xenolith/machine-interface";

/** Wall-clock time at clock time 0, since 1970-01-01 UTC. */
export type ClockEpoch = Clock["epoch"];

/** First second of 2025, the earliest epoch drawn from a seed. */
const EARLIEST_SECONDS = 1_735_689_600;

/** Seconds in a year of 365 days: how far the drawn epochs spread. */
const SPREAD_SECONDS = 31_536_000;

/** Draws the epoch of a virtual clock: some second of 2025. Same stream, same epoch. */
export const epochFromEntropy = (entropy: EntropySource): ClockEpoch => ({
  seconds: EARLIEST_SECONDS + entropy.below(SPREAD_SECONDS),
  nanoseconds: 0,
});
