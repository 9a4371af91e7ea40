import {
  ACCESS,
  type Asid,
  FRAME_WATCH,
  TLB_ENTRY_BYTES,
  toLinearAddress,
  toMfn,
} from "@xenolith/machine-interface";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Bench, baseContext, createBench } from "../support/setup.ts";

/** Linear pages that meet in one TLB index and others that do not. */
const PAGES = [0x1000, 0x2000, 0x0100_1000, 0x0100_2000, 0x0040_1000, 0xffff_f000];
/** Frames that pages are mapped to. */
const FRAMES = [100, 101, 102, 103];
const LARGE_FRAME = 1024;
/** Frames of the tables: a root for each space, then the second-level tables of both. */
const ROOTS = [16, 17];
const TABLES = [18, 24];

const step = fc.oneof(
  fc.record({
    do: fc.constant("map" as const),
    space: fc.nat(1),
    page: fc.nat(5),
    frame: fc.nat(3),
    flags: fc.nat(7),
  }),
  fc.record({ do: fc.constant("large" as const), space: fc.nat(1), page: fc.nat(5), flags: fc.nat(7) }),
  fc.record({ do: fc.constant("access" as const), space: fc.nat(1), page: fc.nat(5), access: fc.nat(15) }),
  fc.record({ do: fc.constant("flush" as const), space: fc.nat(1) }),
  fc.record({ do: fc.constant("reload" as const), space: fc.nat(1) }),
  fc.record({ do: fc.constant("forget-frame" as const), frame: fc.nat(3) }),
  fc.record({ do: fc.constant("watch" as const), frame: fc.nat(3) }),
  fc.record({ do: fc.constant("unwatch" as const), frame: fc.nat(3) }),
  fc.record({ do: fc.constant("exhaust" as const), spare: fc.constant(0) }),
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

const pick = <Value>(list: readonly Value[], index: number): Value => list[index % list.length] as Value;

class Model {
  readonly bench: Bench = createBench();
  readonly spaces: readonly Asid[];

  constructor() {
    this.spaces = ROOTS.map((_, i) => this.bench.translator.open(this.context(i)));
  }

  context(space: number): typeof baseContext {
    return { ...baseContext, format: "two-level", rootAddress: pick(ROOTS, space) * 4096 };
  }

  /** Writes an entry as an operating system does: then it tells the TLB. */
  setEntry(space: number, page: number, directory: number, entry: number | null): void {
    const at = pick(PAGES, page);
    const index = at >>> 22;
    const table = pick(TABLES, space) + pick([0, 1, 2, 3], [0, 4, 1, 1023].indexOf(index));
    this.bench.memory.words[(pick(ROOTS, space) * 4096) / 4 + index] =
      directory === 0 ? table * 4096 + 7 : directory;
    if (entry !== null) this.bench.memory.words[(table * 4096) / 4 + ((at >>> 12) & 1023)] = entry;
  }

  apply(action: Step): void {
    const { translator, memory } = this.bench;
    switch (action.do) {
      case "map": {
        // A directory entry that changes from a large page to a table may have other pages cached: all go.
        this.setEntry(action.space, action.page, 0, pick(FRAMES, action.frame) * 4096 + action.flags + 0x100);
        translator.invalidate(pick(this.spaces, action.space));
        break;
      }
      case "large":
        this.setEntry(action.space, action.page, LARGE_FRAME * 4096 + 0x180 + action.flags, null);
        translator.invalidate(pick(this.spaces, action.space));
        break;
      case "access":
        translator.activate(pick(this.spaces, action.space));
        if ((action.access & 3) !== 3) translator.refillActive(pick(PAGES, action.page) + 5, action.access);
        break;
      case "flush":
        translator.invalidate(pick(this.spaces, action.space));
        break;
      case "reload":
        translator.change(pick(this.spaces, action.space), this.context(action.space));
        break;
      case "forget-frame":
        translator.invalidateFrame(toMfn(pick(FRAMES, action.frame)));
        break;
      case "watch":
        memory.watch(toMfn(pick(FRAMES, action.frame)), FRAME_WATCH.dirtyLog);
        break;
      case "unwatch":
        memory.unwatch(toMfn(pick(FRAMES, action.frame)), FRAME_WATCH.dirtyLog);
        break;
      case "exhaust": {
        const spare = translator.open(baseContext);
        for (let i = 0; i < 1022; i++) {
          translator.activate(spare);
          translator.invalidate(spare);
        }
        translator.close(spare);
        break;
      }
    }
  }

  /** Every entry that an access could hit says what the tables say. */
  check(): void {
    const { memory, translator } = this.bench;
    const arrays = [translator.tlb.read, translator.tlb.write, translator.tlb.execute];
    for (const space of this.spaces) {
      const spaceTag = translator.activate(space);
      for (const [kind, array] of arrays.entries()) {
        for (const page of new Set(PAGES)) {
          const offset = array + ((page >>> 12) & 4095) * TLB_ENTRY_BYTES;
          const low = memory.view.getUint32(offset, true);
          if ((low & ~3) >>> 0 !== (page | spaceTag) >>> 0) continue;
          const access = kind | (low & 1 ? ACCESS.user : 0) | (low & 2 ? ACCESS.narrow : 0);
          const probed = translator.probe(space, toLinearAddress(page), access);
          const frame = memory.view.getUint32(offset + 12, true);
          expect(probed).toMatchObject({ mapped: true, frame });
          expect((memory.view.getUint32(offset + 8, true) + page) >>> 0).toBe(frame * 4096);
          if (kind === ACCESS.write) expect(memory.bytes[memory.watchTableOffset + frame]).toBe(0);
        }
      }
    }
  }
}

describe("what the TLB holds", () => {
  it("is what the tables say, whatever is mapped, accessed, watched and forgotten", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const model = new Model();
        for (const action of steps) {
          model.apply(action);
          model.check();
        }
      }),
      { numRuns: 150 },
    );
  });

  it("does not lead to a frame that was forgotten", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.nat(3), (steps, index) => {
        const model = new Model();
        for (const action of steps) model.apply(action);
        const { memory, translator } = model.bench;
        const frame = pick(FRAMES, index);
        translator.invalidateFrame(toMfn(frame));
        const words = memory.words.subarray(translator.tlb.read / 4, translator.tlb.read / 4 + 3 * 4096 * 4);
        for (let i = 0; i < words.length; i += 4) {
          if (words[i + 3] === frame) expect.fail(`entry ${i / 4} still leads to frame ${frame}`);
        }
      }),
      { numRuns: 100 },
    );
  });
});
