import { coldMs, type Run, warmMs } from "./protocol.ts";

/** Runs of every runner, by its name, one per round. */
export type Rounds = ReadonlyMap<string, readonly Run[]>;

/** How a time is taken from a run. */
export type TimeOf = (run: Run, kernel: string) => number;

export const TIMES: Readonly<Record<"warm" | "cold", TimeOf>> = { warm: warmMs, cold: coldMs };

/** Median of what is a number; NaN when nothing is. */
export const median = (values: readonly number[]): number => {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  const middle = sorted.length / 2;
  if (sorted.length === 0) return Number.NaN;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  return Number.isInteger(middle) ? ((sorted[middle - 1] ?? Number.NaN) + upper) / 2 : upper;
};

/** Geometric mean; NaN when a value is missing or there is none. */
export const geometricMean = (values: readonly number[]): number =>
  values.length === 0
    ? Number.NaN
    : Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);

/** Median over the rounds of one runner's times. */
export const timeOf = (rounds: Rounds, runner: string, kernel: string, time: TimeOf): number =>
  median((rounds.get(runner) ?? []).map((run) => time(run, kernel)));

/**
 * Time of one runner over time of another. Taken within each round, because machines are noisy and rounds are short; the
 * median of the rounds is given.
 */
export const ratioOf = (
  rounds: Rounds,
  [above, below]: readonly [string, string],
  kernel: string,
  time: TimeOf,
): number => {
  const others = rounds.get(below) ?? [];
  return median(
    (rounds.get(above) ?? []).map((run, round) => {
      const other = others[round];
      return other === undefined ? Number.NaN : time(run, kernel) / time(other, kernel);
    }),
  );
};

/** Names of all sub-benchmarks that anybody reported, sorted. */
export const kernelsOf = (rounds: Rounds): readonly string[] =>
  [...new Set([...rounds.values()].flatMap((runs) => runs.flatMap((run) => [...run.kernels.keys()])))].sort();

/** Checksums that were reported for a sub-benchmark: one, if all is well. */
export const checksumsOf = (rounds: Rounds, kernel: string): readonly string[] => [
  ...new Set(
    [...rounds.values()].flatMap((runs) => runs.flatMap((run) => run.kernels.get(kernel)?.checksums ?? [])),
  ),
];
