import type { DomainSnapshot } from "../model/snapshot.ts";
import { hasFailed, stateWord } from "../model/state-words.ts";
import type { Line, Style } from "./line.ts";

const SECOND_NS = 1_000_000_000;
const BAR_COLUMNS = 8;
const FAILED_COLOR = 203;
/** Colours of domains by identifier, over and over; a domain keeps its own wherever it is shown. */
const DOMAIN_COLORS = [153, 208, 43, 185, 99, 177, 38] as const;

/** A column of the table. */
interface Column {
  readonly heading: string;
  readonly width: number;
  readonly align: "left" | "right";
  readonly cell: (domain: DomainSnapshot) => string;
  /** Screen width from which on the column is shown. */
  readonly fromWidth: number;
}

const bar = (share: number): string => {
  const eighths = Math.round(Math.min(Math.max(share, 0), 1) * BAR_COLUMNS * 8);
  const rest = eighths % 8;
  const whole = "█".repeat(Math.floor(eighths / 8));
  return whole + (rest === 0 ? "" : String.fromCodePoint(0x2590 - rest));
};

const units = (value: number | undefined): string => (value === undefined ? "-" : value.toFixed(0));

const COLUMNS: readonly Column[] = [
  { heading: "ID", width: 3, align: "right", cell: ({ id }) => String(id), fromWidth: 0 },
  { heading: "NAME", width: 9, align: "left", cell: ({ name }) => name, fromWidth: 0 },
  { heading: "STATE", width: 9, align: "left", cell: stateWord, fromWidth: 0 },
  {
    heading: "CPU(s)",
    width: 8,
    align: "right",
    cell: ({ cpuNs }) => (cpuNs / SECOND_NS).toFixed(3),
    fromWidth: 0,
  },
  {
    heading: "CPU%",
    width: 5,
    align: "right",
    cell: ({ share }) => (share * 100).toFixed(1),
    fromWidth: 0,
  },
  { heading: "SHARE", width: BAR_COLUMNS, align: "left", cell: ({ share }) => bar(share), fromWidth: 0 },
  {
    heading: "WEIGHT",
    width: 6,
    align: "right",
    cell: ({ weight }) => (weight === null ? "-" : String(weight)),
    fromWidth: 0,
  },
  {
    heading: "AVT",
    width: 8,
    align: "right",
    cell: ({ virtualTime }) => units(virtualTime?.actualMcu),
    fromWidth: 0,
  },
  {
    heading: "EVT",
    width: 8,
    align: "right",
    cell: ({ virtualTime }) => units(virtualTime?.effectiveMcu),
    fromWidth: 0,
  },
  {
    heading: "WARP",
    width: 4,
    align: "left",
    cell: ({ virtualTime }) => (virtualTime?.warped === true ? "yes" : ""),
    fromWidth: 79,
  },
  { heading: "MEM(K)", width: 7, align: "right", cell: ({ memoryKiB }) => String(memoryKiB), fromWidth: 88 },
  {
    heading: "INSTRUCTIONS",
    width: 15,
    align: "right",
    cell: ({ instructions }) => String(instructions),
    fromWidth: 104,
  },
];

/** Colour of a domain. */
export const domainColor = (domain: DomainSnapshot): number =>
  DOMAIN_COLORS[domain.id % DOMAIN_COLORS.length] ?? DOMAIN_COLORS[0];

const fit = (text: string, { width, align }: Column): string => {
  const cut = text.slice(0, width);
  return align === "left" ? cut.padEnd(width) : cut.padStart(width);
};

const styleOf = (column: Column, domain: DomainSnapshot, chosen: boolean): Style => {
  const color = domainColor(domain);
  if (column.heading === "STATE" && hasFailed(domain)) return { color: FAILED_COLOR, bold: true };
  if (column.heading === "NAME" || column.heading === "SHARE") return { color, bold: chosen };
  return chosen ? { bold: true } : {};
};

/** Headings and a row for each domain; the chosen one is marked. */
export const domainTable = (
  domains: readonly DomainSnapshot[],
  chosenIndex: number,
  screenWidth: number,
): Line[] => {
  const columns = COLUMNS.filter(({ fromWidth }) => screenWidth >= fromWidth);
  const headings: Line = [
    { text: ` ${columns.map((column) => ` ${fit(column.heading, column)}`).join("")}`, style: { dim: true } },
  ];
  const rows = domains.map((domain, index): Line => {
    const chosen = index === chosenIndex;
    return [
      { text: chosen ? "›" : " ", style: { color: domainColor(domain), bold: true } },
      ...columns.map((column) => ({
        text: ` ${fit(column.cell(domain), column)}`,
        style: styleOf(column, domain, chosen),
      })),
    ];
  });
  return [headings, ...rows];
};
