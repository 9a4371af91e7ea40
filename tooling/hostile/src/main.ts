import { parseArgs } from "node:util";
import { runCampaign } from "./campaign.ts";
import { formatReport } from "./report.ts";

const USAGE = "usage: pnpm hostile [--seed N] [--calls N] [--successes N]";

/** Successes of every sub-operation that a full run wants. */
const SUCCESSES = 100;
const CALLS = 200_000;
const LIFE_CALLS = 900;
const BYSTANDER_ROUNDS = 200;

/** A mistake on the command line. */
class UsageError extends Error {}

const readNumber = (text: string, option: string): number => {
  const value = /^[0-9]{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(value)) throw new UsageError(`--${option} ${text}: not a number; ${USAGE}`);
  return value;
};

const readCommand = (args: readonly string[]): { seed: number; calls: number; successes: number } => {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { seed: { type: "string" }, calls: { type: "string" }, successes: { type: "string" } },
    });
    return {
      seed: readNumber(values.seed ?? "1", "seed"),
      calls: readNumber(values.calls ?? `${CALLS}`, "calls"),
      successes: readNumber(values.successes ?? `${SUCCESSES}`, "successes"),
    };
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError(`${error.message.split(". ")[0]}; ${USAGE}`);
    throw error;
  }
};

const main = async (): Promise<number> => {
  const command = readCommand(process.argv.slice(2));
  const report = await runCampaign({ ...command, lifeCalls: LIFE_CALLS, bystanderRounds: BYSTANDER_ROUNDS });
  process.stdout.write(`${formatReport(report, command.successes)}\n`);
  return report.failures.length === 0 && report.tally.unfinished(command.successes).length === 0 ? 0 : 1;
};

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`hostile: ${error.message}\n`);
  process.exitCode = 2;
}
