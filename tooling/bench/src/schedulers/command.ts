import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { SCHEDULER_NAMES } from "@xenolith/host";
import { wholeNumber } from "../whole-number.ts";
import { measurePolicy, type PolicyFigures } from "./measure.ts";

/** How the benchmark is called. */
export const SCHEDULERS_USAGE = "       pnpm bench schedulers [--seconds N] [--seed N] [--json FILE]";

const DEFAULT_SECONDS = 10;

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

const print = ({ scheduler, members, switchesPerSecond }: PolicyFigures): void => {
  say(`${scheduler}: ${switchesPerSecond.toFixed(0)} context switches a second`);
  for (const { name, share, meanLatencyMs, worstLatencyMs, wakeUps } of members) {
    const percent = `${(share * 100).toFixed(2)} %`;
    const waits =
      wakeUps === 0
        ? ""
        : `${meanLatencyMs.toFixed(3).padStart(10)}${worstLatencyMs.toFixed(3).padStart(10)}`;
    say(`  ${name.padEnd(12)}${percent.padStart(9)}${String(wakeUps).padStart(9)}${waits}`);
  }
};

/** Runs one workload with one seed through all policies. */
export const benchSchedulers = async (args: readonly string[]): Promise<void> => {
  const { values } = parseArgs({
    args: [...args],
    options: { seconds: { type: "string" }, seed: { type: "string" }, json: { type: "string" } },
  });
  const seconds = wholeNumber("seconds", values.seconds, DEFAULT_SECONDS, 1, 10_000);
  const seed = wholeNumber("seed", values.seed, 1, 0, 0xffff_ffff);
  say(
    `  ${"domain".padEnd(12)}${"share".padStart(9)}${"wake-ups".padStart(9)}   mean ms  worst ms  from wake-up to processor`,
  );
  const all: PolicyFigures[] = [];
  for (const scheduler of SCHEDULER_NAMES) {
    const figures = await measurePolicy(scheduler, seed, seconds);
    all.push(figures);
    print(figures);
  }
  if (values.json !== undefined)
    writeFileSync(values.json, `${JSON.stringify({ seed, seconds, policies: all }, null, 2)}\n`);
};
