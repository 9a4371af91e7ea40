import { TLB_ENTRY_BYTES, TLB_ENTRY_COUNT, toLinearAddress, toMfn } from "@xenolith/machine-interface";
import { PTE } from "@xenolith/x86-architecture";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Bench, baseContext, createBench } from "../support/setup.ts";

const ROOTS = [16, 17];
/** A third table, a second one and three first ones, of both halves of both roots. */
const [THIRD, SECOND, FIRST] = [20, 21, 22];
const MAPPED_PAGES = 3 * 512;
const FIRST_FRAME = 64;
const UPPER_HALF = -(2 ** 47);
const OPEN = PTE.present | PTE.writable | PTE.user | PTE.accessed | PTE.dirty;

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("access" as const),
      space: fc.nat(1),
      isUpper: fc.boolean(),
      page: fc.nat(MAPPED_PAGES - 1),
      count: fc.constantFrom(1, 3, 600),
      kind: fc.nat(2),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("forget" as const), space: fc.nat(1) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("change" as const), space: fc.nat(1), root: fc.nat(1) }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

class Model {
  readonly bench: Bench = createBench();
  readonly spaces = ROOTS.map((root) => this.bench.translator.open(this.context(root)));

  constructor() {
    const { words } = this.bench.memory;
    const set = (table: number, index: number, frame: number): void => {
      words[table * 1024 + 2 * index] = frame * 4096 + OPEN;
    };
    for (const root of ROOTS) for (const half of [0, 256]) set(root, half, THIRD);
    set(THIRD, 0, SECOND);
    for (let table = 0; table < 3; table++) set(SECOND, table, FIRST + table);
    for (let page = 0; page < MAPPED_PAGES; page++)
      set(FIRST + (page >> 9), page & 511, FIRST_FRAME + (page % 1000));
  }

  context(root: number): typeof baseContext {
    return { ...baseContext, format: "long", rootAddress: root * 4096 };
  }

  /** The cached pages of a space: array and address. */
  cached(space: number): string[] {
    const { translator, memory } = this.bench;
    const tag = translator.activate(this.spaces[space] ?? expect.fail());
    const found: string[] = [];
    for (let entry = 0; entry < 3 * TLB_ENTRY_COUNT; entry++) {
      const at = translator.tlb.read + entry * TLB_ENTRY_BYTES;
      if (((memory.words[at / 4] ?? 0) & 0xffc) !== tag) continue;
      const word = memory.view.getBigInt64(at, true);
      if (word !== -1n) found.push(`${Math.floor(entry / TLB_ENTRY_COUNT)}:${word >> 12n}`);
    }
    return found;
  }

  apply(action: Step): void {
    const { translator } = this.bench;
    const space = this.spaces[action.space] ?? expect.fail();
    switch (action.do) {
      case "access":
        translator.activate(space);
        for (let page = action.page; page < Math.min(action.page + action.count, MAPPED_PAGES); page++)
          translator.refillActive((action.isUpper ? UPPER_HALF : 0) + page * 4096, action.kind);
        break;
      case "forget":
        translator.invalidateLowerHalf(space);
        break;
      case "change":
        translator.changeLowerHalf(space, this.context(ROOTS[action.root] ?? 16));
        break;
    }
  }
}

const isUpper = (cached: string): boolean => cached.includes("-");

describe("forgetting the lower half of a space", () => {
  it("leaves its upper half and other spaces as they were, and nothing else", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 2, maxLength: 30 }), (steps) => {
        const model = new Model();
        for (const action of steps) {
          if (action.do === "access") {
            model.apply(action);
            continue;
          }
          const own = model.cached(action.space).filter(isUpper);
          const others = model.cached(1 - action.space);
          model.apply(action);
          expect(model.cached(action.space)).toEqual(own);
          expect(model.cached(1 - action.space)).toEqual(others);
        }
      }),
      { numRuns: 25 },
    );
  });

  it("forgets everything where large pages are cached", () => {
    const model = new Model();
    const { translator, memory } = model.bench;
    memory.words[SECOND * 1024 + 6] = 0x20_0000 + OPEN + PTE.large;
    translator.activate(model.spaces[0] ?? expect.fail());
    for (const at of [4096, UPPER_HALF, UPPER_HALF + 3 * 2 ** 21]) translator.refillActive(at, 0);
    expect(model.cached(0)).toHaveLength(3);
    model.apply({ do: "forget", space: 0 });
    expect(model.cached(0)).toEqual([]);
  });

  it("knows through which tables an upper half was found, in either walker", () => {
    for (const walker of ["generated", "typescript"] as const) {
      const model = new Model();
      const { translator } = model.bench;
      const [space = expect.fail(), other = expect.fail()] = model.spaces;
      translator.activate(walker === "generated" ? space : other);
      translator.refill(space, toLinearAddress(0), 0);
      const tables = [ROOTS[0] ?? 0, THIRD, SECOND, FIRST].map(toMfn);
      expect(tables.map((table) => translator.takeUpperHalfNote(table))).toEqual([
        false,
        false,
        false,
        false,
      ]);
      translator.refill(space, toLinearAddress(UPPER_HALF), 0);
      expect(tables.map((table) => translator.takeUpperHalfNote(table))).toEqual([false, true, true, false]);
      expect(translator.takeUpperHalfNote(toMfn(SECOND))).toBe(false);
    }
  });
});
