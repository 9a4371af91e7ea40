import { createFakeMemory } from "@xenolith/machine-interface/testing";
import { expect, test } from "vitest";
import { RecordArena } from "../../../src/engine/record-arena.ts";
import { headerOf, RECORD_BYTES } from "../../../src/interpreter/record.ts";

const LINE_BYTES = 64;
const KERNEL = -0x7fff_f000;

const createArena = (): RecordArena =>
  new RecordArena(createFakeMemory({ frameCount: 4, reserveBytes: 4 << 20 }), 1 << 20);

test("the header of every block begins a cache line", () => {
  const arena = createArena();
  for (const records of [1, 2, 3, 4]) {
    const first = arena.begin(KERNEL);
    expect(headerOf(first) % LINE_BYTES).toBe(0);
    for (let place = 0; place < records; place++) arena.take(KERNEL + place);
    expect(arena.top).toBe(first + records * RECORD_BYTES);
  }
});

test.each([KERNEL, 0x7f12_3456_7000, 0, 0xffff_fff0])(
  "records know where their instructions are: %d",
  (at) => {
    const arena = createArena();
    arena.begin(0x1000);
    arena.take(0x1000);
    const first = arena.begin(at);
    const second = arena.take(at) + RECORD_BYTES;
    arena.take(at + 719);
    expect([first, second].map((record) => arena.instructionPointer(record))).toEqual([at, at + 719]);
  },
);

test("a block that gets no records leaves its room to the next one", () => {
  const arena = createArena();
  const given = arena.begin(KERNEL);
  const first = arena.begin(0x2000);
  expect(first).toBe(given);
  expect(arena.instructionPointer(arena.take(0x2003))).toBe(0x2003);
});

test("what was given back is given again, cleared", () => {
  const arena = createArena();
  const given = arena.begin(KERNEL);
  arena.take(KERNEL);
  arena.setCounter(given, 5);
  arena.clear();
  expect(arena.begin(0x1000)).toBe(given);
  expect(arena.counter(given)).toBe(0);
});
