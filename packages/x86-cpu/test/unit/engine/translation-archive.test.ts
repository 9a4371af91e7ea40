import { describe, expect, it } from "vitest";
import type { EngineTuning } from "../../../src/index.ts";
import { createMemoryArchive, type MemoryArchive } from "../../support/memory-archive.ts";
import { createWideBench, type WideBench } from "../../support/wide-bench.ts";

const AT = 0x5000;
/** Adds RCX to RAX and counts it down: loop: add rax, rcx; dec rcx; jne loop; hlt */
const SUM = "4801c8 48ffc9 75f8 f4";
/** The same with SUB. */
const DIFFERENCE = "4829c8 48ffc9 75f8 f4";
const NEVER = 1_000_000;

const bench = (translationArchive: MemoryArchive, translateAfter: number): WideBench => {
  const tuning: EngineTuning = { translationArchive, translateAfter };
  return createWideBench(tuning);
};

/** What a loop leaves in RAX. */
const run = (on: WideBench, code: string, at = AT): bigint => {
  on.load(code.replaceAll(" ", ""), at);
  on.set({ rax: 0, rcx: 100 });
  on.run(1000);
  return on.get("rax");
};

describe("an archive of translations", () => {
  it("is given what an engine translates, and gives it to another one", () => {
    const archive = createMemoryArchive();
    expect(run(bench(archive, 10), SUM)).toBe(5050n);
    const { length } = archive.modules;
    expect(length).toBeGreaterThan(0);
    expect(archive.useCount).toBe(0);
    expect(run(bench(archive, NEVER), SUM)).toBe(5050n);
    expect(archive.useCount).toBe(1);
    expect(archive.modules.length).toBe(length);
  });

  it("is of no use for other code at the place, nor for the code elsewhere", () => {
    const archive = createMemoryArchive();
    run(bench(archive, 10), SUM);
    const other = bench(archive, NEVER);
    expect(run(other, DIFFERENCE)).toBe(BigInt.asUintN(64, -5050n));
    expect(run(other, SUM, AT + 0x1000)).toBe(5050n);
    expect(archive.useCount).toBe(0);
    expect(run(other, SUM)).toBe(5050n);
    expect(archive.useCount).toBe(1);
  });

  it("loses a translation whose code changes", () => {
    const archive = createMemoryArchive();
    run(bench(archive, 10), SUM);
    const on = bench(archive, NEVER);
    run(on, SUM);
    expect(run(on, DIFFERENCE)).toBe(BigInt.asUintN(64, -5050n));
  });

  it("is opened once by each engine, and for the same environment by equal ones", () => {
    const archive = createMemoryArchive();
    for (let count = 0; count < 2; count++) run(bench(archive, NEVER), SUM);
    const [first, second, ...others] = archive.environments;
    expect(others).toEqual([]);
    expect(second).toBe(first);
  });

  it("is not opened by an engine that does not translate", () => {
    const archive = createMemoryArchive();
    run(createWideBench({ translationArchive: archive, engine: "interpreter" }), SUM);
    expect(archive.environments).toEqual([]);
  });
});
