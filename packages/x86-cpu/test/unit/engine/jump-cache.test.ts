import { createFakeMemory } from "@xenolith/machine-interface/testing";
import { expect, test } from "vitest";
import { type Block, CodeSpot } from "../../../src/engine/block.ts";
import { JumpCache } from "../../../src/engine/jump-cache.ts";
import { cachedEntryOffset, ENTRY_CACHE, targetOf } from "../../../src/interpreter/entry-cache.ts";
import {
  JUMP_CACHE_BYTES,
  JUMP_ENTRY,
  JUMP_ENTRY_BYTES,
  JUMP_WAYS,
  jumpSetOffset,
  NO_CODE,
} from "../../../src/interpreter/jump-cache.ts";
import { HEADER, headerOf } from "../../../src/interpreter/record.ts";

const blockAt = (instructionPointer: number, record: number, frame = 1): Block => ({
  spot: new CodeSpot(0, instructionPointer, null),
  frame,
  secondFrame: -1,
  mode: 0,
  isWide: true,
  instructionPointer,
  start: 0,
  end: 1,
  secondBytes: 0,
  record,
  recordCount: 1,
  patience: 0,
  leftWhenWarm: 0,
  isAlive: true,
});

const createBench = () => {
  const memory = createFakeMemory({ frameCount: 4, reserveBytes: 4 << 20 });
  const cache = new JumpCache(memory);
  /** What the set of an address leads to: record and translation of each entry that is not empty. */
  const found = (instructionPointer: number): readonly (readonly [number, number])[] => {
    const first = cache.offset + jumpSetOffset(instructionPointer);
    return Array.from({ length: JUMP_WAYS }, (_, way) => first + way * JUMP_ENTRY_BYTES)
      .filter((at) => memory.view.getUint32(at + JUMP_ENTRY.code, true) !== NO_CODE)
      .map((at) => memory.view.getUint32(at + JUMP_ENTRY.record, true))
      .map((record) => [record, memory.view.getUint32(headerOf(record) + HEADER.translation, true)]);
  };
  return { cache, found, memory };
};

const HERE = -0x7fff_f000;

test("a set keeps the blocks that were put into it last", () => {
  const { cache, found } = createBench();
  for (let record = 0; record <= JUMP_WAYS; record++) cache.put(blockAt(HERE, 64 * (1 + record), record));
  expect(found(HERE).map(([record]) => record / 64 - 1)).toEqual(
    Array.from({ length: JUMP_WAYS }, (_, way) => JUMP_WAYS - way),
  );
});

test("a block that is put once more is there once, as what it has become", () => {
  const { cache, found } = createBench();
  const block = blockAt(HERE, 128);
  cache.put(block);
  cache.put(blockAt(HERE, 64, 2));
  block.spot.entry = { slot: 7, entry: 0 };
  cache.put(block);
  expect(found(HERE)).toEqual([
    [64, 0],
    [128, targetOf(7, 0)],
  ]);
});

test("an update concerns blocks that are there", () => {
  const { cache, found } = createBench();
  const block = blockAt(HERE, 128);
  block.spot.entry = { slot: 7, entry: 0 };
  cache.update(block);
  expect(found(HERE)).toEqual([]);
  cache.put(block);
  expect(found(HERE)).toEqual([[128, targetOf(7, 0)]]);
  block.spot.entry = null;
  cache.update(block);
  expect(found(HERE)).toEqual([[128, 0]]);
});

test("a block that is removed leaves the others of its set", () => {
  const { cache, found } = createBench();
  const block = blockAt(HERE, 128);
  cache.put(block);
  cache.put(blockAt(HERE, 64, 2));
  cache.remove(block);
  expect(found(HERE)).toEqual([[64, 0]]);
  cache.put(blockAt(HERE, 192, 3));
  cache.clear();
  expect(found(HERE)).toEqual([]);
});

for (const [what, change] of [
  ["put", (cache: JumpCache, block: Block) => cache.put(block)],
  ["updated", (cache: JumpCache, block: Block) => cache.update(block)],
  ["removed", (cache: JumpCache, block: Block) => cache.remove(block)],
  ["forgotten with all others", (cache: JumpCache) => cache.clear()],
] as const) {
  test(`a block that is ${what} is not in the entry cache any more, even where the jump cache has no place for it`, () => {
    const { cache, memory } = createBench();
    const block = blockAt(HERE, 64);
    const at = cache.entryCache + cachedEntryOffset(HERE) + ENTRY_CACHE.code;
    memory.view.setUint32(at, block.frame, true);
    change(cache, block);
    expect(memory.view.getUint32(at, true)).toBe(NO_CODE);
  });
}

test("blocks that lie near in a page of code lie near in the table, those of many pages apart", () => {
  const set = JUMP_WAYS * JUMP_ENTRY_BYTES;
  const near = [0x1000, 0x1040, 0x1080, 0x10c0].map((at) => jumpSetOffset(at));
  expect(Math.max(...near) - Math.min(...near)).toBeLessThan(64 * set);
  const far = Array.from({ length: 256 }, (_, page) =>
    jumpSetOffset((0xffff_ffff_8100_0000 % 2 ** 32) | (page << 12)),
  );
  expect(new Set(far).size).toBeGreaterThan(200);
  for (const at of [...near, ...far]) expect([at % set, at < JUMP_CACHE_BYTES]).toEqual([0, true]);
});
