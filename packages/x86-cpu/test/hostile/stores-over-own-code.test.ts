import { isDeepStrictEqual } from "node:util";
import { EXIT, type ExitKind, toMfn } from "@xenolith/machine-interface";
import { FLAG, REGISTER } from "@xenolith/x86-architecture";
import { describe, expect, it } from "vitest";
import { MAX_MODEL } from "../../src/index.ts";
import { createEngineBench, type EngineBench, placeCode } from "../support/engine-bench.ts";

const BORDER = 0x8000;
const ELSEWHERE = 0x3000;
/** FNINIT */
const INITIALISE = "db e3";
const EXAMINED = { from: BORDER - 0x400, to: BORDER + 0x400 } as const;

/** Instructions that store, what they need their destination to be a multiple of. It is the stack, or where EDI points. */
const INSTRUCTIONS: readonly (readonly [name: string, code: string, alignment: number])[] = [
  ["PUSHA", "66 60", 1],
  ["PUSHAD", "60", 1],
  ["PUSHFD", "9c", 1],
  ["PUSH [EDI]", "ff 37", 1],
  ["POP [EDI]", "8f 07", 1],
  ["ENTER 8, 0", "c8 08 00 00", 1],
  ["ENTER 8, 4", "c8 08 00 04", 1],
  ["FNSTENV", "d9 37", 1],
  ["FNSAVE", "dd 37", 1],
  ["FSTP m80", "db 3f", 1],
  ["FXSAVE", "0f ae 07", 16],
  ["CMPXCHG8B", "0f c7 0f", 1],
  ["MOVSD", "a5", 1],
];

/** Repeated ones: an iteration that changes the instruction is the last of it. */
const REPEATED: readonly (readonly [name: string, code: string])[] = [
  ["REP STOSB", "f3 aa"],
  ["REP STOSD", "f3 ab"],
  ["REP MOVSB", "f3 a4"],
  ["REP MOVSD", "f3 a5"],
];
const COUNT = 100;

interface Place {
  /** Where it is executed. */
  readonly at: number;
  /** Where its bytes lie too. */
  readonly own: number;
  /** The stack's end and EDI. */
  readonly data: number;
  readonly isDown?: boolean;
}

const prepare = (bench: EngineBench, code: string, { at, own, data, isDown = false }: Place): void => {
  const { context, memory } = bench;
  memory.bytes.fill(0, 0, memory.ramBytes);
  for (let n = EXAMINED.from; n < EXAMINED.to; n++) memory.bytes[n] = n * 7;
  for (let frame = 0; frame < memory.frameCount; frame++) memory.written(toMfn(frame), 0, 4096);
  bench.load(INITIALISE);
  bench.step(1);
  placeCode(memory, code, own);
  placeCode(memory, code, at);
  for (let register = 0; register < 8; register++) context.setRegister(register, 0x0101_0101 * register);
  context.setRegister(REGISTER.rcx, COUNT);
  context.setRegister(REGISTER.rsi, 0x5000);
  context.setRegister(REGISTER.rbp, 0x5100);
  context.setRegister(REGISTER.rdi, data);
  context.setRegister(REGISTER.rsp, data);
  context.instructionPointer = at;
  context.flags = isDown ? 2 | FLAG.df : 2;
};

const outcome = ({ context, memory }: EngineBench) => ({
  registers: Array.from({ length: 8 }, (_, register) => context.register(register)),
  flags: context.flags,
  memory: [...memory.bytes.subarray(EXAMINED.from, EXAMINED.to)].join(),
});

const executed = (bench: EngineBench, code: string, place: Place) => {
  prepare(bench, code, place);
  const { kind, retired } = bench.run(1);
  return { kind, retired, ...outcome(bench) };
};

/** Executes it and what it leaves of itself. With `isStepped` one instruction at a time. */
const repeated = (bench: EngineBench, code: string, place: Place, isStepped: boolean) => {
  prepare(bench, code, place);
  let retired = 0;
  let kind: ExitKind = EXIT.budget;
  while (retired < COUNT && kind === EXIT.budget) {
    const exit = bench.run(isStepped ? 1 : COUNT - retired);
    kind = exit.kind;
    retired += exit.retired;
  }
  return { kind, retired, pointer: bench.context.instructionPointer, ...outcome(bench) };
};

describe.each([
  ["interpreter", 1_000_000],
  ["translator", 1],
])("an instruction that stores over its own code at a page's border, by the %s", (_, translateAfter) => {
  const bench = createEngineBench({ frameCount: 32, model: MAX_MODEL, translateAfter });

  it.each(INSTRUCTIONS)("%s does what it does from elsewhere", (name, code, alignment) => {
    const wrong: string[] = [];
    const step = Math.max(alignment, 3);
    for (const own of [0, 1, 2, 3, 5, 8, 13, 21].map((offset) => BORDER + offset)) {
      for (let data = BORDER - 2 * alignment; data < BORDER + 32; data += step) {
        const there = executed(bench, code, { at: own, own, data });
        const elsewhere = executed(bench, code, { at: ELSEWHERE, own, data });
        if (there.retired === 1 && isDeepStrictEqual(there, elsewhere)) continue;
        wrong.push(`${name} at ${own.toString(16)}, to ${data.toString(16)}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it.each(REPEATED)("%s is fetched anew for each iteration", (name, code) => {
    const stepped = createEngineBench({ frameCount: 32, model: MAX_MODEL, translateAfter: 1_000_000 });
    const wrong: string[] = [];
    for (const isDown of [false, true]) {
      for (const own of [0, 2, 13, 70].map((offset) => BORDER + offset)) {
        for (const distance of [-300, -64, -9, -4, -2, 0, 1, 4, 9, 64, 300]) {
          const place = { at: own, own, data: own + distance, isDown };
          const whole = repeated(bench, code, place, false);
          if (isDeepStrictEqual(whole, repeated(stepped, code, place, true))) continue;
          wrong.push(
            `${name} at ${own.toString(16)}, to ${place.data.toString(16)}${isDown ? ", down" : ""}`,
          );
        }
      }
    }
    expect(wrong).toEqual([]);
  });
});
