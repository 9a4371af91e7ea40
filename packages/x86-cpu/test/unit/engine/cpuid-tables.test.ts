import { createFakeMemory } from "@xenolith/machine-interface/testing";
import { describe, expect, it } from "vitest";
import { CpuidTables } from "../../../src/state/cpuid-tables.ts";

const answers = (value: number) => () => [[value, 0, 0, 0] as const];

describe("tables of CPUID's answers", () => {
  const tables = new CpuidTables(createFakeMemory({ frameCount: 4, reserveBytes: 1 << 20 }));

  it("are shared by those with the same answers, and by no others", () => {
    const first = tables.take(answers(1));
    expect(tables.take(answers(1))).toBe(first);
    expect(tables.take(answers(2))).not.toBe(first);
  });

  it("are filled anew when the last user is gone, and not before", () => {
    const shared = tables.take(answers(3));
    expect(tables.take(answers(3))).toBe(shared);
    tables.release(shared);
    expect(tables.take(answers(4))).not.toBe(shared);
    tables.release(shared);
    expect(tables.take(answers(5))).toBe(shared);
  });

  it("give nothing back where none was taken", () => {
    expect(() => tables.release(0)).not.toThrow();
  });
});
