import { EXIT } from "@xenolith/machine-interface";
import { describe, expect, it } from "vitest";
import { ABOVE, createWideBench } from "../../support/wide-bench.ts";

/** Two places in RAM, one of which is reached 4 GiB above: their pages have the same index in the TLB. */
const [FIRST, SECOND] = [0x1_0020, 0x1_0420];
const EQUAL_BYTES = 256;

describe("repeated comparisons of two pages with one index in the TLB", () => {
  for (const [engine, translateAfter] of [
    ["interpreted", 1000],
    ["translated", 0],
  ] as const) {
    for (const [name, hex, sizeBytes] of [
      ["REPE CMPSB", "f3a6", 1],
      ["REPE CMPSD", "f3a7", 4],
      ["REPE CMPSQ", "f348a7", 8],
    ] as const) {
      it(`end where the pages differ: ${name}, ${engine}`, () => {
        const bench = createWideBench({ translateAfter });
        bench.memory.bytes.fill(0x5a, FIRST, FIRST + EQUAL_BYTES + 8);
        bench.memory.bytes.fill(0x5a, SECOND, SECOND + EQUAL_BYTES);
        bench.memory.bytes.fill(0xa5, SECOND + EQUAL_BYTES, SECOND + EQUAL_BYTES + 8);
        bench.load(`${hex}ebfe`);
        bench.set({ rcx: 2 ** 33, rsi: FIRST + ABOVE, rdi: SECOND });
        const iterations = EQUAL_BYTES / sizeBytes + 1;
        expect(bench.run(iterations)).toMatchObject({ kind: EXIT.budget, retired: iterations });
        const passed = BigInt(iterations * sizeBytes);
        expect(bench.get("rcx")).toBe(2n ** 33n - BigInt(iterations));
        expect(bench.get("rsi")).toBe(BigInt(FIRST + ABOVE) + passed);
        expect(bench.get("rdi")).toBe(BigInt(SECOND) + passed);
        expect(bench.context.instructionPointer & 0xf).toBe(hex.length / 2);
      });
    }
  }
});
