import { toLinearAddress } from "@xenolith/machine-interface";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type TrapGate, TrapTable } from "../../src/trap-table.ts";

const gateAt = (address: number): TrapGate => ({
  codeSelector: 0xe019,
  address: toLinearAddress(address),
  masksEvents: false,
  privilegeLevel: 0,
});

describe("a trap table", () => {
  it("holds what was entered last for each vector", () => {
    const step = fc.tuple(fc.nat(255), fc.option(fc.nat(0xffff).map(gateAt)));
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const table = new TrapTable();
        const model = new Map<number, TrapGate | null>();
        for (const [vector, gate] of steps) {
          table.set(vector, gate);
          model.set(vector, gate);
        }
        for (let vector = 0; vector < 256; vector++)
          expect(table.get(vector)).toBe(model.get(vector) ?? null);
      }),
    );
  });

  it("says once that gates of exceptions have changed, and at first", () => {
    const table = new TrapTable();
    const changes = [() => {}, () => {}, () => table.set(14, gateAt(1)), () => table.set(128, gateAt(1))];
    const seen = [...changes, () => table.clear(), () => {}].map((change) => {
      change();
      return table.takeChanges();
    });
    expect(seen).toEqual([true, false, true, false, true, false]);
  });

  it("is empty when it has been cleared", () => {
    const table = new TrapTable();
    for (const vector of [0, 31, 32, 128, 255]) table.set(vector, gateAt(vector));
    table.clear();
    for (let vector = 0; vector < 256; vector++) expect(table.get(vector)).toBeNull();
  });
});
