import { describe, expect, it } from "vitest";
import { createAdversary } from "../support/adversary.ts";

/** Steps of one run; a longer run is asked for by FUZZ_STEPS, another one by FUZZ_SEED. */
const STEPS = Number(process.env["FUZZ_STEPS"] ?? 20_000);
const SEED = Number(process.env["FUZZ_SEED"] ?? 2003);

describe("two hostile domains", () => {
  it(`break no law in ${STEPS} random operations (seed ${SEED})`, () => {
    const adversary = createAdversary(SEED);
    for (let step = 0; step < STEPS; step++) {
      adversary.step();
      const problems = adversary.problems(step % 25 === 0);
      if (problems.length > 0) expect.fail(`after step ${step}: ${problems.slice(0, 3).join("; ")}`);
    }
    expect(adversary.problems(true)).toEqual([]);
    // Every operation has to have worked at times, or the run has shown nothing about it.
    for (const [operation, results] of adversary.outcomes) {
      expect(results.get(0) ?? 0, `${operation} succeeded`).toBeGreaterThan(STEPS / 1000);
    }
  });
});
