#!/usr/bin/env node
import { HostError } from "@xenolith/machine-interface";
import { runHeadless } from "./headless/run-headless.ts";
import { runInteractive } from "./interactive/run-interactive.ts";
import { type DemoOptions, parseDemoOptions, USAGE } from "./options.ts";
import { UsageError } from "./usage-error.ts";

const DEFAULT_HEADLESS_SECONDS = 5;
const EXIT_FAILED = 1;
const EXIT_BAD_USAGE = 2;

const run = (options: DemoOptions): Promise<number> => {
  const { seconds, seed } = options;
  // Without a terminal there is nothing to draw on; the summary says the same.
  if (!options.headless && process.stdout.isTTY) return runInteractive({ seconds, seed });
  return runHeadless({
    seconds: seconds ?? DEFAULT_HEADLESS_SECONDS,
    seed,
    write: (text) => process.stdout.write(text),
  });
};

const main = async (args: readonly string[]): Promise<number> => {
  if (args.includes("--help") || args.includes("-h")) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  return run(parseDemoOptions(args));
};

// Whoever read the output may have gone; then there is nobody to tell.
process.stdout.on("error", () => process.exit(EXIT_FAILED));
const failed = (error: unknown): number => {
  if (!(error instanceof UsageError || error instanceof HostError)) throw error;
  process.stderr.write(`demo: ${error.message}\n`);
  return error instanceof UsageError ? EXIT_BAD_USAGE : EXIT_FAILED;
};

// No await at the top level: the launcher keeps the compiled form of applications that can be one script.
void main(process.argv.slice(2))
  .catch(failed)
  .then((code) => {
    process.exitCode = code;
  });
