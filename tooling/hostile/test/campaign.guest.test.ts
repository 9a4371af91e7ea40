import { describe, expect, it } from "vitest";
import { runCampaign, unfinishedOf } from "../src/campaign.ts";

const CALLS = 100_000;
const SUCCESSES = 100;
/** Every life can shut down only once, and there are few lives in so many calls. */
const LEAST_SUCCESSES = 10;

describe(`a host under ${CALLS} calls, ring slots, messages and grant references`, () => {
  it("gives every errno and lets nothing through", { timeout: 600_000 }, async () => {
    const report = await runCampaign({
      seed: 1,
      calls: CALLS,
      traffic: CALLS,
      successes: SUCCESSES,
      lifeCalls: 900,
      bystanderRounds: 200,
    });
    expect(report.failures).toEqual([]);
    expect(unfinishedOf(report, LEAST_SUCCESSES)).toEqual([]);
    const made = report.assaults.reduce((sum, { tally }) => sum + tally.calls, 0);
    expect(made).toBeGreaterThanOrEqual(CALLS);
    for (const { done } of report.traffic) expect(done).toBeGreaterThanOrEqual(CALLS);
  });
});
