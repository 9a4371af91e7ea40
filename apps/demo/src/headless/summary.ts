import type { DomainSnapshot, HostSnapshot } from "../model/snapshot.ts";
import { hasFailed, stateWord } from "../model/state-words.ts";

const MILLISECOND_NS = 1_000_000;
const SECOND_NS = 1_000_000_000;

/** A run that is over, with what its domains wrote. */
export interface RunReport {
  readonly snapshot: HostSnapshot;
  readonly seed: number;
  /** How long the domains ran. */
  readonly ranNs: number;
  /** Text of the domain's console, line by line. */
  readonly linesOf: (domain: DomainSnapshot) => readonly string[];
}

const HEADINGS = ["NAME", "ID", "STATE", "CPU-MS", "SHARE", "WEIGHT", "INSTRUCTIONS"] as const;
const LEFT_ALIGNED: ReadonlySet<string> = new Set(["NAME", "STATE"]);

const rowOf = (domain: DomainSnapshot): string[] => [
  domain.name,
  String(domain.id),
  stateWord(domain),
  (domain.cpuNs / MILLISECOND_NS).toFixed(3),
  `${(domain.share * 100).toFixed(1)}%`,
  domain.weight === null ? "-" : String(domain.weight),
  String(domain.instructions),
];

const table = (rows: readonly (readonly string[])[]): string[] => {
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return LEFT_ALIGNED.has(HEADINGS[column] ?? "") ? cell.padEnd(width) : cell.padStart(width);
      })
      .join("  ")
      .trimEnd(),
  );
};

const withoutEmptyEnd = (lines: readonly string[]): readonly string[] =>
  lines[lines.length - 1] === "" ? lines.slice(0, -1) : lines;

const section = (domain: DomainSnapshot, lines: readonly string[]): string[] => [
  `--- ${domain.name} (domain ${domain.id})`,
  ...withoutEmptyEnd(lines),
  "",
];

/**
 * A run in words: a row for each domain, what each wrote, and a line that says how it ended. The same run gives the same
 * text.
 */
export const summarise = ({ snapshot, seed, ranNs, linesOf }: RunReport): string => {
  const { domains } = snapshot;
  const ran = domains.filter(({ cpuNs }) => cpuNs > 0).length;
  const failed = domains.filter(hasFailed);
  const end =
    failed.length === 0
      ? "none crashed"
      : failed.map(({ name, crash }) => `${name} crashed (${crash?.reason ?? "no reason given"})`).join(", ");
  const lines = [
    `xenolith demo: ${ranNs / SECOND_NS} virtual seconds, seed ${seed}`,
    "",
    ...table([HEADINGS, ...domains.map(rowOf)]),
    "",
    ...domains.flatMap((domain) => section(domain, linesOf(domain))),
    `${ran} of ${domains.length} domains ran, ${end}`,
  ];
  return `${lines.join("\n")}\n`;
};
