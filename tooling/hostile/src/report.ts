import { SUCCESS } from "./calls/call.ts";
import type { OperationTally } from "./calls/tally.ts";
import { type AssaultReport, type CampaignReport, unfinishedOf } from "./campaign.ts";
import type { Progress } from "./traffic/progress.ts";

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

/** How attackers ended, the most frequent first. */
const endLines = (ends: ReadonlyMap<string, number>): string[] =>
  [...ends].sort((a, b) => b[1] - a[1]).map(([kind, count]) => `  ${`${count}`.padStart(5)}  ${kind}`);

const mebibytes = (bytes: number): string => `${(bytes / 1_048_576).toFixed(1)} MiB`;

const sum = (counts: Iterable<number>): number => [...counts].reduce((total, count) => total + count, 0);

/** What the attackers of one width have seen: a table of sub-operations, then totals. */
const assaultLines = ({ width, tally, lives, ends }: AssaultReport): string[] => {
  const errors = sum(tally.operations.map(({ operation }) => Object.keys(operation.errors).length));
  const able = tally.operations.filter(({ operation }) => typeof operation.succeeds !== "string");
  const fewest = Math.min(...able.map(({ outcomes }) => outcomes.get(SUCCESS) ?? 0));
  return [
    `${`sub-operation (${width})`.padEnd(NAME_WIDTH)}${"calls".padStart(COUNT_WIDTH)}${"ok".padStart(COUNT_WIDTH)}  errors`,
    ...tally.operations.map(row),
    "",
    `${tally.calls} hypercalls from ${width}: ${sum(tally.mutated.values())} changed at random, ${tally.preparations} preparations`,
    `${tally.operations.length} sub-operations, ${able.length} of which can succeed: each at least ${fewest} times; ${errors} errors`,
    `${lives} attackers ended so:`,
    ...endLines(ends),
    "",
  ];
};

const seconds = (virtualNs: number): string => `${(virtualNs / 1e9).toFixed(3)} s of virtual time`;

/** A line for people who wait: how far each part of the attack has come. */
export const formatProgress = (parts: readonly Progress[], virtualNs: number): string =>
  [...parts.map(({ what, done, wanted }) => `${done} of ${wanted} ${what}`), seconds(virtualNs)].join(", ");

/** The report for people: what each width has seen, then totals, then what went wrong. */
export const formatReport = (report: CampaignReport, wantedSuccesses: number): string => {
  const unfinished = unfinishedOf(report, wantedSuccesses);
  const total = sum(report.assaults.map(({ tally }) => tally.calls));
  return [
    ...report.assaults.flatMap(assaultLines),
    `${total} hypercalls in ${seconds(report.virtualNs)}`,
    ...report.traffic.map(
      ({ what, done, details }) =>
        `${done} ${what}: ${Object.entries(details)
          .map(([name, count]) => `${count} ${name}`)
          .join(", ")}`,
    ),
    `the bystander has carried out ${report.bystanderCommands} commands, the ticker has ticked ${report.ticks} times`,
    `${report.checks} checks of frame table, grants, xenstored and domains`,
    ...report.memory.map(
      ({ calls, heapBytes, residentBytes }) =>
        `after ${calls} hypercalls: heap ${mebibytes(heapBytes)}, resident ${mebibytes(residentBytes)}`,
    ),
    ...unfinished.map((name) => `not seen often enough: ${name}`),
    ...report.failures.map((failure) => `FAILED: ${failure}`),
    report.failures.length === 0 && unfinished.length === 0 ? "nothing gave way" : "",
  ]
    .filter((line, index, lines) => line !== "" || index < lines.length - 1)
    .join("\n");
};
