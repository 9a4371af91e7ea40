import { performRequest } from "@xenolith/backend-interface/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createMemoryStore } from "../../src/index.ts";

/** A chunk has 128 sectors, so ranges lie within chunks, across their borders and over whole ones. */
const SECTORS = 400;
const step = fc.record({
  kind: fc.constantFrom("read", "write", "discard"),
  sector512: fc.nat(SECTORS + 5),
  sectorCount: fc.nat(300),
  fill: fc.nat(255),
});

describe("memory store", () => {
  it("is an array of bytes, whatever is read, written and discarded", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const store = createMemoryStore({ sectorCount: SECTORS });
        const subject = { store, settle: () => {} };
        const model = new Uint8Array(SECTORS * 512);
        for (const { kind, sector512, sectorCount, fill } of steps) {
          const fits = sector512 + sectorCount <= SECTORS;
          const range = model.subarray(sector512 * 512, (sector512 + sectorCount) * 512);
          const data = new Uint8Array(sectorCount * 512).fill(fill);
          const expected = fits ? "ok" : "io-error";
          if (kind === "discard") {
            expect(performRequest(subject, { kind: "discard", sector512, sectorCount })).toBe(expected);
            if (fits) range.fill(0);
          } else if (kind === "write") {
            expect(performRequest(subject, { kind: "write", sector512, from: data })).toBe(expected);
            if (fits) range.set(data);
          } else {
            expect(performRequest(subject, { kind: "read", sector512, into: data })).toBe(expected);
            if (fits) expect(Buffer.compare(data, range)).toBe(0);
          }
        }
      }),
    );
  });
});
