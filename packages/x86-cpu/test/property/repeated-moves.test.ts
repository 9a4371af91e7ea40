import { ACCESS, FRAME_WATCH, toMfn } from "@xenolith/machine-interface";
import { FLAG, REGISTER } from "@xenolith/x86-architecture";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CODE, createEngineBench, type EngineBench } from "../support/engine-bench.ts";
import { ABOVE, createWideBench, UPPER, type WideBench } from "../support/wide-bench.ts";

const { rax, rcx, rsi, rdi } = REGISTER;
const PAGE = 4096;
/** Moves begin in pages 16 to 23; two pages each cannot be read and written. */
const FIRST = 16 * PAGE;
const END = 24 * PAGE;
const FRAMES = 64;
const UNREADABLE: readonly number[] = [7, 22];
const UNWRITABLE: readonly number[] = [7, 23];
/** A page with code, which stores forget, and one whose stores somebody wants to see. */
const CODE_PAGE = 18;
const WATCHED_PAGE = 20;

interface Move {
  readonly isCopy: boolean;
  readonly log: number;
  readonly isDown: boolean;
  readonly count: number;
  readonly source: number;
  readonly destination: number;
  readonly budget: number;
  readonly value: number;
}

const place = fc.oneof(
  fc.integer({ min: FIRST, max: END - 1 }),
  fc
    .tuple(fc.integer({ min: 16, max: 23 }), fc.integer({ min: -9, max: 9 }))
    .map(([page, delta]) => page * PAGE + delta),
);

const move = (maxLog: number): fc.Arbitrary<Move> =>
  fc
    .record({
      isCopy: fc.boolean(),
      log: fc.integer({ min: 0, max: maxLog }),
      isDown: fc.boolean(),
      count: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 9000 })),
      source: place,
      apart: fc.option(fc.oneof(fc.integer({ min: -70, max: 70 }), fc.constantFrom(PAGE, -PAGE, PAGE + 4))),
      elsewhere: place,
      budget: fc.oneof(fc.integer({ min: 1, max: 50 }), fc.constant(20_000)),
      value: fc.constantFrom(0, 0x5a5a_5a5a, 0x1234_5678),
    })
    .map(({ apart, elsewhere, ...rest }) => ({
      ...rest,
      destination: apart === null ? elsewhere : rest.source + apart,
    }));

/** What one iteration after another does to memory. Returns how many were done before a fault or the end. */
const iterate = (bytes: Uint8Array, one: Move, value: Uint8Array): number => {
  const size = 2 ** one.log;
  const touches = (at: number, pages: readonly number[]): boolean =>
    pages.includes(Math.floor(at / PAGE)) || pages.includes(Math.floor((at + size - 1) / PAGE));
  const most = Math.min(one.count, one.budget);
  for (let done = 0; done < most; done++) {
    const distance = done * size * (one.isDown ? -1 : 1);
    const from = one.source + distance;
    const to = one.destination + distance;
    if (one.isCopy && touches(from, UNREADABLE)) return done;
    if (touches(to, UNWRITABLE)) return done;
    if (one.isCopy) bytes.copyWithin(to, from, from + size);
    else bytes.set(value.subarray(0, size), to);
  }
  return most;
};

const opcodeOf = ({ isCopy, log }: Move): string => {
  const prefix = log === 1 ? "66 " : log === 3 ? "48 " : "";
  const opcode = (isCopy ? 0xa4 : 0xaa) + (log === 0 ? 0 : 1);
  return `f3 ${prefix}${opcode.toString(16)}`;
};

const opcodeBytes = (one: Move): number => opcodeOf(one).replaceAll(" ", "").length / 2;

type Bench = EngineBench | WideBench;

/** What memory holds behind the program. */
const CONTENTS = Uint8Array.from({ length: (FRAMES - 2) * PAGE }, (_, at) => (at * 37 + (at >>> 8)) & 0xff);

/** Makes memory as every run finds it, with code that was decoded in one page. */
const prepare = ({ memory, context, vcpu }: Bench): void => {
  memory.bytes.set(CONTENTS, 2 * PAGE);
  const code = CODE_PAGE * PAGE + 0x123;
  memory.bytes.set([0x90, 0x90], code);
  for (let frame = 2; frame < FRAMES; frame++) memory.written(toMfn(frame), 0, PAGE);
  context.instructionPointer = code;
  vcpu.run(2);
};

/**
 * @param mirror - where RAM lies for the move, which is made in 64-bit code unless that is 0
 * @param seen - bytes of the watched page that its watcher was told of
 */
const check = (bench: Bench, one: Move, mirror: number, seen: Set<number>): void => {
  const { memory, context } = bench;
  prepare(bench);
  bench.load(`${opcodeOf(one)} 0f 0b`);
  const value = BigInt(one.value) | (BigInt(one.value ^ (one.log === 3 ? 0x11 : 0)) << 32n);
  const address = (at: number): bigint => BigInt.asUintN(mirror === 0 ? 32 : 64, BigInt(at + mirror));
  context.setWideRegister(rax, value);
  context.setWideRegister(rcx, BigInt(one.count));
  context.setWideRegister(rsi, address(one.source));
  context.setWideRegister(rdi, address(one.destination));
  context.flags = FLAG.fixed | (one.isDown ? FLAG.df : 0);
  const before = memory.bytes.slice(0, FRAMES * PAGE);
  const expected = before.slice();
  const done = iterate(expected, one, new Uint8Array(new BigUint64Array([value]).buffer));
  seen.clear();
  const exit = bench.run(one.budget);
  expect(exit.retired).toBe(one.count === 0 ? 1 : done);
  const distance = done * 2 ** one.log * (one.isDown ? -1 : 1);
  expect(context.wideRegister(rcx)).toBe(BigInt(one.count - done));
  expect(context.wideRegister(rdi)).toBe(address(one.destination + distance));
  expect(context.wideRegister(rsi)).toBe(address(one.source + (one.isCopy ? distance : 0)));
  expect(context.instructionPointer).toBe(CODE + (done === one.count ? opcodeBytes(one) : 0));
  expect(Buffer.compare(memory.bytes.subarray(0, FRAMES * PAGE), expected)).toBe(0);
  for (let at = WATCHED_PAGE * PAGE; at < (WATCHED_PAGE + 1) * PAGE; at++) {
    if (before[at] !== expected[at] && !seen.has(at % PAGE)) throw new Error(`store at ${at} was not seen`);
  }
};

/** Sets refusals and the watch. @returns what the watcher was told of. */
const guard = ({ memory, translator }: Bench): Set<number> => {
  const seen = new Set<number>();
  for (const page of UNREADABLE) translator.deny(page, ACCESS.read);
  for (const page of UNWRITABLE) translator.deny(page, ACCESS.write);
  memory.watch(toMfn(WATCHED_PAGE), FRAME_WATCH.hook);
  memory.onWrite(FRAME_WATCH.hook, (_frame, offset, lengthBytes) => {
    for (let at = offset; at < offset + lengthBytes; at++) seen.add(at);
  });
  return seen;
};

describe("repeated MOVS and STOS", () => {
  const runs = { numRuns: 300 };

  for (const translateAfter of [0, 1_000_000]) {
    const engine = translateAfter === 0 ? "translated" : "interpreted";
    it(`do what one iteration after another does, ${engine}`, () => {
      const bench = createEngineBench({ frameCount: FRAMES, translateAfter });
      const seen = guard(bench);
      fc.assert(
        fc.property(move(2), (one) => check(bench, one, 0, seen)),
        runs,
      );
    });
  }

  it("do so in 64-bit code, below, above 4 GiB and in the upper half", () => {
    const bench = createWideBench();
    const seen = guard(bench);
    fc.assert(
      fc.property(move(3), fc.constantFrom(ABOVE, UPPER), (one, mirror) => check(bench, one, mirror, seen)),
      runs,
    );
  });
});
