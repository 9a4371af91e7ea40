import { toMfn } from "@xenolith/machine-interface";
import { describe, expect, it } from "vitest";
import { type Block, CodeSpot } from "../../../src/engine/block.ts";
import { WarmBlocks } from "../../../src/engine/warm-blocks.ts";
import { createMemoryArchive } from "../../support/memory-archive.ts";
import { createWideBench } from "../../support/wide-bench.ts";

const blockAt = (instructionPointer: number, mode = 0): Block => ({
  spot: new CodeSpot(mode, instructionPointer, null),
  frame: 1,
  secondFrame: -1,
  mode,
  isWide: true,
  instructionPointer,
  start: 0,
  end: 1,
  secondBytes: 0,
  record: 0,
  recordCount: 1,
  patience: 0,
  leftWhenWarm: 0,
  isAlive: true,
});

const take = (warm: WarmBlocks, mode: number, most = 9): readonly number[] => {
  const taken: number[] = [];
  warm.take(
    mode,
    () => taken.length < most,
    ({ instructionPointer }) => taken.push(instructionPointer),
  );
  return taken;
};

describe("warm blocks", () => {
  it("are taken once, in the order in which they came, as many as are wanted", () => {
    const warm = new WarmBlocks();
    const blocks = [5, 3, 4].map((at) => blockAt(at));
    for (const block of [...blocks, ...blocks]) warm.add(block);
    expect(take(warm, 0, 2)).toEqual([5, 3]);
    expect(take(warm, 0)).toEqual([4]);
    expect(take(warm, 0)).toEqual([]);
  });

  it("are taken by mode", () => {
    const warm = new WarmBlocks();
    warm.add(blockAt(1, 0));
    warm.add(blockAt(2, 1));
    expect(take(warm, 1)).toEqual([2]);
    expect(take(warm, 2)).toEqual([]);
    expect(take(warm, 0)).toEqual([1]);
  });

  it("are not taken once they are removed", () => {
    const warm = new WarmBlocks();
    const [first, second] = [blockAt(1), blockAt(2)];
    for (const block of [first, second]) warm.add(block);
    warm.remove(first);
    expect(take(warm, 0)).toEqual([2]);
    warm.add(second);
    warm.clear();
    expect(take(warm, 0)).toEqual([]);
  });
});

/** loop: dec rcx; jne loop; hlt */
const LOOP = "48ffc975fbf4";

describe("blocks that are as good as hot", () => {
  const createBench = () => {
    const archive = createMemoryArchive();
    const bench = createWideBench({ translationArchive: archive, translateAfter: 100 });
    const placed = new Set<number>();
    const loop = (at: number, turns: number): void => {
      if (placed.has(at)) bench.context.instructionPointer = at;
      else bench.load(LOOP, at);
      placed.add(at);
      bench.set({ rcx: turns });
      bench.run(10_000);
    };
    const pages = (): readonly (readonly number[])[] =>
      archive.modules.map(({ regions }) => regions.map(({ page }) => page));
    return { loop, pages, memory: bench.memory };
  };

  it("are translated along with the next that is hot, and others are not", () => {
    const { loop, pages } = createBench();
    loop(0x5000, 70);
    loop(0x6000, 30);
    loop(0x7000, 70);
    expect(pages()).toEqual([]);
    loop(0x8000, 200);
    expect(pages()).toEqual([[0x8000, 0x5000, 0x7000]]);
    loop(0x9000, 200);
    expect(pages().slice(1)).toEqual([[0x9000]]);
  });

  it("are hot when they have counted down once more, and are translated once", () => {
    const { loop, pages } = createBench();
    loop(0x5000, 70);
    loop(0x5000, 70);
    expect(pages()).toEqual([[0x5000]]);
    loop(0x6000, 200);
    expect(pages().slice(1)).toEqual([[0x6000]]);
  });

  it("are none when their code has changed", () => {
    const { loop, pages, memory } = createBench();
    loop(0x5000, 70);
    memory.written(toMfn(5), 0, 1);
    loop(0x6000, 200);
    expect(pages()).toEqual([[0x6000]]);
  });
});
