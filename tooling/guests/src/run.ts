import { spawnSync } from "node:child_process";

/** A mistake or a lack that the person at the terminal can mend: printed as one line, exit 2. */
export class GuestsError extends Error {}

const MOST_OUTPUT = 256 * 1024 * 1024;

/** Runs a program. @returns what it printed. @throws GuestsError with its last word. */
export const run = (command: string, args: readonly string[], cwd: string): Buffer => {
  const result = spawnSync(command, args, { cwd, stdio: ["ignore", "pipe", "pipe"], maxBuffer: MOST_OUTPUT });
  if (result.error !== undefined)
    throw new GuestsError(`${command} cannot be run: it comes with Debian (${result.error.message})`);
  if (result.status !== 0) {
    const reason = result.stderr.toString().trim().split("\n").at(-1) ?? "";
    throw new GuestsError(`${command} ${args.join(" ")} failed: ${reason}`);
  }
  return result.stdout;
};
