import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { GUESTS_FOLDER } from "../guests-folder.ts";
import { UsageError } from "../usage-error.ts";
import { wholeNumber } from "../whole-number.ts";
import { domainsReport, judgeDomains } from "./report.ts";
import { runScenario } from "./scenario.ts";

/** How it is called. */
export const LINUX_DOMAINS_USAGE =
  "       pnpm bench linux-domains [--domains N] [--seconds N] [--seed N] [--guests DIR] [--json FILE]";

/**
 * Runs several Linux domains at once, each with its disk, one of which panics, and says what became of them.
 * @returns the exit code: 1 when something that is promised was not kept.
 * @throws UsageError for a mistake on the command line.
 */
export const benchLinuxDomains = async (args: readonly string[]): Promise<number> => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      domains: { type: "string" },
      seconds: { type: "string" },
      seed: { type: "string" },
      guests: { type: "string", default: GUESTS_FOLDER },
      json: { type: "string" },
    },
  });
  for (const name of ["vmlinuz", "initrd-disk.gz"])
    if (!existsSync(join(values.guests, name)))
      throw new UsageError(`${join(values.guests, name)} is missing: run pnpm guests`);
  const figures = await runScenario({
    guests: values.guests,
    domains: wholeNumber("domains", values.domains, 4, 2, 16),
    seconds: wholeNumber("seconds", values.seconds, 60, 20, 10_000),
    seed: wholeNumber("seed", values.seed, 1, 0, 0xffff_ffff),
    say: (line) => process.stderr.write(`${line}\n`),
  });
  for (const line of domainsReport(figures)) process.stdout.write(`${line}\n`);
  const verdicts = judgeDomains(figures);
  if (values.json !== undefined)
    writeFileSync(values.json, `${JSON.stringify({ ...figures, verdicts }, null, 2)}\n`);
  return verdicts.every(({ isKept }) => isKept) ? 0 : 1;
};
