import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { writeResults } from "../document.ts";
import { UsageError } from "../usage-error.ts";
import { wholeNumber } from "../whole-number.ts";
import type { Run } from "./protocol.ts";
import { ratiosTable, timesTable, toJson, verdictTable } from "./report.ts";
import { RACED_MODEL, type Runner, race, runnersOf } from "./runners.ts";
import { openYardstick } from "./yardstick.ts";

/** How to call it. */
export const CPU_USAGE =
  "usage: pnpm bench cpu [--peer-bench DIR] [--only PREFIX] [--rounds N] [--runners A,B,…] [--timeout SECONDS] [--json FILE] [--into DOCUMENT]";

const say = (line = ""): void => {
  process.stdout.write(`${line}\n`);
};

const chosenRunners = (all: readonly Runner[], names: string | undefined): readonly Runner[] => {
  const wanted = names?.split(",") ?? all.map(({ name }) => name);
  const chosen = wanted.map((name) => {
    const runner = all.find((known) => known.name === name);
    if (runner === undefined) {
      throw new UsageError(
        `--runners ${name}: no such runner (${all.map((known) => known.name).join(", ")})`,
      );
    }
    return runner;
  });
  for (const { name, problem } of chosen) {
    if (problem !== null) process.stderr.write(`bench: without ${name}: ${problem}\n`);
  }
  return chosen.filter(({ problem }) => problem === null);
};

const outcome = ({ isComplete, trap }: Run): string => trap ?? (isComplete ? "finished" : "did not finish");

/**
 * Runs the yardstick on every runner, round by round, and prints the tables.
 * @throws UsageError for a mistake on the command line.
 */
export const compareProcessors = async (args: readonly string[]): Promise<void> => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      "peer-bench": { type: "string" },
      only: { type: "string", default: "" },
      rounds: { type: "string" },
      runners: { type: "string" },
      timeout: { type: "string" },
      json: { type: "string" },
      into: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help === true) {
    say(CPU_USAGE);
    return;
  }
  const roundCount = wholeNumber("rounds", values.rounds, 3, 1, 100);
  const limitMs = 1000 * wholeNumber("timeout", values.timeout, 240, 1, 100_000);
  const yardstick = openYardstick(values["peer-bench"] ?? process.env["XENOLITH_PEER_BENCH"]);
  const runners = chosenRunners(runnersOf(yardstick), values.runners);
  const rounds = new Map<string, Run[]>(runners.map(({ name }) => [name, []]));
  for (let round = 1; round <= roundCount; round++) {
    for (const runner of runners) {
      const run = await race(runner, values.only, limitMs);
      rounds.get(runner.name)?.push(run);
      process.stderr.write(`round ${round} of ${roundCount}, ${runner.name}: ${outcome(run)}\n`);
    }
  }
  const about = {
    date: new Date().toISOString(),
    processor: cpus()[0]?.model ?? "unknown",
    processors: cpus().length,
    node: process.version,
    model: RACED_MODEL,
    rounds: roundCount,
  };
  const lines = [
    `${about.date.slice(0, 10)}, ${about.processors} x ${about.processor}, Node ${about.node}, model ${about.model}, rounds: ${about.rounds}`,
    ...[timesTable(rounds), ratiosTable(rounds), verdictTable(rounds)]
      .filter((table) => table.length > 0)
      .flatMap((table) => ["", ...table]),
  ];
  for (const line of lines) say(line);
  if (values.into !== undefined) writeResults(values.into, "cpu", lines);
  if (values.json !== undefined) writeFileSync(values.json, toJson(rounds, about));
};
