import { tableOf } from "../table.ts";
import type { DomainFigures, ScenarioFigures } from "./scenario.ts";

/** One thing that is promised, and what was found. */
export interface LinuxVerdict {
  readonly promise: string;
  readonly found: string;
  readonly isKept: boolean;
}

/** Largest distance of a share from an equal one, as a part of it. */
const MOST_UNFAIR = 0.05;
const MEBIBYTE = 1_048_576;

/** Judges a run: the last domain panics, the others do not notice. */
export const judgeDomains = ({
  domains,
  residentBytes,
  domainBytes,
}: ScenarioFigures): readonly LinuxVerdict[] => {
  const survivors = domains.slice(0, -1);
  const doomed = domains.at(-1);
  const finished = survivors.filter(({ end }) => end === "poweroff");
  const right = survivors.filter(
    ({ rounds, wrong, complaints }) => rounds > 1 && wrong === 0 && complaints === 0,
  );
  const clean = survivors.filter(({ diskProblem }) => diskProblem === null);
  const unfair = Math.max(...domains.map(({ share }) => Math.abs(share * domains.length - 1)));
  const all = (found: readonly DomainFigures[]): Pick<LinuxVerdict, "found" | "isKept"> => ({
    found: `${found.length} of ${survivors.length}`,
    isKept: found.length === survivors.length,
  });
  return [
    { promise: "domains that worked to the end and powered off", ...all(finished) },
    { promise: "their outputs right, no complaint in their logs", ...all(right) },
    { promise: "their disks clean", ...all(clean) },
    {
      promise: `the last one panics: ended by a crash`,
      found: doomed?.end ?? "runs",
      isKept: doomed?.end === "crash",
    },
    {
      promise: `shares while all compute: within ${MOST_UNFAIR * 100} % of equal`,
      found: `${(unfair * 100).toFixed(2)} %`,
      isKept: unfair <= MOST_UNFAIR,
    },
    {
      promise: "memory of the process: at most four times that of the domains",
      found: `${Math.round(residentBytes / MEBIBYTE)} MiB for ${domainBytes / MEBIBYTE} MiB`,
      isKept: residentBytes <= 4 * domainBytes,
    },
  ];
};

/** Lines for people: a table of the domains, times, and what is promised. */
export const domainsReport = (figures: ScenarioFigures): readonly string[] => [
  ...tableOf([
    ["domain", "end", "rounds", "wrong", "CPU s", "M instructions", "share"],
    ...figures.domains.map((domain) => [
      domain.name,
      domain.end ?? "runs",
      `${domain.rounds || "-"}`,
      Number.isNaN(domain.wrong) ? "-" : `${domain.wrong}`,
      domain.cpuSeconds.toFixed(2),
      `${Math.round(domain.instructions / 1e6)}`,
      `${(domain.share * 100).toFixed(2)} %`,
    ]),
  ]),
  "",
  `${figures.workSeconds.toFixed(1)} virtual s of work in ${figures.workWallSeconds.toFixed(1)} s; until all were at their shells ${figures.bootWallSeconds.toFixed(1)} s`,
  "",
  ...tableOf([
    ["promise", "found", ""],
    ...judgeDomains(figures).map(({ promise, found, isKept }) => [
      promise,
      found,
      isKept ? "kept" : "MISSED",
    ]),
  ]),
];
