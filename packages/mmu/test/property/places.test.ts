import { TLB_ENTRY, TLB_ENTRY_BYTES, TLB_ENTRY_COUNT, toMfn } from "@xenolith/machine-interface";
import { PTE } from "@xenolith/x86-architecture";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createBench } from "../support/setup.ts";

const ROOT = 16;
/** Tables of two ranges whose pages share the indices of the TLB: 16 MiB lie between them. */
const TABLES = [17, 18] as const;
const PAGES = 7;
const FRAMES = [32, 33, 34] as const;
const OPEN = PTE.present | PTE.writable | PTE.user | PTE.accessed | PTE.dirty;

const mapping = fc.array(fc.constantFrom(...FRAMES), { minLength: 2 * PAGES, maxLength: 2 * PAGES });
const access = fc.record({ page: fc.nat(2 * PAGES - 1), kind: fc.nat(2), generated: fc.boolean() });
const round = fc.record({
  accesses: fc.array(access, { maxLength: 40 }),
  forgets: fc.nat(FRAMES.length - 1),
});

describe("the places at which a frame is entered", () => {
  it("are all known when it is to be forgotten, however many there were and whatever came in between", () => {
    fc.assert(
      fc.property(mapping, fc.array(round, { minLength: 1, maxLength: 6 }), (frames, rounds) => {
        const { memory, translator, setContext, active, reference } = createBench();
        TABLES.forEach((table, range) => {
          memory.words[ROOT * 1024 + 4 * range] = table * 4096 + OPEN;
          for (let page = 0; page < PAGES; page++)
            memory.words[table * 1024 + page] = (frames[range * PAGES + page] ?? 0) * 4096 + OPEN;
        });
        setContext({ format: "two-level", rootAddress: ROOT * 4096 });
        for (const { accesses, forgets } of rounds) {
          for (const { page, kind, generated } of accesses) {
            const at = Math.floor(page / PAGES) * 0x100_0000 + (page % PAGES) * 4096;
            expect((generated ? active : reference)(at, kind).result).toBe("filled");
          }
          const frame = toMfn(FRAMES[forgets] ?? 0);
          translator.invalidateFrame(frame);
          const left = Array.from({ length: 3 * TLB_ENTRY_COUNT }, (_, entry) =>
            memory.view.getUint32(translator.tlb.read + entry * TLB_ENTRY_BYTES + TLB_ENTRY.frame, true),
          );
          expect(left).not.toContain(frame);
        }
      }),
      { numRuns: 60 },
    );
  });
});
