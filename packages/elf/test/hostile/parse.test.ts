import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseElf } from "../../src/index.ts";
import { makeElf32, makeElf64 } from "../make-elf.ts";

const samples = [
  makeElf32({ notes: [{ owner: "Xen", type: 1, description: [1, 2, 3, 4] }] }),
  makeElf64({ entry: 0n, virtual: 0n, code: [1, 2, 3] }),
];

describe("parseElf on damaged files", () => {
  it("gives an image whose ranges lie within the file, or a problem; never throws", () => {
    const damage = fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 12 });
    fc.assert(
      fc.property(fc.constantFrom(...samples), damage, fc.nat(250), (sample, changes, length) => {
        const bytes = Uint8Array.from(sample.subarray(0, Math.max(length, 1)));
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        const parsed = parseElf(bytes);
        if (parsed.kind === "problem") {
          expect(parsed.message).not.toBe("");
          return;
        }
        for (const segment of parsed.segments.filter((s) => s.type === 1 || s.type === 4)) {
          expect(segment.offset + segment.fileBytes).toBeLessThanOrEqual(bytes.length);
        }
        for (const section of parsed.sections)
          expect(section.offset + section.fileBytes).toBeLessThanOrEqual(bytes.length);
      }),
      { numRuns: 3000 },
    );
  });
});
