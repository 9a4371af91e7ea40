import { FLAG, REGISTER } from "@xenolith/x86-architecture";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createEngineBench } from "../support/engine-bench.ts";
import { type Bench, fillPages, guardPages, mirrored } from "../support/guarded-pages.ts";
import { ABOVE, createWideBench, UPPER } from "../support/wide-bench.ts";

const { rax, rbx, rcx, rdx, rsi, rdi, rsp } = REGISTER;
const PAGE = 4096;
const FRAMES = 24;
const TURNS = 12;

const byte = (value: number): string => (value & 0xff).toString(16).padStart(2, "0");
/** Distances of which several lie within one group, and some do not. */
const near = fc.integer({ min: -40, max: 40 });
const step = fc.constantFrom(-24, -8, -4, 4, 8, 24);

/** Instructions of a block. `W` stands for the prefix that makes registers whole. */
const instruction: fc.Arbitrary<string> = fc.oneof(
  near.map((distance) => `8b 46 ${byte(distance)}`), // mov eax, [esi+d]
  near.map((distance) => `0f b7 56 ${byte(distance)}`), // movzx edx, word [esi+d]
  near.map((distance) => `89 46 ${byte(distance)}`), // mov [esi+d], eax
  near.map((distance) => `88 57 ${byte(distance)}`), // mov [edi+d], dl
  near.map((distance) => `01 47 ${byte(distance)}`), // add [edi+d], eax
  near.map((distance) => `W 03 57 ${byte(distance)}`), // add edx, [edi+d]
  near.map((distance) => `0f 10 47 ${byte(distance)}`), // movups xmm0, [edi+d]
  near.map((distance) => `0f 11 46 ${byte(distance)}`), // movups [esi+d], xmm0
  near.map((distance) => `8b 44 24 ${byte(distance)}`), // mov eax, [esp+d]
  near.map((distance) => `89 54 24 ${byte(distance)}`), // mov [esp+d], edx
  near.map((distance) => `8b 44 9e ${byte(distance)}`), // mov eax, [esi+4*ebx+d]
  near.map((distance) => `89 44 9e ${byte(distance)}`), // mov [esi+4*ebx+d], eax
  near.map((distance) => `W 8b 76 ${byte(distance)}`), // mov esi, [esi+d]: then it is another address
  step.map((by) => `W 83 c6 ${byte(by)}`), // add esi, by
  step.map((by) => `W 8d 7e ${byte(by)}`), // lea edi, [esi+by]
  step.map((by) => `W 83 c4 ${byte(by)}`), // add esp, by
  step.map((by) => `83 c7 ${byte(by)}`), // add edi, by: cuts off what is above 32 bits
  fc.constantFrom("W 89 f7", "W 89 fe", "W 87 f7", "43"), // mov edi, esi; mov esi, edi; xchg; inc ebx
  fc.constantFrom("50", "52", "56", "54", "58", "5a", "5f", "5c"), // pushes and pops, of ESP too
);
/** INC with one byte is a prefix in 64-bit code. */
const widened = (code: string, wide: boolean): string =>
  code === "43" && wide ? "ff c3" : code.replace("W", wide ? "48" : "");

/** A block that is gone through several times. */
interface Program {
  readonly body: readonly string[];
  readonly source: number;
  readonly destination: number;
  readonly stack: number;
  readonly budgets: readonly number[];
}

const place = fc.oneof(
  fc.integer({ min: 10 * PAGE, max: 20 * PAGE }),
  fc
    .tuple(fc.constantFrom(12, 13, 15, 16, 18, 19, 20), fc.integer({ min: -80, max: 80 }))
    .map(([page, delta]) => page * PAGE + delta),
);

const program: fc.Arbitrary<Program> = fc.record({
  body: fc.array(instruction, { minLength: 2, maxLength: 10 }),
  source: place,
  destination: place,
  stack: place,
  budgets: fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 6 }),
});

const encode = ({ body }: Program, wide: boolean): string => {
  const code = body.map((one) => widened(one, wide)).join(" ");
  const count = wide ? "ff c9" : "49";
  const length = `${code} ${count}`.split(/\s+/).filter((one) => one !== "").length;
  // dec ecx; jnz to the beginning; ud2
  return `${code} ${count} 75 ${byte(-(length + 2))} 0f 0b`;
};

/** Everything that can be seen after each of some runs, of the second time that a program is gone through. */
const observe = (bench: Bench, one: Program, mirror: number | null): unknown[] => {
  const { memory, context } = bench;
  const address = (at: number): bigint => mirrored(at, mirror);
  const seen: unknown[] = [];
  for (const budgets of [[TURNS * 12], one.budgets]) {
    seen.length = 0;
    fillPages(bench, FRAMES);
    bench.load(encode(one, mirror !== null));
    for (const [register, value] of [
      [rax, 0x1234_5678n],
      [rdx, 0x0bad_cafen],
      [rbx, 2n],
      [rcx, BigInt(TURNS)],
      [rsi, address(one.source)],
      [rdi, address(one.destination)],
      [rsp, address(one.stack)],
    ] as const) {
      context.setWideRegister(register, value);
    }
    context.flags = FLAG.fixed;
    for (const budget of budgets) {
      const exit = bench.run(budget);
      const registers = Array.from({ length: 8 }, (_, index) => context.wideRegister(index));
      seen.push(exit.kind, exit.retired, context.instructionPointer, context.flags, ...registers);
      seen.push(context.floatingPoint.vector(0));
      seen.push(Buffer.from(memory.bytes.subarray(0, FRAMES * PAGE)).toString("base64"));
    }
  }
  return seen;
};

const benches = (create: (translateAfter: number) => Bench): readonly [Bench, Bench] => [
  guardPages(create(1)),
  guardPages(create(1_000_000)),
];

describe("accesses that lie near to one another", () => {
  const runs = { numRuns: 500 };

  it("do in 32-bit code what the interpreter does, at borders of pages and where pages are closed", () => {
    const [translated, interpreted] = benches((translateAfter) =>
      createEngineBench({ frameCount: FRAMES, translateAfter }),
    );
    fc.assert(
      fc.property(program, (one) => {
        expect(observe(translated, one, null)).toEqual(observe(interpreted, one, null));
      }),
      runs,
    );
  });

  it("do so in 64-bit code, wherever memory is mapped", () => {
    const [translated, interpreted] = benches((translateAfter) => createWideBench({ translateAfter }));
    fc.assert(
      fc.property(program, fc.constantFrom(0, ABOVE, UPPER), (one, mirror) => {
        expect(observe(translated, one, mirror)).toEqual(observe(interpreted, one, mirror));
      }),
      runs,
    );
  });
});
