import { describe, expect, it } from "vitest";
import { runCampaign } from "../src/campaign.ts";

const SUCCESSES = 10;

describe("a host under attack", () => {
  it("keeps its rules, answers as listed, and lets the others work", { timeout: 120_000 }, async () => {
    const report = await runCampaign({
      seed: 2003,
      calls: 12_000,
      successes: SUCCESSES,
      lifeCalls: 200,
      bystanderRounds: 30,
    });
    expect(report.failures).toEqual([]);
    expect(report.tally.unfinished(SUCCESSES).map(({ name }) => name)).toEqual([]);
    for (const { done, wanted } of report.traffic) expect(done).toBeGreaterThanOrEqual(wanted);
    expect(report.ticks).toBeGreaterThan(20);
  });
});
