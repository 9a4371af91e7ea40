import { isDeepStrictEqual } from "node:util";
import { toMfn } from "@xenolith/machine-interface";
import { REGISTER } from "@xenolith/x86-architecture";
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

/** Executes an instruction at `at`, its bytes lying at `own` too, with the stack's end and EDI at `data`. */
const executed = (bench: EngineBench, code: string, at: number, own: number, data: number) => {
  const { context, memory } = bench;
  for (let n = EXAMINED.from; n < EXAMINED.to; n++) memory.bytes[n] = n * 7;
  memory.written(toMfn(BORDER / 4096 - 1), 4096 - 0x400, 0x400);
  memory.written(toMfn(BORDER / 4096), 0, 0x400);
  bench.load(INITIALISE);
  bench.step(1);
  placeCode(memory, code, own);
  placeCode(memory, code, at);
  for (let register = 0; register < 8; register++) context.setRegister(register, 0x0101_0101 * register);
  context.setRegister(REGISTER.rsi, 0x5000);
  context.setRegister(REGISTER.rbp, 0x5100);
  context.setRegister(REGISTER.rdi, data);
  context.setRegister(REGISTER.rsp, data);
  context.instructionPointer = at;
  context.flags = 2;
  const exit = bench.run(1);
  const registers = Array.from({ length: 8 }, (_, register) => context.register(register));
  return {
    kind: exit.kind,
    retired: exit.retired,
    registers,
    flags: context.flags,
    memory: [...memory.bytes.subarray(EXAMINED.from, EXAMINED.to)].join(),
  };
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
        const there = executed(bench, code, own, own, data);
        const elsewhere = executed(bench, code, ELSEWHERE, own, data);
        if (there.retired === 1 && isDeepStrictEqual(there, elsewhere)) continue;
        wrong.push(`${name} at ${own.toString(16)}, to ${data.toString(16)}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});
