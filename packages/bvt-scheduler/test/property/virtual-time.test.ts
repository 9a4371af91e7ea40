import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chargeMcu, mcuOfUnits, UNITS_PER_MCU, unitsOfMcu } from "../../src/virtual-time.ts";

const weight = fc.integer({ min: 1, max: 65_535 });
const charges = fc.array(fc.integer({ min: 0, max: 1_000_000 }), { maxLength: 100, size: "max" });

describe("virtual time", () => {
  it("is exactly running time divided by weight, however the running was cut", () => {
    fc.assert(
      fc.property(weight, charges, (of, all) => {
        const time = { units: 0, remainder: 0 };
        for (const mcu of all) chargeMcu(time, mcu, of);
        const work = all.reduce((sum, mcu) => sum + BigInt(mcu), 0n) * BigInt(UNITS_PER_MCU * 256);
        expect(BigInt(time.units)).toBe(work / BigInt(of));
        expect(BigInt(time.remainder)).toBe(work % BigInt(of));
      }),
    );
  });

  it("stays exact at the edge: 39 days at once, on top of the largest time", () => {
    const time = { units: 2 ** 50, remainder: 0 };
    chargeMcu(time, 2 ** 35 - 1, 65_535);
    const work = (2n ** 35n - 1n) * BigInt(UNITS_PER_MCU * 256);
    expect(BigInt(time.units) - 2n ** 50n).toBe(work / 65_535n);
    expect(BigInt(time.remainder)).toBe(work % 65_535n);
  });

  it("converts between running and virtual time without giving anybody more than is due", () => {
    fc.assert(
      fc.property(weight, fc.nat(10_000_000), (of, mcu) => {
        const units = unitsOfMcu(mcu, of);
        expect(unitsOfMcu(mcuOfUnits(units, of), of)).toBeLessThanOrEqual(units);
        expect(mcuOfUnits(units, of)).toBeLessThanOrEqual(mcu);
        expect(mcu - mcuOfUnits(units, of)).toBeLessThanOrEqual(1);
      }),
    );
  });
});
