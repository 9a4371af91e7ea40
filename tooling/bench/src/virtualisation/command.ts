import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { UsageError } from "../usage-error.ts";
import { wholeNumber } from "../whole-number.ts";
import { BARE, type RunBatch } from "./bare.ts";
import { compareKernels } from "./kernels.ts";
import { PARAVIRTUAL } from "./paravirtual.ts";

export const VIRTUALISATION_USAGE =
  "       pnpm bench virtualisation [OPERATION|kernels] [--peer-bench DIR] [--rounds N] [--json FILE]";

/** Stands for the yardstick's kernels where the name of an operation is expected. */
const KERNELS = "kernels";

const WARM_UP_MS = 200;
const MEASURE_MS = 200;
/** Counted in turns of milliseconds: in a shorter time one turn more or less would be a percent. */
const MEASURE_COMPUTE_MS = 1_000;

/**
 * Operations whose cost the paper tells for XenoLinux and for Linux without Xen on the same computer, and the ratio.
 * [SOSP03 tables 3 to 5]
 */
const PAPER: Readonly<Record<string, string>> = {
  "system call": "1.02 (null call)",
  "page fault": "1.32 (protection fault)",
  "page fault and update": "1.92 (page fault)",
  "context switch": "2.56 (2p/0K)",
};

interface Row {
  readonly name: string;
  readonly bareNs: number | null;
  readonly paravirtualNs: number;
  readonly ratio: number | null;
}

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

/** Nanoseconds of an operation. */
const time = (run: RunBatch, measureMs: number): number => {
  const before = run();
  const startMs = performance.now();
  let elapsedMs = 0;
  let after = before;
  while (elapsedMs < measureMs) {
    after = run();
    elapsedMs = performance.now() - startMs;
  }
  return (elapsedMs * 1_000_000) / (after - before);
};

const warmUp = (run: RunBatch): RunBatch => {
  const startMs = performance.now();
  while (performance.now() - startMs < WARM_UP_MS) run();
  return run;
};

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

/** Measures one operation with and without the hypervisor, in turn. */
const measure = (name: string, paravirtual: () => RunBatch, rounds: number): Row => {
  const bare = BARE[name];
  const measureMs = name === "compute" ? MEASURE_COMPUTE_MS : MEASURE_MS;
  const under = warmUp(paravirtual());
  const without = bare === undefined ? null : warmUp(bare());
  const times = Array.from({ length: rounds }, () => ({
    bareNs: without === null ? null : time(without, measureMs),
    paravirtualNs: time(under, measureMs),
  }));
  const both = times.flatMap(({ bareNs, paravirtualNs }) =>
    bareNs === null ? [] : [paravirtualNs / bareNs],
  );
  return {
    name,
    bareNs: without === null ? null : median(times.map(({ bareNs }) => bareNs ?? 0)),
    paravirtualNs: median(times.map(({ paravirtualNs }) => paravirtualNs)),
    ratio: without === null ? null : median(both),
  };
};

const nanoseconds = (value: number | null): string =>
  (value === null ? "-" : value < 100 ? value.toFixed(1) : value.toFixed(0)).padStart(12);

const measureOperations = (only: string | undefined, rounds: number): readonly Row[] => {
  say(
    `${"operation".padEnd(28)}${"bare ns".padStart(12)}${"PV ns".padStart(12)}${"ratio".padStart(9)}  paper`,
  );
  const rows: Row[] = [];
  for (const [name, paravirtual] of Object.entries(PARAVIRTUAL)) {
    if (only !== undefined && name !== only) continue;
    const row = measure(name, paravirtual, rounds);
    rows.push(row);
    const ratio = row.ratio === null ? "-" : row.ratio.toFixed(name === "compute" ? 3 : 2);
    say(
      `${name.padEnd(28)}${nanoseconds(row.bareNs)}${nanoseconds(row.paravirtualNs)}${ratio.padStart(9)}  ${PAPER[name] ?? ""}`,
    );
  }
  const call = rows.find(({ name }) => name === "null hypercall")?.paravirtualNs;
  const interrupt = rows.find(({ name }) => name === "system call")?.bareNs;
  if (call !== undefined && typeof interrupt === "number")
    say(
      `a null hypercall takes ${(call / interrupt).toFixed(2)} times as long as a system call without a hypervisor`,
    );
  return rows;
};

/**
 * Prints what operations cost with and without the hypervisor on the same engine, and, where there is a yardstick, computing.
 * @throws UsageError for a mistake on the command line.
 */
export const compareVirtualisation = async (args: readonly string[]): Promise<void> => {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { "peer-bench": { type: "string" }, rounds: { type: "string" }, json: { type: "string" } },
  });
  const rounds = wholeNumber("rounds", values.rounds, 5, 1, 100);
  const [only] = positionals;
  const names = [...Object.keys(PARAVIRTUAL), KERNELS];
  if (only !== undefined && !names.includes(only))
    throw new UsageError(`${only}: no such operation (${names.join(", ")})`);
  const directory = values["peer-bench"] ?? process.env["XENOLITH_PEER_BENCH"];
  const operations = only === KERNELS ? [] : measureOperations(only, rounds);
  const hasKernels = only === KERNELS || (only === undefined && directory !== undefined);
  const kernels = hasKernels ? await compareKernels(directory, rounds, say) : [];
  if (values.json !== undefined)
    writeFileSync(values.json, `${JSON.stringify({ operations, kernels }, null, 2)}\n`);
};
