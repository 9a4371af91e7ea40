import { describe, expect, it } from "vitest";
import { runCampaign, unfinishedOf } from "../src/campaign.ts";

const SUCCESSES = 3;
/** Sub-operations that may be seen too seldom. */
const MISSED = 5;

describe("a host under attack", () => {
  it("keeps its rules, answers as listed, and lets the others work", { timeout: 120_000 }, async () => {
    const report = await runCampaign({
      seed: 2003,
      calls: 14_000,
      traffic: 6_000,
      successes: SUCCESSES,
      lifeCalls: 200,
      bystanderRounds: 30,
    });
    expect(report.failures).toEqual([]);
    // The long attack sees everything; this one nearly everything.
    expect(unfinishedOf(report, SUCCESSES).length).toBeLessThan(MISSED);
    for (const { done, wanted } of report.traffic) expect(done).toBeGreaterThanOrEqual(wanted);
    expect(report.ticks).toBeGreaterThan(20);
  });
});
