import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { writeResults } from "../document.ts";
import { GUESTS_FOLDER } from "../guests-folder.ts";
import { UsageError } from "../usage-error.ts";
import { wholeNumber } from "../whole-number.ts";
import { linuxTable } from "./report.ts";
import { bootLinux, type LinuxRunner, linuxRunners } from "./runners.ts";
import type { Session } from "./session.ts";

/** How it is called. */
export const LINUX_USAGE =
  "       pnpm bench linux [--rounds N] [--runners A,B,…] [--timeout SECONDS] [--guests DIR] [--json FILE] [--into DOCUMENT]";

/** Runners that take part unless others are named. */
const USUAL_RUNNERS = "qemu,xenolith,again";

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

const chosen = (all: readonly LinuxRunner[], names: string): readonly LinuxRunner[] =>
  names.split(",").flatMap((name) => {
    const runner = all.find((known) => known.name === name);
    if (runner === undefined)
      throw new UsageError(
        `--runners ${name}: no such runner (${all.map((known) => known.name).join(", ")})`,
      );
    if (runner.problem === null) return [runner];
    process.stderr.write(`bench: without ${name}: ${runner.problem}\n`);
    return [];
  });

/**
 * Boots Debian's cloud kernel here and bare in QEMU, round by round, and prints how long both took.
 * @returns the exit code: 1 when a session did not come to its end, or wrote something wrong.
 * @throws UsageError for a mistake on the command line.
 */
export const benchLinux = async (args: readonly string[]): Promise<number> => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string" },
      runners: { type: "string", default: USUAL_RUNNERS },
      timeout: { type: "string" },
      guests: { type: "string", default: GUESTS_FOLDER },
      json: { type: "string" },
      into: { type: "string" },
    },
  });
  const roundCount = wholeNumber("rounds", values.rounds, 3, 1, 100);
  const limitMs = 1000 * wholeNumber("timeout", values.timeout, 300, 1, 100_000);
  const runners = chosen(linuxRunners(values.guests), values.runners);
  const rounds = new Map<string, Session[]>(runners.map(({ name }) => [name, []]));
  for (const runner of runners) if (runner.hasTrial) await bootLinux(runner, limitMs);
  for (let round = 1; round <= roundCount; round++) {
    for (const runner of runners) {
      const session = await bootLinux(runner, limitMs);
      rounds.get(runner.name)?.push(session);
      const outcome = session.isComplete ? "finished" : "DID NOT FINISH";
      process.stderr.write(`round ${round} of ${roundCount}, ${runner.name}: ${outcome}\n`);
    }
  }
  const date = new Date().toISOString().slice(0, 10);
  const lines = [
    `${date}, ${cpus().length} x ${cpus()[0]?.model ?? "unknown"}, Node ${process.version}, rounds: ${roundCount}`,
    "",
    ...linuxTable(rounds),
  ];
  for (const line of lines) say(line);
  if (values.into !== undefined) writeResults(values.into, "linux", lines);
  if (values.json !== undefined)
    writeFileSync(values.json, `${JSON.stringify({ date, rounds: Object.fromEntries(rounds) }, null, 2)}\n`);
  return [...rounds.values()].flat().every(({ isComplete }) => isComplete) ? 0 : 1;
};
