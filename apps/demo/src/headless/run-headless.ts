import { startDemoHost } from "../host/demo-host.ts";
import { HEADLESS_SPIN_MILLIONS } from "../host/plan.ts";
import { createSampler } from "../model/sampler.ts";
import { hasFailed } from "../model/state-words.ts";
import { summarise } from "./summary.ts";

const SECOND_NS = 1_000_000_000;

/** A run without a view. */
export interface HeadlessOptions {
  /** How long the domains run, in virtual seconds. */
  readonly seconds: number;
  readonly seed: number;
  readonly write: (text: string) => void;
}

/** What `write` is given is the summary. @returns the exit code: 1 when a domain crashed. */
export const runHeadless = async ({ seconds, seed, write }: HeadlessOptions): Promise<number> => {
  const demo = await startDemoHost({ clock: "virtual", seed, spinMillions: HEADLESS_SPIN_MILLIONS });
  const { host, nameOf } = demo;
  const sampler = createSampler({ host, nameOf, windowNs: 0 });
  const ranNs = Math.round(seconds * SECOND_NS);
  await demo.run({ untilNs: host.clock.now() + ranNs });
  const snapshot = sampler.sample();
  write(
    summarise({
      snapshot,
      seed,
      ranNs,
      linesOf: ({ id }) => demo.consoles.find(({ domain }) => domain === id)?.text.lines ?? [],
    }),
  );
  return snapshot.domains.some(hasFailed) ? 1 : 0;
};
