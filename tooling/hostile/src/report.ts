import { SUCCESS } from "./calls/call.ts";
import type { OperationTally } from "./calls/tally.ts";
import type { CampaignReport } from "./campaign.ts";

const NAME_WIDTH = 48;
const COUNT_WIDTH = 8;

const errorsOf = ({ operation, outcomes }: OperationTally): string =>
  Object.keys(operation.errors)
    .map((outcome) => `${outcome} ${outcomes.get(outcome) ?? 0}`)
    .join(", ");

const row = (tally: OperationTally): string => {
  const { operation, calls, outcomes } = tally;
  const successes = typeof operation.succeeds === "string" ? "never" : `${outcomes.get(SUCCESS) ?? 0}`;
  return `${operation.name.padEnd(NAME_WIDTH)}${`${calls}`.padStart(COUNT_WIDTH)}${successes.padStart(COUNT_WIDTH)}  ${errorsOf(tally)}`;
};

/** How attackers ended, without what differs from one to the next. */
const endLines = (ends: ReadonlyMap<string, number>): string[] => {
  const kinds = new Map<string, number>();
  for (const [end, count] of ends) {
    const kind = end.replace(/\b(selector|code) [0-9a-f]+\b/g, "$1 N").replace(/ after .*/, "");
    kinds.set(kind, (kinds.get(kind) ?? 0) + count);
  }
  return [...kinds]
    .sort((a, b) => b[1] - a[1])
    .map(([kind, count]) => `  ${`${count}`.padStart(5)}  ${kind}`);
};

const mebibytes = (bytes: number): string => `${(bytes / 1_048_576).toFixed(1)} MiB`;

/** The report for people: a table of sub-operations, then totals, then what went wrong. */
export const formatReport = (report: CampaignReport, wantedSuccesses: number): string => {
  const { tally } = report;
  const unfinished = tally.unfinished(wantedSuccesses);
  const errors = tally.operations.reduce(
    (sum, { operation }) => sum + Object.keys(operation.errors).length,
    0,
  );
  const able = tally.operations.filter(({ operation }) => typeof operation.succeeds !== "string");
  const fewest = Math.min(...able.map(({ outcomes }) => outcomes.get(SUCCESS) ?? 0));
  const mutated = [...tally.mutated.values()].reduce((sum, count) => sum + count, 0);
  return [
    `${"sub-operation".padEnd(NAME_WIDTH)}${"calls".padStart(COUNT_WIDTH)}${"ok".padStart(COUNT_WIDTH)}  errors`,
    ...tally.operations.map(row),
    "",
    `${tally.calls} hypercalls from ring 1: ${mutated} changed at random, ${tally.preparations} preparations`,
    `${tally.operations.length} sub-operations, ${able.length} of which can succeed: each at least ${fewest} times; ${errors} errors`,
    ...report.traffic.map(
      ({ what, done, details }) =>
        `${done} ${what}: ${Object.entries(details)
          .map(([name, count]) => `${count} ${name}`)
          .join(", ")}`,
    ),
    `${report.lives} attackers in ${(report.virtualNs / 1e9).toFixed(3)} s of virtual time ended so:`,
    ...endLines(report.ends),
    `the bystander has carried out ${report.bystanderCommands} commands, the ticker has ticked ${report.ticks} times`,
    `${report.checks} checks of frame table, grants, xenstored and domains; heap ${mebibytes(report.heapBytes.early)} early, ${mebibytes(report.heapBytes.late)} late`,
    ...unfinished.map(({ name }) => `not seen often enough: ${name}`),
    ...report.failures.map((failure) => `FAILED: ${failure}`),
    report.failures.length === 0 && unfinished.length === 0 ? "nothing gave way" : "",
  ]
    .filter((line, index, lines) => line !== "" || index < lines.length - 1)
    .join("\n");
};
