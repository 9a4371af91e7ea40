import { describe, expect, it } from "vitest";
import { BARE } from "../../src/virtualisation/bare.ts";
import { PARAVIRTUAL } from "../../src/virtualisation/paravirtual.ts";

describe("what virtualisation costs", () => {
  it.each(Object.keys(PARAVIRTUAL))("counts under the hypervisor: %s", (name) => {
    const run = PARAVIRTUAL[name]?.() ?? (() => 0);
    const first = run();
    expect(run()).toBeGreaterThan(first);
  });

  it.each(Object.keys(BARE))("counts without it: %s", (name) => {
    const run = BARE[name]?.() ?? (() => 0);
    const first = run();
    expect(run()).toBeGreaterThan(first);
  });

  it("has a name for what is measured on both sides", () => {
    expect(Object.keys(PARAVIRTUAL)).toEqual(expect.arrayContaining(Object.keys(BARE)));
  });
});
