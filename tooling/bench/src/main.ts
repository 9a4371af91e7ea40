import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type Figures, measure } from "./benchmark.ts";
import { CPU_USAGE, compareProcessors } from "./cpu/command.ts";
import { benchDomains, DOMAINS_USAGE } from "./domains/command.ts";
import { hostBenchmarks } from "./host.ts";
import { benchLinux, LINUX_USAGE } from "./linux/command.ts";
import { benchLinuxDomains, LINUX_DOMAINS_USAGE } from "./linux-domains/command.ts";
import { processorBenchmarks } from "./processor.ts";
import { benchSchedulers, SCHEDULERS_USAGE } from "./schedulers/command.ts";
import { UsageError } from "./usage-error.ts";
import { compareVirtualisation, VIRTUALISATION_USAGE } from "./virtualisation/command.ts";
import { runWildStreams, WILD_USAGE } from "./wild/command.ts";

const USAGE = "usage: pnpm bench [NAME] [--batches N] [--json FILE]";
const BENCHMARKS = [...processorBenchmarks, ...hostBenchmarks];

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

const nanoseconds = (value: number): string =>
  (value < 100 ? value.toFixed(2) : value.toFixed(0)).padStart(12);

const printRow = ({ name, operation, minimumNs, medianNs, maximumNs }: Figures): void =>
  say(`${name.padEnd(10)}${[minimumNs, medianNs, maximumNs].map(nanoseconds).join("")}  ${operation}`);

const main = (): void => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { batches: { type: "string" }, json: { type: "string" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help === true) {
    say(USAGE);
    say(CPU_USAGE);
    say(VIRTUALISATION_USAGE);
    say(WILD_USAGE);
    say(DOMAINS_USAGE);
    say(SCHEDULERS_USAGE);
    say(LINUX_USAGE);
    say(LINUX_DOMAINS_USAGE);
    return;
  }
  const [name] = positionals;
  const chosen = BENCHMARKS.filter((benchmark) => name === undefined || benchmark.name === name);
  if (chosen.length === 0) {
    throw new UsageError(`${name}: no such benchmark (${BENCHMARKS.map((known) => known.name).join(", ")})`);
  }
  const batches = Number(values.batches ?? "9");
  if (!Number.isInteger(batches) || batches < 1 || batches > 1000) {
    throw new UsageError(`--batches ${values.batches}: a whole number from 1 to 1000 is wanted`);
  }
  say(
    `${"name".padEnd(10)}${["min ns", "median ns", "max ns"].map((title) => title.padStart(12)).join("")}  per`,
  );
  const results: Figures[] = [];
  for (const benchmark of chosen) {
    const figures = measure(benchmark, batches);
    results.push(figures);
    printRow(figures);
  }
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`);
};

const [first, ...rest] = process.argv.slice(2);
try {
  if (first === "cpu") await compareProcessors(rest);
  else if (first === "domains") await benchDomains(rest);
  else if (first === "linux") process.exitCode = await benchLinux(rest);
  else if (first === "linux-domains") process.exitCode = await benchLinuxDomains(rest);
  else if (first === "schedulers") await benchSchedulers(rest);
  else if (first === "virtualisation") await compareVirtualisation(rest);
  else if (first === "wild") process.exitCode = runWildStreams(rest);
  else main();
} catch (error) {
  const isUsage = error instanceof UsageError || (error instanceof TypeError && "code" in error);
  if (!isUsage) throw error;
  process.stderr.write(`bench: ${error.message.split(". ")[0]}\n`);
  process.exitCode = 2;
}
