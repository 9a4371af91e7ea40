import { parseArgs } from "node:util";
import type { FlatMode } from "@xenolith/bare-machine";
import type { EngineTuning } from "@xenolith/x86-cpu";
import { UsageError } from "../usage-error.ts";
import { runWild, type WildWorld } from "./run.ts";

/** How to call it. */
export const WILD_USAGE = "usage: pnpm bench wild [--bytes N] [--seed N] [--only TEXT]";

const PRIVILEGES = [0, 1, 2, 3] as const;
const MODES: readonly FlatMode[] = ["protected-flat", "long-flat"];
const ENGINES: readonly (readonly [string, EngineTuning])[] = [
  ["interpreter", { engine: "interpreter" }],
  ["translator", { translateAfter: 2 }],
];
const DEFAULT_BYTES = "10000000";

/** Every mode with its privileges, in both engines. */
export const wildWorlds: readonly (WildWorld & { readonly name: string })[] = ENGINES.flatMap(
  ([engine, tuning]) => [
    { name: `real, ${engine}`, mode: "real" as const, privilege: 0 as const, tuning },
    ...MODES.flatMap((mode) =>
      PRIVILEGES.map((privilege) => ({
        name: `${mode}, ring ${privilege}, ${engine}`,
        mode,
        privilege,
        tuning,
      })),
    ),
  ],
);

const numberOf = (name: string, text: string): number => {
  if (!/^\d{1,10}$/.test(text)) throw new UsageError(`--${name} ${text}: not a number; ${WILD_USAGE}`);
  return Number(text);
};

/**
 * Executes random bytes everywhere, prints what became of them, and returns the exit value: 1 when something happened that
 * must not.
 */
export const runWildStreams = (args: readonly string[]): number => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      bytes: { type: "string", default: DEFAULT_BYTES },
      seed: { type: "string", default: "1" },
      only: { type: "string", default: "" },
    },
  });
  const bytes = numberOf("bytes", values.bytes);
  const seed = numberOf("seed", values.seed);
  let failed = 0;
  for (const [index, world] of wildWorlds.entries()) {
    if (!world.name.includes(values.only)) continue;
    const startMs = performance.now();
    const { runs, retired, ends, slowestMs, problems } = runWild(world, { bytes, seed: seed + index });
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    const text = Object.entries(ends).map(([name, count]) => `${name} ${count}`);
    process.stdout.write(
      `${world.name}: ${bytes} bytes, ${runs} runs, ${retired} instructions, slowest ${slowestMs.toFixed(1)} ms, ${seconds} s; ${text.join(", ")}\n`,
    );
    for (const problem of problems) process.stdout.write(`  ${problem}\n`);
    failed += problems.length;
  }
  process.stdout.write(failed === 0 ? "nothing happened that must not\n" : `${failed} problems\n`);
  return failed === 0 ? 0 : 1;
};
