import { FOREIGN_KERNELS } from "./kernels.ts";

/** What one run of one runner reported. */
export interface Run {
  /** Whether it came to its end. */
  readonly isComplete: boolean;
  /** The guest's line about an exception that nobody expected, or null. */
  readonly trap: string | null;
  readonly kernels: ReadonlyMap<string, KernelRun>;
}

/** Repetitions of one sub-benchmark: the first is cold. */
export interface KernelRun {
  readonly ms: readonly number[];
  readonly checksums: readonly string[];
}

/**
 * Where times come from.
 * - `tsc`: the guest's RDTSC is the host's, so the ticks that it reports are exact; `ticksPerMs` of them a millisecond.
 * - `stamp`: the runner appends `t=MILLISECONDS`, its own clock at the newline.
 */
export type Clock = { readonly kind: "tsc"; readonly ticksPerMs: number } | { readonly kind: "stamp" };

const stampOf = (words: readonly string[]): number => {
  const stamp = words.find((word) => word.startsWith("t="));
  return stamp === undefined ? Number.NaN : Number(stamp.slice(2));
};

/**
 * Reads what a guest wrote: `S name repetition n unit` before and `E name repetition checksum ticks` after every repetition,
 * `DONE` at the end, `TRAP …` for an unexpected exception. Anything else is ignored.
 */
export const readRun = (text: string, clock: Clock): Run => {
  const kernels = new Map<string, { ms: number[]; checksums: string[] }>();
  let startedAt = Number.NaN;
  let isComplete = false;
  let trap: string | null = null;
  for (const line of text.split("\n")) {
    const words = line.trim().split(" ");
    const [kind, name = "", , checksum = "", ticks = ""] = words;
    if (kind === "DONE") isComplete = true;
    else if (kind === "TRAP") trap = line.trim();
    else if (kind === "S") startedAt = stampOf(words);
    else if (kind === "E" && !FOREIGN_KERNELS.has(name)) {
      const ms = clock.kind === "tsc" ? Number(ticks) / clock.ticksPerMs : stampOf(words) - startedAt;
      const kernel = kernels.get(name) ?? { ms: [], checksums: [] };
      kernels.set(name, kernel);
      kernel.ms.push(ms);
      kernel.checksums.push(checksum);
    }
  }
  return { isComplete: isComplete && trap === null, trap, kernels };
};

/** Milliseconds of the first repetition. */
export const coldMs = (run: Run, kernel: string): number => run.kernels.get(kernel)?.ms[0] ?? Number.NaN;

/** Milliseconds of the best of the others. */
export const warmMs = (run: Run, kernel: string): number => {
  const warm = run.kernels.get(kernel)?.ms.slice(1) ?? [];
  return warm.length === 0 ? Number.NaN : Math.min(...warm);
};
