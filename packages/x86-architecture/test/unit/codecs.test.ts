import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  descriptorAttributes,
  descriptorBase,
  descriptorLimit,
  entryFrame,
  entryHigh,
  entryLow,
  faultErrorCode,
  faultVector,
  hasErrorCode,
  PAGE_TABLE_SHAPE,
  packFault,
  segmentHigh,
  segmentLow,
  tableIndex,
} from "../../src/index.ts";

const word = fc.integer({ min: 0, max: 0xffff_ffff });

describe("segment descriptors [SDM3A-3.4.5]", () => {
  it("give back the base, limit and attributes they were made from", () => {
    fc.assert(
      fc.property(
        word,
        fc.integer({ min: 0, max: 0xf_ffff }),
        fc.integer({ min: 0, max: 0xff }),
        fc.nat(15),
        (base, limit, access, top) => {
          const attributes = access | (top << 12);
          const [low, high] = [segmentLow(base, limit), segmentHigh(base, limit, attributes)];
          expect(descriptorBase(low, high)).toBe(base);
          expect(descriptorAttributes(high)).toBe(attributes);
          expect(descriptorLimit(low, high)).toBe((top & 8) !== 0 ? limit * 4096 + 4095 : limit);
        },
      ),
    );
  });
});

describe("page-table entries", () => {
  it("give back the frame and flags they were made from", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 ** 36 }),
        fc.integer({ min: 0, max: 0xfff }),
        (frame, flags) => {
          const low = entryLow(frame, flags);
          expect(entryFrame(low, entryHigh(frame))).toBe(frame);
          expect(low & 0xfff).toBe(flags);
        },
      ),
    );
  });

  it("are found by the index bits of the linear address [SDM3A-4.3] [SDM3A-4.4] [SDM3A-4.5]", () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(2n ** 47n), max: 2n ** 47n - 1n }),
        fc.integer({ min: 1, max: 4 }),
        (address, level) => {
          const expected = Number((BigInt.asUintN(48, address) >> BigInt(12 + 9 * (level - 1))) & 511n);
          expect(tableIndex(PAGE_TABLE_SHAPE.long, level, Number(address))).toBe(expected);
        },
      ),
    );
    expect([3, 2, 1].map((level) => tableIndex(PAGE_TABLE_SHAPE.pae, level, 0xc123_4567))).toEqual([
      3, 9, 52,
    ]);
    expect([2, 1].map((level) => tableIndex(PAGE_TABLE_SHAPE["two-level"], level, 0xc123_4567))).toEqual([
      772, 564,
    ]);
  });
});

describe("packed faults", () => {
  it("are never 0 and keep vector and error code", () => {
    fc.assert(
      fc.property(fc.nat(255), fc.nat(0xffff), (vector, errorCode) => {
        const fault = packFault(vector, errorCode);
        expect(fault).not.toBe(0);
        expect([faultVector(fault), faultErrorCode(fault)]).toEqual([vector, errorCode]);
      }),
    );
  });

  it("have an error code for vectors 8, 10 to 14 and 17 [SDM3A-6.13]", () => {
    const vectors = Array.from({ length: 256 }, (_, vector) => vector).filter(hasErrorCode);
    expect(vectors).toEqual([8, 10, 11, 12, 13, 14, 17]);
  });
});
