import { createFakeMemory } from "@xenolith/machine-interface/testing";
import { describe, expect, it } from "vitest";
import { type Block, CodeSpot } from "../../../src/engine/block.ts";
import { RecordArena } from "../../../src/engine/record-arena.ts";
import { UntranslatedBlocks } from "../../../src/engine/untranslated-blocks.ts";

const NEVER = 0x7fff_ffff;

const createBench = (counters: readonly number[]) => {
  const memory = createFakeMemory({ frameCount: 4, reserveBytes: 4 << 20 });
  const arena = new RecordArena(memory, 1 << 20);
  const list = new UntranslatedBlocks(arena);
  const blocks = counters.map((counter, index): Block => {
    const record = arena.take();
    arena.setCounter(record, counter);
    const block = {
      spot: new CodeSpot(0, index, null),
      frame: 1,
      secondFrame: -1,
      mode: 0,
      isWide: true,
      instructionPointer: index,
      start: index,
      end: index + 1,
      secondBytes: 0,
      record,
      recordCount: 1,
      patience: 0,
      isAlive: true,
    };
    list.add(block);
    return block;
  });
  const look = (most: number, above: number, stays: (block: Block) => boolean): readonly number[] => {
    const seen: number[] = [];
    list.look(most, above, NEVER, (block) => {
      seen.push(blocks.indexOf(block));
      return stays(block);
    });
    return seen;
  };
  return { list, blocks, arena, look };
};

describe("blocks that are not translated", () => {
  it("are looked at in turn, each once before any is looked at again", () => {
    const { look } = createBench([1, 1, 1, 1, 1]);
    const seen = [...look(2, 10, () => true), ...look(2, 10, () => true), ...look(1, 10, () => true)];
    expect(seen.toSorted()).toEqual([0, 1, 2, 3, 4]);
    expect(look(9, 10, () => true)).toHaveLength(5);
  });

  it("are visited when their counters are down to a bound, and not before", () => {
    const { look, arena, blocks } = createBench([11, 10, 9, NEVER]);
    expect(look(4, 10, () => true)).toEqual([1, 2, 3]);
    arena.setCounter(blocks[0]?.record ?? 0, 10);
    expect(look(4, 10, () => true)).toContain(0);
  });

  it("are there no more once a visit has let them go, and the others still are", () => {
    const { look, list } = createBench([1, 1, 1, 1, 1, 1]);
    look(6, 10, (block) => block.instructionPointer % 2 === 0);
    expect(look(6, 10, () => true).toSorted()).toEqual([0, 2, 4]);
    list.clear();
    expect(look(6, 10, () => true)).toEqual([]);
  });
});
