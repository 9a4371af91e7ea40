import { toDomId } from "@xenolith/xen-abi";
import { describe, expect, it } from "vitest";
import { layOut } from "../../src/view/frame.ts";
import { plainText } from "../../src/view/line.ts";
import type { Frame, View } from "../../src/view/view.ts";
import { domainSnapshot, hostSnapshot, viewedConsole } from "../support/snapshots.ts";

const domains = [
  domainSnapshot({ id: toDomId(0), name: "Domain-0", weight: 1024 }),
  domainSnapshot({ id: toDomId(1), name: "granite", state: "running", share: 0.5 }),
  domainSnapshot({ id: toDomId(2), name: "basalt" }),
  domainSnapshot({ id: toDomId(3), name: "reader" }),
];
const consoles = [
  viewedConsole("a domain was created\n", { isTyped: false }),
  viewedConsole("granite> "),
  viewedConsole("basalt's last words\n\n"),
  viewedConsole("sector 1: text"),
];
const size = { rows: 24, columns: 80 };

const view = (changes: Partial<View> = {}): View => ({
  snapshot: hostSnapshot(domains),
  consoles,
  chosen: 1,
  ...changes,
});
const textOf = ({ lines }: Frame): string[] => lines.map(plainText);
const withDomain = (index: number, changes: Parameters<typeof domainSnapshot>[0]): View =>
  view({
    snapshot: hostSnapshot(domains.map((domain, at) => (at === index ? { ...domain, ...changes } : domain))),
    chosen: index,
  });

describe("the screen", () => {
  it.each([
    [24, 80],
    [60, 200],
    [12, 40],
    [7, 20],
    [3, 10],
    [1, 1],
  ])("fits into %i rows of %i columns", (rows, columns) => {
    const frame = layOut(view(), { rows, columns });
    expect(frame.lines.length).toBeLessThanOrEqual(rows);
    for (const line of textOf(frame)) expect(line.length).toBeLessThanOrEqual(columns);
    if (frame.cursor !== null) {
      expect(frame.cursor.row).toBeLessThan(rows - 1);
      expect(frame.cursor.column).toBeLessThan(columns);
    }
  });

  it("fills a terminal of 80 columns and 24 rows", () => {
    expect(textOf(layOut(view(), size))).toHaveLength(24);
  });

  it("has a row for each domain with all that the scheduler knows", () => {
    const row = textOf(layOut(view(), size)).find((line) => line.includes("granite"));
    expect(row?.trim().split(/\s+/)).toEqual([
      "›",
      "1",
      "granite",
      "running",
      "1.500",
      "50.0",
      "████",
      "256",
      "15000",
      "14000",
    ]);
  });

  it("says when a domain is warped", () => {
    const warped = { actualMcu: 10, effectiveMcu: -990, warped: true };
    const row = textOf(layOut(withDomain(0, { virtualTime: warped }), size))[2];
    expect(row).toMatch(/10 +-990 yes/);
  });

  it("shows the chosen domain's console with the cursor behind what it wrote", () => {
    const frame = layOut(view(), size);
    const { row, column } = frame.cursor ?? { row: -1, column: -1 };
    expect(textOf(frame)[row]).toBe("granite> ");
    expect(column).toBe("granite> ".length);
  });

  it("shows the end of a console that is longer than its place, broken at the width", () => {
    const long = viewedConsole(`${"first\n".repeat(50)}${"x".repeat(100)}`);
    const frame = layOut(view({ consoles: consoles.with(1, long) }), size);
    const { row, column } = frame.cursor ?? { row: 0, column: -1 };
    expect(textOf(frame)[row - 1]).toBe("x".repeat(80));
    expect(textOf(frame)[row]).toBe("x".repeat(20));
    expect(column).toBe(20);
    expect(textOf(frame)[row - 2]).toBe("first");
  });

  it("shows the last words of the other domains", () => {
    const lines = textOf(layOut(view(), size));
    expect(lines).toContain(" basalt    │ basalt's last words");
    expect(lines).toContain(" reader    │ sector 1: text");
    expect(lines).not.toContain(" granite   │ granite>");
  });

  it("says where keys go", () => {
    const footer = (of: View): string => textOf(layOut(of, size)).at(-1) ?? "";
    expect(footer(view())).toContain("keys go to granite");
    expect(footer(view({ chosen: 0 }))).toContain("Domain-0 takes no keys, q quits");
    expect(footer(withDomain(1, { state: "shutdown", shutdownReason: "poweroff" }))).toContain(
      "granite: off, q quits",
    );
    const busy = viewedConsole("", { keysWait: true });
    expect(footer(view({ consoles: consoles.with(1, busy) }))).toContain("granite is busy: your keys wait");
  });

  it("has no cursor where keys go nowhere", () => {
    expect(layOut(view({ chosen: 0 }), size).cursor).toBeNull();
    expect(layOut(withDomain(1, { state: "shutdown", shutdownReason: "crash" }), size).cursor).toBeNull();
  });
});
