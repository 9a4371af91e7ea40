import { runCampaign } from "./campaign.ts";

const report = await runCampaign({ seed: Number(process.argv[2] ?? 1), calls: Number(process.argv[3] ?? 3000), successes: 100, lifeCalls: 900, bystanderRounds: 20 });
for (const { operation, outcomes, unlisted } of report.tally.operations) {
  console.log(operation.name.padEnd(50), JSON.stringify(Object.fromEntries(outcomes)), unlisted.size ? `UNLISTED ${JSON.stringify([...unlisted])}` : "");
}
console.log(report.tally.unfinished(100).map((o)=>o.name));
console.log(report.tally.mutated);
console.log(report.ends);
console.dir({ ...report, tally: 0, ends: 0 },{depth:4});
