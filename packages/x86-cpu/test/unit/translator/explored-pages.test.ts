import { describe, expect, it } from "vitest";
import { decode } from "../../../src/decoder/index.ts";
import { FormLookup } from "../../../src/engine/form-lookup.ts";
import { type Mode, UNIT } from "../../../src/engine/mode.ts";
import { createHandlerTable } from "../../../src/interpreter/handlers.ts";
import type { Discovery } from "../../../src/translator/discovery.ts";
import { ExploredPages } from "../../../src/translator/explored-pages.ts";
import type { Translation } from "../../../src/translator/translation.ts";
import { bytesOf } from "../../support/engine-bench.ts";

const MODE: Mode = {
  number: 3,
  codeBytes: 8,
  codeBase: 0,
  codeLimit: 2 ** 47 - 1,
  flatSegments: 0xff,
  hasFlatStack: true,
  units: UNIT.x87 | UNIT.vectors | UNIT.wait,
};
const FRAME = 5;
const PAGE = 0x7fff_1234_5000;
const PAGE_BYTES = 4096;
/** 0: inc eax; je 5. 4: ret. 5: dec eax; ret. */
const CODE = "ffc0 7401 c3 ffc8 c3";

const createBench = () => {
  const table = createHandlerTable(true);
  const forms = new FormLookup(table.numberOf);
  const memory = new Uint8Array(16 * PAGE_BYTES);
  memory.set(bytesOf(CODE), FRAME * PAGE_BYTES);
  const known = {
    version: 1,
    live: [] as readonly Translation[],
    /** Offsets in CS that were executed. */
    executed: new Set<number>(),
    decoded: 0,
  };
  const pages = new ExploredPages(
    {
      versionOf: () => known.version,
      instructionAt: (frame, offset, { codeBytes }) => {
        known.decoded += 1;
        return decode(memory, frame * PAGE_BYTES + offset, PAGE_BYTES - offset, codeBytes);
      },
      translationsOf: () => known.live,
      indirectTargets: () => [],
      wasReached: (_frame, _mode, at) => known.executed.has(at),
      frameOf: (_mode, at) => (at === PAGE + PAGE_BYTES ? FRAME + 1 : null),
      isStop: null,
    },
    (instruction) => table.handler(forms.find(instruction).number ?? -1) ?? null,
  );
  const explore = (root: number): Discovery => pages.of(FRAME, PAGE, MODE).explore([PAGE + root]);
  return { memory, known, pages, explore };
};

const translationOf = (blocks: readonly number[], entries: readonly number[], page = PAGE): Translation => ({
  page,
  entries: entries.map((at) => page + at),
  roots: [],
  isLoop: false,
  blocks,
  ranges: [{ start: 0, bytes: bytesOf(CODE) }],
  slot: 1,
  mode: MODE.number,
});

describe("a page that is explored", () => {
  it("is not kept where guests have run for long and nobody has asked for one", () => {
    const bench = createBench();
    const decoded = (): number => {
      bench.explore(0);
      return bench.known.decoded;
    };
    const first = decoded();
    for (let run = 0; run < 1000; run++) bench.pages.ran();
    expect(decoded()).toBe(first);
    for (let run = 0; run < 1024; run++) bench.pages.ran();
    expect(decoded()).toBe(2 * first);
  });

  it("is decoded once as long as it does not change", () => {
    const bench = createBench();
    for (const at of [4, 5]) bench.known.executed.add(PAGE + at);
    expect(bench.explore(0).blocks.map(({ at }) => at - PAGE)).toEqual([0, 4, 5]);
    expect(bench.known.decoded).toBe(5);
    expect(bench.explore(5).blocks.map(({ instructions }) => instructions.length)).toEqual([2]);
    expect(bench.known.decoded).toBe(5);
    bench.memory[FRAME * PAGE_BYTES] = 0xc3;
    bench.known.version += 1;
    expect(bench.explore(0).blocks.map(({ end }) => end)).toEqual(["return"]);
  });

  it("is another one at another address", () => {
    const bench = createBench();
    bench.explore(0);
    const other = bench.pages.of(FRAME, PAGE_BYTES + 7, MODE);
    expect(other.at).toBe(PAGE_BYTES);
    expect(other.explore([PAGE_BYTES]).entries).toEqual([PAGE_BYTES]);
    expect(bench.pages.of(FRAME, PAGE + 7, MODE).at).toBe(PAGE);
  });

  it("is followed to what has been executed since, and to what is translated, unless that is to be avoided", () => {
    const bench = createBench();
    const found = () => bench.explore(0).blocks.map(({ at }) => at - PAGE);
    expect(found()).toEqual([0]);
    bench.known.executed.add(PAGE + 4);
    expect(found()).toEqual([0, 4]);
    bench.known.live = [translationOf([5], [5])];
    expect(found()).toEqual([0, 4, 5]);
    const page = bench.pages.of(FRAME, PAGE, MODE);
    const some = page.explore([PAGE], { avoided: new Set([4]) });
    expect(some.blocks.map(({ at }) => at - PAGE)).toEqual([0, 5]);
    bench.known.live = [];
    expect(found()).toEqual([0, 4]);
  });

  it("says what its translations are of, and not what those of other addresses are", () => {
    const bench = createBench();
    bench.known.live = [translationOf([0, 4, 5], [0]), translationOf([1], [1], PAGE_BYTES)];
    const page = bench.pages.of(FRAME, PAGE, MODE);
    const offsets = [0, 1, 4, 6, 9];
    expect(offsets.map((at) => page.isPart(PAGE + at))).toEqual([true, false, true, false, false]);
    expect(offsets.map((at) => page.isInner(PAGE + at))).toEqual([false, false, true, false, false]);
    expect(offsets.map((at) => page.isTail(PAGE + at))).toEqual([false, true, false, true, false]);
  });

  it("looks again at what is in other pages", () => {
    const bench = createBench();
    // jmp to the next page, where there is a return at first.
    bench.memory.set(bytesOf("e9fb0f0000"), FRAME * PAGE_BYTES);
    bench.memory[(FRAME + 1) * PAGE_BYTES] = 0xc3;
    const ends = () => bench.explore(0).blocks.map(({ end, instructions }) => [end, instructions.length]);
    expect(ends()).toEqual([["return", 2]]);
    bench.memory[(FRAME + 1) * PAGE_BYTES] = 0x90;
    expect(ends()).toEqual([["jump", 1]]);
  });

  it("is forgotten when many others have been asked for since", () => {
    const bench = createBench();
    bench.explore(0);
    const { decoded } = bench.known;
    for (let frame = 0; frame < 255; frame++) bench.pages.of(FRAME + 1 + frame, PAGE, MODE);
    bench.explore(0);
    expect(bench.known.decoded).toBe(decoded);
    for (let frame = 0; frame < 256; frame++) bench.pages.of(FRAME + 1 + frame, PAGE, MODE);
    bench.explore(0);
    expect(bench.known.decoded).toBe(2 * decoded);
  });
});
