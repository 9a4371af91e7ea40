import { FLAG } from "@xenolith/x86-architecture";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createEngineBench } from "../support/engine-bench.ts";
import type { Bench } from "../support/guarded-pages.ts";
import { createWideBench } from "../support/wide-bench.ts";

const INTERPRETED = 1_000_000;
/** Numbers of the registers that loops use: few, so that those that are compared are mostly some that change. */
const USED = [0, 1, 2, 3];

const hex = (value: number): string => (value & 0xff).toString(16).padStart(2, "0");
const modRm = (register: number, operand: number): string => hex(0xc0 | (register << 3) | operand);

const register = fc.constantFrom(...USED);
const small = fc.oneof(fc.constantFrom(1, -1, 0, 4, 8), fc.integer({ min: -128, max: 127 }));
/** `W` stands for the prefix that makes registers whole. */
const prefixed = (code: string): fc.Arbitrary<string> => fc.constantFrom(`W ${code}`, code);

/** How a register gains a constant. */
const step = (r: number): fc.Arbitrary<string> =>
  fc
    .oneof(
      fc.constant(`ff ${modRm(0, r)}`), // inc r
      fc.constant(`ff ${modRm(1, r)}`), // dec r
      small.map((by) => `83 ${modRm(0, r)} ${hex(by)}`), // add r, by
      small.map((by) => `83 ${modRm(5, r)} ${hex(by)}`), // sub r, by
      small.map((by) => `8d ${hex(0x40 | (r << 3) | r)} ${hex(by)}`), // lea r, [r+by]
    )
    .chain(prefixed);

/** What a turn does to a register, mostly nothing, or a step. */
const change = (r: number): fc.Arbitrary<readonly string[]> =>
  fc.oneof(
    { weight: 5, arbitrary: fc.constant([]) },
    { weight: 5, arbitrary: step(r).map((one) => [one]) },
    { weight: 1, arbitrary: fc.tuple(step(r), step(r)) },
    {
      weight: 2,
      arbitrary: fc
        .oneof(
          register.map((other) => `89 ${modRm(other, r)}`), // mov r, other
          fc.tuple(register, small).map(([other, by]) => `8d ${hex(0x40 | (r << 3) | other)} ${hex(by)}`), // lea r, [other+by]
          fc.constant(`31 ${modRm(r, r)}`), // xor r, r
          small.map((value) => `c7 ${modRm(0, r)} ${hex(value)}${` ${hex(value >> 8)}`.repeat(3)}`), // mov r, value
        )
        .chain(prefixed)
        .map((one) => [one]),
    },
  );

/** Those that set flags a jump asks for. */
const comparing: fc.Arbitrary<string> = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(register, register).map(([r, s]) => `39 ${modRm(s, r)}`) }, // cmp r, s
  { weight: 3, arbitrary: fc.tuple(register, small).map(([r, value]) => `83 ${modRm(7, r)} ${hex(value)}`) }, // cmp r, value
  register.map((r) => `85 ${modRm(r, r)}`), // test r, r
  fc.tuple(register, register).map(([r, s]) => `85 ${modRm(s, r)}`), // test r, s
  register.map((r) => `ff ${modRm(1, r)}`), // dec r
  register.map((r) => `ff ${modRm(0, r)}`), // inc r
  fc.tuple(register, small).map(([r, by]) => `83 ${modRm(5, r)} ${hex(by)}`), // sub r, by
);

/** What a loop does in a turn: it changes registers, and goes on, out of the loop or over the next part. */
interface Part {
  readonly compare: string;
  readonly opcode: number;
  readonly jump: "out" | "over" | "none";
}

const LOOP = 0xe2;
const condition = fc.oneof(
  fc.constantFrom(0x72, 0x73, 0x74, 0x75, 0x76, 0x77, 0x7c, 0x7d, 0x7e, 0x7f),
  fc.integer({ min: 0x70, max: 0x7f }),
);

const part: fc.Arbitrary<Part> = fc.record({
  compare: comparing.chain(prefixed),
  opcode: fc.oneof({ weight: 8, arbitrary: condition }, { weight: 1, arbitrary: fc.constant(LOOP) }),
  jump: fc.constantFrom<Part["jump"]>("out", "out", "out", "over", "none"),
});

/** Values near to where 32 and 64 bits wrap, signed and unsigned, and near to one another. */
const start: fc.Arbitrary<bigint> = fc
  .tuple(
    fc.constantFrom(0n, 0n, 0n, 1n << 31n, 1n << 32n, 1n << 63n, 1n << 40n),
    fc.oneof(fc.bigInt({ min: -20n, max: 20n }), fc.bigInt({ min: -5000n, max: 5000n })),
  )
  .map(([around, delta]) => BigInt.asUintN(64, around + delta));

interface Loop {
  readonly parts: readonly Part[];
  /** Changes of registers, each in front of the part of the number beside it, or of the end. */
  readonly changes: readonly (readonly [number, readonly string[]])[];
  /** How it goes back: by a conditional jump behind a comparison, or LOOP. */
  readonly back: { readonly compare: string; readonly opcode: number };
  readonly starts: readonly bigint[];
  readonly carry: boolean;
  readonly budgets: readonly number[];
}

const loop: fc.Arbitrary<Loop> = fc.record({
  parts: fc.array(part, { minLength: 1, maxLength: 3 }),
  changes: fc.tuple(...USED.map((r) => fc.tuple(fc.integer({ min: 0, max: 3 }), change(r)))),
  back: fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        compare: comparing.chain(prefixed),
        opcode: fc.oneof(fc.constant(0x75), condition),
      }),
    },
    { weight: 1, arbitrary: fc.record({ compare: fc.constant("90"), opcode: fc.constant(LOOP) }) },
    { weight: 1, arbitrary: fc.record({ compare: fc.constant("f3 90"), opcode: fc.constant(0xeb) }) },
  ),
  starts: fc.array(start, { minLength: USED.length, maxLength: USED.length }),
  carry: fc.boolean(),
  budgets: fc.array(fc.oneof(fc.integer({ min: 1, max: 300 }), fc.constant(30_000)), {
    minLength: 1,
    maxLength: 4,
  }),
});

const OUT = "0f 0b";

/** The code of a loop: behind it lies what ends it, and what jumps out lands in the middle of that. */
const encode = ({ parts, changes, back }: Loop, isWide: boolean): string => {
  const bytes = (code: string): string[] =>
    code
      .replaceAll("W ", isWide ? "48 " : "")
      .split(" ")
      .filter((one) => one !== "");
  const code: string[] = [];
  const outs: number[] = [];
  let over = -1;
  const land = (): void => {
    if (over >= 0) code[over] = hex(code.length - over - 1);
    over = -1;
  };
  const change = (position: number): void => {
    for (const [where, instructions] of changes)
      if (Math.min(where, parts.length) === position)
        for (const one of instructions) code.push(...bytes(one));
  };
  for (const [position, { compare, opcode, jump }] of parts.entries()) {
    change(position);
    land();
    if (jump !== "none") {
      if (opcode !== LOOP) code.push(...bytes(compare));
      code.push(hex(opcode), "00");
    }
    if (jump === "out") outs.push(code.length - 1);
    if (jump === "over") over = code.length - 1;
  }
  change(parts.length);
  land();
  code.push(...bytes(back.compare));
  code.push(hex(back.opcode));
  code.push(hex(-(code.length + 1)), ...OUT.split(" "));
  for (const out of outs) code[out] = hex(code.length - out - 1);
  return [...code, ...OUT.split(" ")].join(" ");
};

/** Room for a loop, and frames for all of them: frames whose code is overwritten again and again are translated ever later. */
const LOOP_BYTES = 128;
const FRAMES = { first: 1, count: 60 };
const RUNS = (FRAMES.count * 4096) / LOOP_BYTES;

/** Hands out a place of its own for each loop. */
const places = (): (() => number) => {
  let next = 0;
  return () => FRAMES.first * 4096 + (next++ % RUNS) * LOOP_BYTES;
};

/** A loop as code, and what it begins with. */
interface Start {
  readonly code: string;
  /** What the registers in use hold. */
  readonly registers: readonly bigint[];
  readonly carry: boolean;
  readonly budgets: readonly number[];
}

const started = (one: Loop, isWide: boolean): Start => ({
  code: encode(one, isWide),
  registers: one.starts,
  carry: one.carry,
  budgets: one.budgets,
});

/** Runs a loop twice, so that there is a translation from the beginning, and tells what can be seen after each slice. */
const observe = ({ context, ...bench }: Bench, one: Start, at: number, isWide: boolean): unknown[] => {
  const seen: unknown[] = [];
  for (const budgets of [[200], one.budgets]) {
    bench.load(one.code, at);
    USED.forEach((index, position) => {
      const value = one.registers[position] ?? 0n;
      if (isWide) context.setWideRegister(index, value);
      else context.setRegister(index, Number(BigInt.asUintN(32, value)));
    });
    context.flags = FLAG.fixed | (one.carry ? FLAG.cf : 0);
    for (const budget of budgets) {
      const exit = bench.run(budget);
      const registers = USED.map((index) => (isWide ? context.wideRegister(index) : context.register(index)));
      seen.push(exit.kind, exit.retired, context.instructionPointer, context.flags, ...registers);
    }
  }
  return seen;
};

/** Expects of loops that they end alike with and without a translation. */
const expectAlike = (loops: fc.Arbitrary<Start>, isWide: boolean, numRuns: number): void => {
  const create = (translateAfter: number): Bench =>
    isWide ? createWideBench({ translateAfter }) : createEngineBench({ frameCount: 64, translateAfter });
  const translated = create(1);
  const interpreted = create(INTERPRETED);
  const place = places();
  fc.assert(
    fc.property(loops, (one) => {
      const at = place();
      expect(observe(translated, one, at, isWide)).toEqual(observe(interpreted, one, at, isWide));
    }),
    { numRuns },
  );
};

describe("loops that only count", () => {
  it("end as they do turn by turn", () => {
    expectAlike(
      loop.map((one) => started(one, false)),
      false,
      RUNS,
    );
  });

  it("do so in 64-bit code", () => {
    expectAlike(
      loop.map((one) => started(one, true)),
      true,
      RUNS,
    );
  });

  const near = fc.integer({ min: -40, max: 40 }).map(BigInt);
  it.each([
    // inc eax; jz out; lea ecx, [ecx-2]; cmp ecx, edx; jne back: CF is the comparison's of the turn before.
    {
      what: "flags that INC leaves",
      code: "ff c0 74 09 8d 49 fe 39 d1 75 f5 0f 0b 0f 0b",
      around: [-40n, 71n, 20n, 0n],
    },
    // loop on; ud2; on: inc eax; jmp back: the flags are those of INC in the turn before.
    { what: "flags that the next turn finds", code: "e2 02 0f 0b ff c0 eb f8", around: [-40n, 80n, 0n, 0n] },
    // dec ecx; jz out; mov eax, ecx; jmp back: EAX is what ECX was in the turn before.
    {
      what: "a copy of what has changed since",
      code: "ff c9 74 04 89 c8 eb f8 0f 0b",
      around: [0n, 80n, 0n, 0n],
    },
  ])("know $what", ({ code, around }) => {
    expectAlike(
      fc.record({
        code: fc.constant(code),
        registers: fc
          .tuple(near, near)
          .map(([a, c]) => [
            BigInt.asUintN(32, (around[0] ?? 0n) + a),
            (around[1] ?? 0n) + c,
            around[2] ?? 0n,
            around[3] ?? 0n,
          ]),
        carry: fc.boolean(),
        budgets: fc.constant([30_000]),
      }),
      true,
      100,
    );
  });
});
