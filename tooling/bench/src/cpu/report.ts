import { figure, tableOf } from "../table.ts";
import { judgeRounds, type Verdict } from "./acceptance.ts";
import { checksumsOf, kernelsOf, type Rounds, ratioOf, TIMES, timeOf } from "./statistics.ts";

/** Ratios that have a column when both of their runners ran. */
const RATIOS = [
  ["xenolith", "qemu"],
  ["xenolith", "v86"],
  ["xenolith", "native"],
  ["interpreter", "v86-interpreter"],
  ["xenolith64", "xenolith"],
  ["xenolith64", "qemu64"],
] as const;

const ratioColumns = (rounds: Rounds): readonly (readonly [string, string])[] =>
  RATIOS.filter(([above, below]) => rounds.has(above) && rounds.has(below));

/** Times: a row per sub-benchmark, `warm (cold)` in milliseconds per runner. */
export const timesTable = (rounds: Rounds): readonly string[] => {
  const runners = [...rounds.keys()];
  return tableOf([
    ["ms: warm (cold)", ...runners, "checksums"],
    ...kernelsOf(rounds).map((kernel) => [
      kernel,
      ...runners.map((runner) => {
        const warm = figure(timeOf(rounds, runner, kernel, TIMES.warm));
        return `${warm} (${figure(timeOf(rounds, runner, kernel, TIMES.cold))})`;
      }),
      checksumsOf(rounds, kernel).length === 1 ? "same" : "DIFFER",
    ]),
  ]);
};

/** Ratios: a row per sub-benchmark, `warm (cold)` per pair of runners. Below 1: the first is faster. */
export const ratiosTable = (rounds: Rounds): readonly string[] => {
  const pairs = ratioColumns(rounds);
  if (pairs.length === 0) return [];
  return tableOf([
    ["ratio: warm (cold)", ...pairs.map((pair) => pair.join(" / "))],
    ...kernelsOf(rounds).map((kernel) => [
      kernel,
      ...pairs.map((pair) => {
        const warm = figure(ratioOf(rounds, pair, kernel, TIMES.warm));
        return `${warm} (${figure(ratioOf(rounds, pair, kernel, TIMES.cold))})`;
      }),
    ]),
  ]);
};

const verdictCells = ({ promise, bound, measured, worst, isKept }: Verdict): readonly string[] => [
  promise,
  figure(bound),
  `${figure(measured)}${worst === null ? "" : ` ${worst}`}`,
  isKept === null ? "not measured" : isKept ? "kept" : "MISSED",
];

/** What is promised, and whether it was kept. */
export const verdictTable = (rounds: Rounds): readonly string[] =>
  tableOf([["promise", "bound", "measured", ""], ...judgeRounds(rounds).map(verdictCells)]);

/** All of a comparison as JSON. */
export const toJson = (rounds: Rounds, about: Readonly<Record<string, unknown>>): string => {
  const kernels = kernelsOf(rounds).map((kernel) => ({
    kernel,
    checksums: checksumsOf(rounds, kernel),
    ms: Object.fromEntries(
      [...rounds.keys()].map((runner) => [
        runner,
        {
          warm: timeOf(rounds, runner, kernel, TIMES.warm),
          cold: timeOf(rounds, runner, kernel, TIMES.cold),
          rounds: (rounds.get(runner) ?? []).map((run) => run.kernels.get(kernel)?.ms ?? []),
        },
      ]),
    ),
  }));
  return `${JSON.stringify({ ...about, kernels, verdicts: judgeRounds(rounds) }, null, 2)}\n`;
};
