import { toDomId } from "@xenolith/xen-abi";
import { describe, expect, it } from "vitest";
import { type RunReport, summarise } from "../../src/headless/summary.ts";
import { domainSnapshot, hostSnapshot } from "../support/snapshots.ts";

const control = domainSnapshot({
  id: toDomId(0),
  name: "Domain-0",
  cpuNs: 2_000_000,
  instructions: 0,
  share: 0.001,
});
const granite = domainSnapshot();

const report = (changes: Partial<RunReport> = {}): RunReport => ({
  snapshot: hostSnapshot([control, granite]),
  seed: 7,
  ranNs: 5_000_000_000,
  linesOf: ({ name }) => [`${name} says this`, ""],
  ...changes,
});

describe("the summary of a run", () => {
  it("says how long it was and from which seed", () => {
    expect(summarise(report()).split("\n")[0]).toBe("xenolith demo: 5 virtual seconds, seed 7");
  });

  it("has a row for each domain: name, id, state, time, share, weight, instructions", () => {
    const rows = summarise(report()).split("\n").slice(2, 5);
    expect(rows.map((row) => row.split(/ {2,}| (?=\d)/))).toEqual([
      ["NAME", "ID", "STATE", "CPU-MS", "SHARE", "WEIGHT", "INSTRUCTIONS"],
      ["Domain-0", "0", "blocked", "2.000", "0.1%", "256", "0"],
      ["granite", "1", "blocked", "1500.000", "25.0%", "256", "1499000000"],
    ]);
  });

  it("shows what each domain wrote under its name", () => {
    expect(summarise(report())).toContain("--- granite (domain 1)\ngranite says this\n\n");
  });

  it("ends with how many ran", () => {
    const idle = domainSnapshot({ cpuNs: 0 });
    expect(summarise(report()).trimEnd().split("\n").at(-1)).toBe("2 of 2 domains ran, none crashed");
    const text = summarise(report({ snapshot: hostSnapshot([control, idle]) }));
    expect(text.trimEnd().split("\n").at(-1)).toBe("1 of 2 domains ran, none crashed");
  });

  it("names the domain that crashed, and why", () => {
    const crashed = domainSnapshot({
      state: "shutdown",
      shutdownReason: "crash",
      crash: { reason: "no handler for page faults", registers: "" },
    });
    const text = summarise(report({ snapshot: hostSnapshot([control, crashed]) }));
    expect(text.trimEnd().split("\n").at(-1)).toBe(
      "2 of 2 domains ran, granite crashed (no handler for page faults)",
    );
  });
});
