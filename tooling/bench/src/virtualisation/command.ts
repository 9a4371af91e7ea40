import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { UsageError } from "../usage-error.ts";
import { BARE, type RunBatch } from "./bare.ts";
import { PARAVIRTUAL } from "./paravirtual.ts";

export const VIRTUALISATION_USAGE = "       pnpm bench virtualisation [OPERATION] [--rounds N] [--json FILE]";

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

/** Prints what operations cost with and without the hypervisor on the same engine. */
export const compareVirtualisation = (args: readonly string[]): void => {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { rounds: { type: "string", default: "5" }, json: { type: "string" } },
  });
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 100)
    throw new UsageError(`--rounds ${values.rounds}: a whole number from 1 to 100 is wanted`);
  say(
    `${"operation".padEnd(28)}${"bare ns".padStart(12)}${"PV ns".padStart(12)}${"ratio".padStart(9)}  paper`,
  );
  const rows: Row[] = [];
  const [only] = positionals;
  const chosen = Object.entries(PARAVIRTUAL).filter(([name]) => only === undefined || name === only);
  if (chosen.length === 0)
    throw new UsageError(`${only}: no such operation (${Object.keys(PARAVIRTUAL).join(", ")})`);
  for (const [name, paravirtual] of chosen) {
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
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(rows, null, 2)}\n`);
};
