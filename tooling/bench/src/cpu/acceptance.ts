import { CORE_KERNELS, groupOf, TRANSITION_KERNELS } from "./kernels.ts";
import { checksumsOf, geometricMean, kernelsOf, type Rounds, ratioOf, TIMES } from "./statistics.ts";

/** One promise, and what became of it. */
export interface Verdict {
  readonly promise: string;
  readonly bound: number;
  /** What was measured; NaN: nothing. */
  readonly measured: number;
  /** Which sub-benchmark is the worst, for promises about each. */
  readonly worst: string | null;
  readonly isKept: boolean | null;
}

type Pair = readonly [string, string];

const QEMU: Pair = ["xenolith", "qemu"];
const V86: Pair = ["xenolith", "v86"];

const judge = (
  promise: string,
  bound: number,
  measured: number,
  worst: string | null = null,
  atLeast = false,
): Verdict => ({
  promise,
  bound,
  measured,
  worst,
  isKept: Number.isNaN(measured) ? null : atLeast ? measured >= bound : measured <= bound,
});

/** Judges a run by what the processor promises. Promises about what was not measured are left open. */
export const judgeRounds = (rounds: Rounds): readonly Verdict[] => {
  const all = kernelsOf(rounds);
  const inGroups = (letters: string): readonly string[] =>
    all.filter((kernel) => letters.includes(groupOf(kernel)));
  const mean = (pair: Pair, kernels: readonly string[], time: "warm" | "cold"): number =>
    geometricMean(kernels.map((kernel) => ratioOf(rounds, pair, kernel, TIMES[time])));
  const each = (
    promise: string,
    bound: number,
    [pair, kernels, time]: readonly [Pair, readonly string[], "warm" | "cold"],
  ): Verdict => {
    const ratios = kernels
      .map((kernel) => ({ kernel, ratio: ratioOf(rounds, pair, kernel, TIMES[time]) }))
      .filter(({ ratio }) => Number.isFinite(ratio))
      .sort((a, b) => b.ratio - a.ratio);
    return judge(promise, bound, ratios[0]?.ratio ?? Number.NaN, ratios[0]?.kernel ?? null);
  };
  const core = CORE_KERNELS;
  const portable = inGroups("abcgh");
  const wrong = all.filter((kernel) => checksumsOf(rounds, kernel).length > 1);
  const incomplete = [...rounds].filter(([, runs]) => runs.some((run) => !run.isComplete));
  return [
    judge("sub-benchmarks with differing checksums", 0, wrong.length, wrong.join(" ") || null),
    judge(
      "runners that did not finish",
      0,
      incomplete.length,
      incomplete.map(([name]) => name).join(" ") || null,
    ),
    judge("against QEMU, warm: mean of a1-a3 b1-b3 c3 c4", 0.6, mean(QEMU, core, "warm")),
    each("against QEMU, warm: each of a-f", 1, [QEMU, inGroups("abcdef"), "warm"]),
    each("against QEMU, warm: each of e1-e3 f1", 0.5, [QEMU, TRANSITION_KERNELS, "warm"]),
    each("against QEMU, warm: each of g", 0.8, [QEMU, inGroups("g"), "warm"]),
    each("against QEMU, warm: each of h", 0.5, [QEMU, inGroups("h"), "warm"]),
    each("against QEMU, warm: each of i j", 1, [QEMU, inGroups("ij"), "warm"]),
    each("against v86, warm: each of a-i", 1, [V86, inGroups("abcdefghi"), "warm"]),
    judge("against QEMU, cold: mean of a1-a3 b1-b3 c3 c4", 0.9, mean(QEMU, core, "cold")),
    judge("against QEMU, cold: mean of all", 0.9, mean(QEMU, all, "cold")),
    each("against QEMU, cold: each", 1.6, [QEMU, all, "cold"]),
    judge(
      "v86's interpreter over ours, warm: mean of a1-a3 b1-b3 c3 c4",
      4,
      mean(["v86-interpreter", "interpreter"], core, "warm"),
      null,
      true,
    ),
    judge(
      "64 bits over 32 bits, warm: mean of a-c g h",
      1.15,
      mean(["xenolith64", "xenolith"], portable, "warm"),
    ),
    each("64 bits over 32 bits, warm: each of a-c g h", 1.15, [["xenolith64", "xenolith"], portable, "warm"]),
    judge(
      "64 bits against QEMU, warm: mean of a1-a3 b1-b3 c3 c4",
      0.6,
      mean(["xenolith64", "qemu64"], core, "warm"),
    ),
  ];
};
