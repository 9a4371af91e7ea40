import { parseArgs } from "node:util";
import { UsageError } from "./usage-error.ts";

/** What the demo was asked to do. */
export interface DemoOptions {
  /** No view: run under the virtual clock and print a summary. */
  readonly headless: boolean;
  /** When to end, in seconds of the host's time; null: when the person at the keyboard wants to. */
  readonly seconds: number | null;
  /** Seed of everything that is drawn. */
  readonly seed: number;
}

/** How the demo is called. */
export const USAGE = `usage: npm run demo -- [--headless] [--seconds N] [--seed N]

Starts a host with four domains: the control domain, two small paravirtual kernels and a kernel
written in TypeScript that reads a disk. On a terminal it shows them; the keyboard is the console
of the chosen domain.

  --headless    no view: run under the virtual clock, print a summary; so it does without a terminal
  --seconds N   end after N seconds of the host's time (headless: 5 where nothing is said)
  --seed N      what the host draws from (1)

Exit code: 0, 1 when a domain crashed (headless) or the host did, 2 for bad usage.`;

const MOST_SECONDS = 86_400;
const MOST_SEED = 0xffff_ffff;

const parse = (args: readonly string[]) => {
  try {
    return parseArgs({
      args: [...args],
      options: {
        headless: { type: "boolean" },
        seconds: { type: "string" },
        seed: { type: "string" },
      },
    }).values;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new UsageError(/^.*?(?=\. |\.?\n|$)/.exec(error.message)?.[0] ?? error.message);
  }
};

const parseSeconds = (text: string): number => {
  const value = /^\d{1,5}(\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN;
  if (!(value > 0 && value <= MOST_SECONDS))
    throw new UsageError(`--seconds ${text}: a number above 0, of at most ${MOST_SECONDS}, is wanted`);
  return value;
};

const parseSeed = (text: string): number => {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= MOST_SEED))
    throw new UsageError(`--seed ${text}: a whole number from 0 to ${MOST_SEED} is wanted`);
  return value;
};

/** Reads the arguments of the demo. @throws UsageError naming the argument. */
export const parseDemoOptions = (args: readonly string[]): DemoOptions => {
  const values = parse(args);
  return {
    headless: values.headless ?? false,
    seconds: values.seconds === undefined ? null : parseSeconds(values.seconds),
    seed: parseSeed(values.seed ?? "1"),
  };
};
