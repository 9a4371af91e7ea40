import { FLAG, REGISTER } from "@xenolith/x86-architecture";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createEngineBench } from "../support/engine-bench.ts";
import { type Bench, fillPages, guardPages, mirrored } from "../support/guarded-pages.ts";
import { ABOVE, createWideBench, UPPER } from "../support/wide-bench.ts";

const { rax, rbx, rcx, rdx, rsi, rdi } = REGISTER;
const PAGE = 4096;
const FRAMES = 32;
const INTERPRETED = 1_000_000;

const signed = fc.integer({ min: -128, max: 127 });
const step = fc.oneof(signed, fc.constantFrom(1, 4, 8, 16), fc.constantFrom(-1, -4, -8, -16));
const byte = (value: number): string => (value & 0xff).toString(16).padStart(2, "0");

/** Instructions of a loop's body. `W` stands for the prefix that makes registers whole. */
const instruction: fc.Arbitrary<string> = fc.oneof(
  signed.map((distance) => `8b 46 ${byte(distance)}`), // mov eax, [esi+d]
  signed.map((distance) => `8a 57 ${byte(distance)}`), // mov dl, [edi+d]
  signed.map((distance) => `0f b7 56 ${byte(distance)}`), // movzx edx, word [esi+d]
  signed.map((distance) => `89 47 ${byte(distance)}`), // mov [edi+d], eax
  signed.map((distance) => `66 89 56 ${byte(distance)}`), // mov [esi+d], dx
  signed.map((distance) => `01 43 ${byte(distance)}`), // add [ebx+d], eax
  signed.map((distance) => `c6 43 ${byte(distance)} 5a`), // mov byte [ebx+d], 5a
  signed.map((distance) => `0f 10 46 ${byte(distance)}`), // movups xmm0, [esi+d]
  signed.map((distance) => `0f 11 47 ${byte(distance)}`), // movups [edi+d], xmm0
  fc.constantFrom("8b 04 8e", "89 04 8f", "03 04 0b"), // mov eax, [esi+4*ecx] …
  step.map((by) => `W 83 c6 ${byte(by)}`), // add esi, by
  step.map((by) => `W 83 ef ${byte(by)}`), // sub edi, by
  step.map((by) => `W 8d 5b ${byte(by)}`), // lea ebx, [ebx+by]
  fc.constantFrom("W ff c6", "W ff cf", "W ff c3"), // inc esi, dec edi, inc ebx
  fc.constantFrom("01 d0", "31 c2", "83 d0 01", "d1 d2", "0f b6 c2"), // flags of the last turn among them
  fc.constantFrom("56 5e", "50 5a", "W 0f af f1"), // the stack; a register that moves by no constant
);

/**
 * A body of 64-bit code whose address follows from 32 bits that may wrap: R8D counts, R10 is what it is extended to, R12 is a
 * base so far away that addresses are in memory while nothing wraps.
 */
const narrowBody: fc.Arbitrary<string[]> = fc
  .record({
    count: fc.oneof(
      step.map((by) => `41 83 c0 ${byte(by)}`), // add r8d, by
      step.map((by) => `45 8d 40 ${byte(by)}`), // lea r8d, [r8+by]
      fc.constantFrom("41 ff c0", "41 ff c8"), // inc r8d, dec r8d
    ),
    extend: fc.constantFrom("4d 63 d0", "4d 63 d0", "45 89 c2", "45 8d 50 02", "4d 63 c0 4d 89 c2"), // movsxd r10, r8d; mov r10d, r8d …
    access: fc
      .tuple(
        // mov eax, [r12+r10+d]; movzx edx, word […]; mov […], eax; mov […], dl; mov eax, [r12+r8+d]
        fc.constantFrom("43 8b 44 14", "43 0f b7 54 14", "43 89 44 14", "43 88 54 14", "43 8b 44 04"),
        signed,
      )
      .map(([code, distance]) => `${code} ${byte(distance)}`),
    more: fc.option(
      fc.oneof(
        step.map((by) => `49 83 c2 ${byte(by)}`), // add r10, by
        step.map((by) => `4d 8d 64 24 ${byte(by)}`), // lea r12, [r12+by]
        fc.constant("01 d0"),
      ),
    ),
  })
  .chain(({ count, extend, access, more }) => {
    const all = [count, extend, access, ...(more === null ? [] : [more])];
    return fc.shuffledSubarray(all, { minLength: all.length });
  });

/** Where 32 bits wrap, signed or unsigned, and where they do not. */
const narrowStart = fc
  .tuple(
    fc.constantFrom(0, 0x8000_0000, 0x4000_0000, 0xffff_ff00, 0x7ff0_0000),
    fc.integer({ min: -4000, max: 4000 }),
  )
  .map(([around, delta]) => (around + delta) >>> 0);

/** A loop of one block. */
interface Loop {
  readonly body: readonly string[];
  readonly count: number;
  readonly source: number;
  readonly destination: number;
  readonly third: number;
  /** What R8 begins with. */
  readonly narrow: number;
  readonly budgets: readonly number[];
}

const place = fc.oneof(
  fc.integer({ min: 10 * PAGE, max: 20 * PAGE }),
  fc
    .tuple(fc.constantFrom(12, 13, 15, 16, 18, 19), fc.integer({ min: -200, max: 200 }))
    .map(([page, delta]) => page * PAGE + delta),
);

/** Some instructions, and mostly steps of all pointers among them. */
const body: fc.Arbitrary<string[]> = fc
  .tuple(
    fc.array(instruction, { minLength: 1, maxLength: 4 }),
    fc.option(
      step.map((by) => [`W 83 c6 ${byte(by)}`, `W 83 c7 ${byte(by)}`, `W 8d 5b ${byte(by)}`]),
      { freq: 4 },
    ),
  )
  .map(([instructions, steps]) => [...instructions, ...(steps ?? [])])
  .chain((all) => fc.shuffledSubarray(all, { minLength: all.length }));

const loop: fc.Arbitrary<Loop> = fc.record({
  body,
  count: fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 3000 })),
  source: place,
  destination: place,
  third: place,
  narrow: narrowStart,
  budgets: fc.array(fc.oneof(fc.integer({ min: 1, max: 300 }), fc.constant(20_000)), {
    minLength: 1,
    maxLength: 4,
  }),
});

const narrowLoop: fc.Arbitrary<Loop> = fc
  .record({ one: loop, body: narrowBody })
  .map(({ one, body }) => ({ ...one, body }));

const encode = ({ body }: Loop, wide: boolean): string => {
  const code = [...body, "W ff c9"].join(" ").replaceAll("W ", wide ? "48 " : "");
  const back = -(code.split(" ").length + 2);
  return `${code} 75 ${byte(back)} 0f 0b`;
};

/** Runs a loop twice, so that there is a translation from the beginning, and tells everything that can be seen after each slice. */
const observe = (bench: Bench, one: Loop, mirror: number | null): unknown[] => {
  const { memory, context } = bench;
  const address = (at: number): bigint => mirrored(at, mirror);
  const seen: unknown[] = [];
  for (const budgets of [[one.count * 8], one.budgets]) {
    fillPages(bench, FRAMES);
    bench.load(encode(one, mirror !== null));
    for (const [register, value] of [
      [rax, 0x1234_5678n],
      [rdx, 0x0bad_cafen],
      [rcx, BigInt(one.count)],
      [rsi, address(one.source)],
      [rdi, address(one.destination)],
      [rbx, address(one.third)],
      [REGISTER.rsp, address(9 * PAGE)],
    ] as const) {
      context.setWideRegister(register, value);
    }
    if (mirror !== null) {
      context.setWideRegister(8, BigInt(one.narrow));
      context.setWideRegister(10, BigInt(one.narrow | 0));
      const extended = one.body.some((code) => code.startsWith("4d 63")) ? one.narrow | 0 : one.narrow;
      context.setWideRegister(12, address(one.destination - extended));
    }
    context.flags = FLAG.fixed | FLAG.cf;
    for (const budget of budgets) {
      const exit = bench.run(budget);
      const registers = Array.from({ length: 16 }, (_, index) => context.wideRegister(index));
      seen.push(exit.kind, exit.retired, context.instructionPointer, context.flags, ...registers);
      seen.push(context.floatingPoint.vector(0));
      seen.push(Buffer.from(memory.bytes.subarray(0, FRAMES * PAGE)).toString("base64"));
    }
  }
  return seen;
};

describe("loops that do not ask the TLB in every turn", () => {
  const runs = { numRuns: 400 };

  it("do what the interpreter does", () => {
    const translated = guardPages(createEngineBench({ frameCount: FRAMES, translateAfter: 1 }));
    const interpreted = guardPages(createEngineBench({ frameCount: FRAMES, translateAfter: INTERPRETED }));
    fc.assert(
      fc.property(loop, (one) => {
        expect(observe(translated, one, null)).toEqual(observe(interpreted, one, null));
      }),
      runs,
    );
  });

  it("do so where 64-bit addresses follow from 32 bits that may wrap", () => {
    const translated = guardPages(createWideBench({ translateAfter: 1 }));
    const interpreted = guardPages(createWideBench({ translateAfter: INTERPRETED }));
    fc.assert(
      fc.property(narrowLoop, fc.constantFrom(0, ABOVE, UPPER), (one, mirror) => {
        expect(observe(translated, one, mirror)).toEqual(observe(interpreted, one, mirror));
      }),
      runs,
    );
  });

  it("do so in 64-bit code", () => {
    const translated = guardPages(createWideBench({ translateAfter: 1 }));
    const interpreted = guardPages(createWideBench({ translateAfter: INTERPRETED }));
    fc.assert(
      fc.property(loop, fc.constantFrom(0, ABOVE, UPPER), (one, mirror) => {
        expect(observe(translated, one, mirror)).toEqual(observe(interpreted, one, mirror));
      }),
      runs,
    );
  });
});
