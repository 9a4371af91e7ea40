#!/usr/bin/env node
import { HostError } from "@xenolith/machine-interface";
import { EXIT_CODE } from "./run/exit-code.ts";
import { parseRunOptions, RUN_USAGE } from "./run/options.ts";
import { run } from "./run/run.ts";
import { UsageError } from "./usage-error.ts";

const USAGE = `usage: xl COMMAND [ARGUMENTS]

  run KERNEL    run one domain on a private host until it stops

xl COMMAND --help tells more.`;

const main = async (args: readonly string[]): Promise<number> => {
  const [command, ...rest] = args;
  const wantsHelp = args.includes("--help") || args.includes("-h");
  if (command === "run" && wantsHelp) {
    process.stdout.write(`${RUN_USAGE}\n`);
    return 0;
  }
  if (wantsHelp) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  if (command === "run") return run(parseRunOptions(rest));
  throw new UsageError(
    command === undefined ? "no command given; see xl --help" : `${command}: no such command; see xl --help`,
  );
};

const failed = (error: unknown): number => {
  if (!(error instanceof UsageError || error instanceof HostError)) throw error;
  process.stderr.write(`xl: ${error.message}\n`);
  return EXIT_CODE.badUsage;
};

// No await at the top level: the launcher keeps the compiled form of applications that can be one script.
void main(process.argv.slice(2))
  .catch(failed)
  .then((code) => {
    process.exitCode = code;
  });
