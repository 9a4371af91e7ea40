import { ACCESS, FRAME_WATCH, toMfn } from "@xenolith/machine-interface";
import { FLAG, REGISTER } from "@xenolith/x86-architecture";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CODE, createEngineBench, type EngineBench, snapshot } from "../support/engine-bench.ts";

const { rcx, rsp } = REGISTER;
const STACK_PAGE = 9;
const TURNS = 40;
const hex = (value: number): string => (value & 0xff).toString(16).padStart(2, "0");

/** Registers to push, and to pop: ECX counts turns, and is pushed only. */
const pushed = fc.array(fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 7), { maxLength: 8 });
const popped = fc.array(fc.constantFrom(0, 2, 3, 5, 6, 7), { maxLength: 8 });

/** A loop of pushes and pops. */
const program = (rows: readonly (readonly [number[], number[]])[]): string => {
  const code = rows.flatMap(([pushes, pops]) => [
    ...pushes.map((register) => hex(0x50 + register)),
    ...pops.map((register) => hex(0x58 + register)),
  ]);
  // dec ecx; jnz to the beginning; e: jmp e
  return [...code, "49", "75", hex(-(code.length + 3)), "eb", "fe"].join(" ");
};

/** Code that is replaced again and again would be left to the interpreter: each program has a page of its own for a while. */
const PAGES = 48;
const pageOf = (number: number): number => 0x1_0000 + 4096 * (number % PAGES);

interface Watched {
  readonly bench: EngineBench;
  /** Stores to the page that is watched, in their order. */
  readonly seen: string[];
}

/** A machine whose stack may come to a page that cannot be written, one that cannot be accessed, and one that is watched. */
const createWatched = (translateAfter: number): Watched => {
  const bench = createEngineBench({ translateAfter });
  const seen: string[] = [];
  bench.translator.deny(STACK_PAGE - 2, ACCESS.write);
  for (const access of [ACCESS.read, ACCESS.write]) bench.translator.deny(STACK_PAGE + 2, access);
  bench.memory.watch(toMfn(STACK_PAGE - 1), FRAME_WATCH.hook);
  bench.memory.onWrite(FRAME_WATCH.hook, (frame, offset, lengthBytes) => {
    seen.push(`${frame} ${offset} ${lengthBytes}`);
  });
  return { bench, seen };
};

const observe = (
  { bench, seen }: Watched,
  code: string,
  at: number,
  top: number,
  budgets: readonly number[],
) => {
  const { context, memory } = bench;
  memory.bytes.fill(0x5a, 4096 * (STACK_PAGE - 3), 4096 * (STACK_PAGE + 3));
  bench.load(code, at);
  for (let register = 0; register < 8; register++) context.setRegister(register, 0x0101_0101 * register);
  context.setRegister(rcx, TURNS);
  context.setRegister(rsp, top);
  context.flags = FLAG.fixed;
  seen.length = 0;
  const runs = budgets.map((budget) => {
    const { kind, retired } = bench.run(budget);
    return [kind, retired, ...snapshot(context)];
  });
  const stack = memory.bytes.slice(4096 * (STACK_PAGE - 3), 4096 * (STACK_PAGE + 3));
  return { runs, seen: [...seen], stack: Buffer.from(stack).toString("hex") };
};

describe("rows of pushes and pops", () => {
  it("do what single ones do, at borders of pages, over faults, watched, and wherever runs end", () => {
    const translated = createWatched(1);
    const interpreted = createWatched(1_000_000);
    let number = 0;
    fc.assert(
      fc.property(
        fc.array(fc.tuple(pushed, popped), { minLength: 1, maxLength: 3 }),
        // Near the page that cannot be written, the one that is watched, and the one that cannot be accessed.
        fc.tuple(fc.constantFrom(-4096, 0, 8192), fc.integer({ min: -60, max: 60 })),
        fc.array(fc.integer({ min: 1, max: 600 }), { minLength: 1, maxLength: 4 }),
        (rows, [border, distance], budgets) => {
          const code = program(rows);
          const top = 4096 * STACK_PAGE + border + distance;
          const at = pageOf(number);
          number += 1;
          const expected = observe(interpreted, code, at, top, [...budgets, 2000]);
          expect(observe(translated, code, at, top, [...budgets, 2000])).toEqual(expected);
        },
      ),
      { numRuns: 150 },
    );
  });

  it("restore what they have saved", () => {
    const { bench, seen } = createWatched(1);
    // All but ECX and ESP, in the order of a function's beginning and end.
    const code = program([
      [
        [0, 2, 3, 5, 6, 7],
        [7, 6, 5, 3, 2, 0],
      ],
    ]);
    observe({ bench, seen }, code, CODE, 4096 * STACK_PAGE + 0x800, [TURNS * 14]);
    expect(bench.context.register(REGISTER.rdi)).toBe(0x0707_0707);
    expect(bench.context.register(rcx)).toBe(0);
    expect(bench.context.register(rsp)).toBe(4096 * STACK_PAGE + 0x800);
    expect(bench.context.instructionPointer).toBe(CODE + 15);
  });
});
