import { parseArgs } from "node:util";
import { type CampaignOptions, runCampaign, unfinishedOf } from "./campaign.ts";
import { formatProgress, formatReport } from "./report.ts";

const USAGE = "usage: pnpm hostile [--seed N] [--calls N] [--traffic N] [--successes N]";

/** Successes of every sub-operation that a run of {@link CALLS} wants. Every life can shut down only once. */
const SUCCESSES = 20;
const CALLS = 200_000;
/** Ring slots, messages and grant references of a longer attack, if it is not told. */
const MOST_TRAFFIC = 200_000;
const LIFE_CALLS = 900;
/** Rounds of the bystander: one in so many calls, between these. */
const CALLS_PER_ROUND = 1000;
const BYSTANDER_ROUNDS = { least: 200, most: 2000 } as const;

/** Time by the clock between two words on how far the attack has come. */
const SAY_EVERY_MS = 10_000;

/** A mistake on the command line. */
class UsageError extends Error {}

const readNumber = (text: string, option: string): number => {
  const value = /^[0-9]{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(value)) throw new UsageError(`--${option} ${text}: not a number; ${USAGE}`);
  return value;
};

/** What a command line asks for. */
interface Command {
  readonly seed: number;
  readonly calls: number;
  readonly traffic: number;
  readonly successes: number;
}

const readCommand = (args: readonly string[]): Command => {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        seed: { type: "string" },
        calls: { type: "string" },
        traffic: { type: "string" },
        successes: { type: "string" },
      },
    });
    const calls = readNumber(values.calls ?? `${CALLS}`, "calls");
    return {
      seed: readNumber(values.seed ?? "1", "seed"),
      calls,
      traffic: readNumber(values.traffic ?? `${Math.min(calls, MOST_TRAFFIC)}`, "traffic"),
      successes: readNumber(values.successes ?? `${SUCCESSES}`, "successes"),
    };
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError(`${error.message.split(". ")[0]}; ${USAGE}`);
    throw error;
  }
};

/** Says now and then on standard error how far the attack has come. */
const createSpeaker = (): NonNullable<CampaignOptions["onProgress"]> => {
  let saidMs = performance.now();
  return (parts, virtualNs) => {
    if (performance.now() < saidMs + SAY_EVERY_MS) return;
    saidMs = performance.now();
    process.stderr.write(`hostile: ${formatProgress(parts, virtualNs)}\n`);
  };
};

const main = async (): Promise<number> => {
  const command = readCommand(process.argv.slice(2));
  const { least, most } = BYSTANDER_ROUNDS;
  const bystanderRounds = Math.min(most, Math.max(least, Math.floor(command.calls / CALLS_PER_ROUND)));
  const onProgress = createSpeaker();
  const report = await runCampaign({ ...command, lifeCalls: LIFE_CALLS, bystanderRounds, onProgress });
  process.stdout.write(`${formatReport(report, command.successes)}\n`);
  return report.failures.length === 0 && unfinishedOf(report, command.successes).length === 0 ? 0 : 1;
};

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`hostile: ${error.message}\n`);
  process.exitCode = 2;
}
