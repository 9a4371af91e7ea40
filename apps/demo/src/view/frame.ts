import type { HostSnapshot } from "../model/snapshot.ts";
import { stateWord } from "../model/state-words.ts";
import { consolePane, consoleTitle, otherConsoles } from "./console-pane.ts";
import { domainTable } from "./domain-table.ts";
import { clipLine, type Line } from "./line.ts";
import {
  chosenDomain,
  type Frame,
  type ScreenSize,
  takesKeys,
  type View,
  type ViewedDomain,
} from "./view.ts";

const SECOND_NS = 1_000_000_000;
/** Screens of fewer rows show no console but the chosen one. */
const ROWS_FOR_ALL_CONSOLES = 20;

const header = ({ nowNs, clock, schedulerMcu, instructionRate }: HostSnapshot): Line => [
  { text: " xenolith", style: { bold: true } },
  { text: `   ${(nowNs / SECOND_NS).toFixed(1)} s of ${clock} time` },
  { text: `   ${(instructionRate / 1_000_000).toFixed(0)} million instructions/s` },
  { text: schedulerMcu === null ? "" : `   SVT ${schedulerMcu.toFixed(0)}` },
];

const keyHelp = (viewed: ViewedDomain): string => {
  const { domain, console } = viewed;
  if (takesKeys(viewed))
    return console.keysWait ? `${domain.name} is busy: your keys wait` : `keys go to ${domain.name}`;
  return console.isTyped
    ? `${domain.name}: ${stateWord(domain)}, q quits`
    : `${domain.name} takes no keys, q quits`;
};

const footer = (chosen: ViewedDomain): Line => [
  { text: " Tab", style: { bold: true } },
  { text: " next  " },
  { text: "Shift+Tab", style: { bold: true } },
  { text: " previous  " },
  { text: "Ctrl+C", style: { bold: true } },
  { text: " quit  │ " },
  { text: keyHelp(chosen), style: { dim: true } },
];

/** Lays a view out on a screen: the table, the chosen console, the last words of the others, the keys. */
export const layOut = (view: View, { rows, columns }: ScreenSize): Frame => {
  const { snapshot } = view;
  const top = [header(snapshot), ...domainTable(snapshot.domains, view.chosen, columns)];
  const chosen = chosenDomain(view);
  if (chosen === null)
    return { lines: top.slice(0, rows).map((line) => clipLine(line, columns)), cursor: null };
  const title = consoleTitle(chosen, columns);
  const others = rows >= ROWS_FOR_ALL_CONSOLES ? otherConsoles(view, columns) : [];
  const paneRows = Math.max(0, rows - top.length - others.length - 2);
  const pane = consolePane(chosen, paneRows, columns);
  const lines = [...top, title, ...pane.lines, ...others].slice(0, rows - 1);
  return {
    lines: [...lines, footer(chosen)].map((line) => clipLine(line, columns)),
    cursor: pane.cursor === null ? null : { ...pane.cursor, row: top.length + 1 + pane.cursor.row },
  };
};
