import { toMfn } from "@xenolith/machine-interface";
import { FLAG, REGISTER } from "@xenolith/x86-architecture";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CODE, createEngineBench, type EngineBench } from "../support/engine-bench.ts";

const { rbx, rcx, rsi, rdi, rsp } = REGISTER;
const LIST = 0x4000;
const STACK = 0x9000;
const BLOCKS = 6;
/** Instructions may also be entered in their middle: the immediate of MOV is INC EBX, INC EDI once more. */
const BLOCK = "43 b8 43 47 43 47";
const BLOCK_BYTES = 8;
const byte = (value: number): string => (value & 0xff).toString(16).padStart(2, "0");

/** A loop that goes to what a list says: by jumps, or by calls of functions. */
const program = (
  calls: boolean,
  gap: number,
): { readonly code: string; readonly blocks: readonly number[] } => {
  const head = "8b 06 83 c6 04 49 74 04"; // mov eax, [esi]; add esi, 4; dec ecx; je end
  const dispatch = calls ? "ff d0 eb f4 0f 0b" : "ff e0 0f 0b"; // call eax; jmp loop; end: ud2 | jmp eax; end: ud2
  const start = `${calls ? head : head.replace("74 04", "74 02")} ${dispatch}`;
  let code = start;
  const blocks: number[] = [];
  for (let block = 0; block < BLOCKS; block++) {
    const at = code.split(" ").length;
    blocks.push(CODE + at);
    code += calls ? ` ${BLOCK} c3 90` : ` ${BLOCK} eb ${byte(-(at + BLOCK_BYTES))}`;
    code += " 90".repeat(gap);
  }
  return { code, blocks };
};

const observe = (
  bench: EngineBench,
  code: string,
  targets: readonly number[],
  budgets: readonly number[],
) => {
  const { context, memory } = bench;
  const seen: unknown[] = [];
  for (const slices of [[100_000], budgets]) {
    bench.load(code);
    const view = new DataView(memory.bytes.buffer, memory.bytes.byteOffset);
    for (const [index, target] of targets.entries()) view.setUint32(LIST + 4 * index, target, true);
    memory.written(toMfn(LIST >>> 12), 0, 4096);
    context.setRegister(rsi, LIST);
    context.setRegister(rcx, targets.length);
    for (const register of [rbx, rdi]) context.setRegister(register, 0);
    context.setRegister(rsp, STACK);
    context.flags = FLAG.fixed;
    for (const budget of slices) {
      const { kind, retired } = bench.run(budget);
      const registers = Array.from({ length: 8 }, (_, index) => context.register(index));
      seen.push(kind, retired, context.instructionPointer, context.flags, ...registers);
    }
  }
  return seen;
};

describe("indirect jumps within a region", () => {
  // Close together, or so far apart that the jump cache finds them.
  for (const gap of [0, 150]) {
    it(`lead where the interpreter goes, ${gap} bytes between their targets`, () => {
      const translated = createEngineBench({ translateAfter: 1 });
      const interpreted = createEngineBench({ translateAfter: 1_000_000 });
      fc.assert(
        fc.property(
          fc.boolean(),
          fc.array(fc.tuple(fc.nat(BLOCKS - 1), fc.oneof(fc.constant(0), fc.nat(5))), {
            minLength: 2,
            maxLength: 300,
          }),
          fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 4 }),
          (calls, list, budgets) => {
            const { code, blocks } = program(calls, gap);
            const targets = list.map(([block, offset]) => (blocks[block] ?? 0) + offset);
            const expected = observe(interpreted, code, targets, budgets);
            expect(observe(translated, code, targets, budgets)).toEqual(expected);
          },
        ),
        { numRuns: 200 },
      );
    });
  }

  it("come to the end of the list", () => {
    const bench = createEngineBench({ translateAfter: 1 });
    const { code, blocks } = program(false, 0);
    const targets = Array.from({ length: 200 }, (_, index) => blocks[index % BLOCKS] ?? 0);
    observe(bench, code, targets, [100_000]);
    expect(bench.context.register(rbx)).toBe(199);
  });
});
