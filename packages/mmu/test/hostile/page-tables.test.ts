import { toLinearAddress } from "@xenolith/machine-interface";
import { createFakeMemory } from "@xenolith/machine-interface/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createAddressTranslator } from "../../src/index.ts";
import { fillTables, scene } from "../support/scene.ts";
import { baseContext } from "../support/setup.ts";

const CANARY_BYTES = 65_536;

describe("page tables with anything in them", () => {
  const memory = createFakeMemory({ frameCount: 64 });
  const before = memory.reserve(CANARY_BYTES);
  const translator = createAddressTranslator({ memory });
  const after = memory.reserve(CANARY_BYTES);
  const space = translator.open(baseContext);
  const canaries = [before, after].map((start) => memory.bytes.subarray(start, start + CANARY_BYTES));
  for (const canary of canaries) canary.fill(0x5a);

  it("never make a walk throw, or touch what is not the translator's above RAM", () => {
    fc.assert(
      fc.property(scene, ({ seed, context, accesses }) => {
        fillTables(memory.words, seed, context.format !== "two-level");
        translator.change(space, context);
        translator.activate(space);
        for (const { at, access } of accesses) {
          expect([0, 1, 2]).toContain(translator.refillActive(at, access));
          expect([0, 1, 2]).toContain(translator.refill(space, toLinearAddress(at), access));
          const probed = translator.probe(space, toLinearAddress(at), access);
          if (probed.mapped) expect(probed.frame).toBeLessThan(memory.frameCount);
        }
        for (const canary of canaries) expect(canary.every((byte) => byte === 0x5a)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it("never put a frame outside RAM into the TLB", () => {
    fc.assert(
      fc.property(scene, ({ seed, context, accesses }) => {
        fillTables(memory.words, seed, context.format !== "two-level");
        translator.change(space, context);
        translator.activate(space);
        for (const { at, access } of accesses) translator.refillActive(at, access);
        const first = translator.tlb.read / 4;
        for (let word = first; word < first + 3 * 4096 * 4; word += 4) {
          if (memory.words[word] === 0xffff_ffff) continue;
          expect(memory.words[word + 3]).toBeLessThan(memory.frameCount);
        }
      }),
      { numRuns: 100 },
    );
  });
});
