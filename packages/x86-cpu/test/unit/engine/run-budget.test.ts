import { describe, expect, it } from "vitest";
import { RunBudget } from "../../../src/engine/run-budget.ts";

const MILLION = 2 ** 20;

describe("the budget of a run", () => {
  it("is given out in slices that grow from run to run, until something is translated", () => {
    const budget = new RunBudget();
    budget.start(6 * MILLION);
    expect([0, 0, 0].map(() => budget.slice(0, 100 * MILLION, 0) / MILLION)).toEqual([1, 2, 3]);
    expect(budget.isLastSlice).toBe(true);
    budget.start(100 * MILLION);
    const slices = [0, 0, 0].map(() => budget.slice(0, 100 * MILLION, 0) / MILLION);
    expect(slices).toEqual([8, 16, 16]);
    expect(budget.slice(0, 100 * MILLION, 1)).toBe(MILLION);
    expect(budget.retired(0)).toBe(41 * MILLION);
  });

  it("gives out again what a slice has left, and counts it once", () => {
    const budget = new RunBudget();
    budget.start(50);
    expect(budget.slice(0, 1, 0)).toBe(1);
    expect([budget.slice(0, 100, 0), budget.isLastSlice]).toEqual([49, true]);
    expect([budget.slice(7, 100, 0), budget.retired(0)]).toEqual([7, 50]);
    expect(budget.isSpent(0)).toBe(true);
  });
});
