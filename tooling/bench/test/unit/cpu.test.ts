import { describe, expect, it } from "vitest";
import { judgeRounds } from "../../src/cpu/acceptance.ts";
import { coldMs, type Run, readRun, warmMs } from "../../src/cpu/protocol.ts";
import { ratiosTable, timesTable, toJson } from "../../src/cpu/report.ts";
import { geometricMean, median } from "../../src/cpu/statistics.ts";
import { withResults } from "../../src/document.ts";

/** A run whose every sub-benchmark takes `ms` when warm and twice as long when cold. */
const runOf = (kernels: Readonly<Record<string, number>>, checksum = "7"): Run =>
  readRun(
    `BENCH v1\n${Object.entries(kernels)
      .map(
        ([name, ms]) =>
          `S ${name} 0 1 1 t=100\nE ${name} 0 ${checksum} 5 t=${100 + 2 * ms}\nS ${name} 1 1 1 t=1000\nE ${name} 1 ${checksum} 5 t=${1000 + ms}\n`,
      )
      .join("")}DONE\n`,
    { kind: "stamp" },
  );

describe("the protocol", () => {
  it("takes times from stamps, the first repetition as cold", () => {
    const run = runOf({ a1_alu: 4 });
    expect([coldMs(run, "a1_alu"), warmMs(run, "a1_alu"), run.isComplete]).toEqual([8, 4, true]);
  });

  it("takes times from ticks where they are the host's", () => {
    const text = "S b1_mix 0 1 1\nE b1_mix 0 9 3000\nS b1_mix 1 1 1\nE b1_mix 1 9 1500\n";
    const run = readRun(text, { kind: "tsc", ticksPerMs: 1000 });
    expect([coldMs(run, "b1_mix"), warmMs(run, "b1_mix"), run.isComplete]).toEqual([3, 1.5, false]);
  });

  it("does not call a run complete that ended in an exception", () => {
    const run = readRun("TRAP 6 0 0\nDONE\n", { kind: "stamp" });
    expect([run.isComplete, run.trap]).toEqual([false, "TRAP 6 0 0"]);
  });

  it("has no time for what was not run", () => {
    expect(warmMs(runOf({}), "a1_alu")).toBeNaN();
  });
});

describe("statistics", () => {
  it("leave out what is no number, and know when there is none", () => {
    expect(median([3, Number.NaN, 1])).toBe(2);
    expect(median([Number.NaN])).toBeNaN();
    expect(geometricMean([2, 8])).toBe(4);
    expect(geometricMean([])).toBeNaN();
  });
});

describe("a document", () => {
  it("gets results between its marks, again and again", () => {
    const document =
      "before\n<!-- results: written by pnpm bench cpu -->\nold\n<!-- end of results -->\nafter\n";
    const once = withResults(document, "cpu", ["new"]) ?? "";
    expect(once).toMatch(/^before\n<!-- [^\n]*\n\nnew\n\n<!-- end of results -->\nafter\n$/);
    expect(withResults(once, "cpu", ["new"])).toBe(once);
    expect(withResults("no marks", "cpu", [])).toBeNull();
  });
});

describe("the verdict", () => {
  const rounds = new Map([
    ["qemu", [runOf({ a1_alu: 10, e1_int80: 10 }), runOf({ a1_alu: 20, e1_int80: 10 })]],
    ["xenolith", [runOf({ a1_alu: 5, e1_int80: 8 }), runOf({ a1_alu: 10, e1_int80: 8 })]],
  ]);
  const verdictOf = (promise: RegExp) => judgeRounds(rounds).find((verdict) => promise.test(verdict.promise));

  it("takes ratios within a round", () => {
    expect(verdictOf(/each of a-f/)).toMatchObject({ measured: 0.8, worst: "e1_int80", isKept: true });
    expect(verdictOf(/each of e1-e3/)).toMatchObject({ measured: 0.8, isKept: false });
  });

  it("leaves open what was not measured", () => {
    expect(verdictOf(/each of h/)?.isKept).toBeNull();
    expect(verdictOf(/^against QEMU, warm: mean/)?.isKept).toBeNull();
  });

  it("sees checksums that differ", () => {
    const mixed = new Map([...rounds, ["v86", [runOf({ a1_alu: 1 }, "8")]]]);
    expect(judgeRounds(mixed)[0]).toMatchObject({ measured: 1, worst: "a1_alu", isKept: false });
    expect(timesTable(mixed).find((line) => line.includes("a1_alu"))).toMatch(/DIFFER/);
  });

  it("prints ratios of runners that ran, and everything as JSON", () => {
    expect(ratiosTable(rounds)[0]).toMatch(/xenolith \/ qemu/);
    expect(ratiosTable(rounds)[2]).toMatch(/0\.50 \(0\.50\)/);
    expect(JSON.parse(toJson(rounds, { rounds: 2 }))).toMatchObject({
      rounds: 2,
      kernels: [{ kernel: "a1_alu" }, {}],
    });
  });
});
