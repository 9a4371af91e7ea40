import { domainColor } from "./domain-table.ts";
import type { Line } from "./line.ts";
import { type ScreenPlace, takesKeys, type View, type ViewedDomain } from "./view.ts";

const NAME_COLUMNS = 9;

const piecesOf = (line: string, width: number): number => Math.max(1, Math.ceil(line.length / width));

/** The last rows that lines fill when each is broken at the width. */
const lastRows = (lines: readonly string[], width: number, count: number): string[] => {
  const rows: string[] = [];
  for (let index = lines.length - 1; index >= 0 && rows.length < count; index--) {
    const line = lines[index] ?? "";
    for (let piece = piecesOf(line, width) - 1; piece >= 0 && rows.length < count; piece--)
      rows.unshift(line.slice(piece * width, (piece + 1) * width));
  }
  return rows;
};

/** The chosen domain's console. */
export interface ConsolePane {
  /** As many as asked for. */
  readonly lines: readonly Line[];
  /** Where typing shows, in the pane. */
  readonly cursor: ScreenPlace | null;
}

/** The end of a console, as far as it fits. */
export const consolePane = (chosen: ViewedDomain, rows: number, width: number): ConsolePane => {
  const { lines, column } = chosen.console.text;
  const shown = lastRows(lines, width, rows);
  const firstColumn = (piecesOf(lines[lines.length - 1] ?? "", width) - 1) * width;
  return {
    lines: Array.from({ length: rows }, (_, row): Line => [{ text: shown[row] ?? "" }]),
    cursor:
      takesKeys(chosen) && shown.length > 0
        ? { row: shown.length - 1, column: Math.min(Math.max(0, column - firstColumn), width - 1) }
        : null,
  };
};

/** A line that separates, with the chosen domain's name. */
export const consoleTitle = ({ domain, console }: ViewedDomain, width: number): Line => {
  const what = console.isTyped ? "console" : "what happened on the host";
  return [
    { text: "── ", style: { dim: true } },
    { text: domain.name, style: { color: domainColor(domain), bold: true } },
    { text: `: ${what} ${"─".repeat(width)}`, style: { dim: true } },
  ];
};

/** The last words of the domains that are not chosen, a line each. */
export const otherConsoles = ({ snapshot, consoles, chosen }: View, width: number): Line[] => [
  [{ text: "─".repeat(width), style: { dim: true } }],
  ...snapshot.domains.flatMap((domain, index): Line[] => {
    if (index === chosen) return [];
    const words = consoles[index]?.text.lines.findLast((line) => line.trim() !== "") ?? "";
    const name = ` ${domain.name.slice(0, NAME_COLUMNS).padEnd(NAME_COLUMNS)} `;
    return [
      [
        { text: name, style: { color: domainColor(domain) } },
        { text: "│ ", style: { dim: true } },
        { text: words },
      ],
    ];
  }),
];
