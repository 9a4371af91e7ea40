import { ACCESS, EXIT, TLB_ENTRY, TLB_ENTRY_BYTES } from "@xenolith/machine-interface";
import { FLAG, REGISTER } from "@xenolith/x86-architecture";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CODE, createEngineBench, type EngineBench, STACK, snapshot } from "../support/engine-bench.ts";

const { rbx, rcx, rdi, rsp } = REGISTER;
const FUNCTION = 0x3000;
const RETURN = 0x5010;
/** l: call FUNCTION; dec ecx; jnz l; e: jmp e */
const LOOP = "e8 fb 1f 00 00 49 75 f8 eb fe";
/** inc ebx; jmp RETURN */
const PLAIN = "43 e9 0a 20 00 00";
/** inc ebx; xor byte [RETURN], c3 ^ 90; jmp RETURN: what is there is a return and a NOP by turns. */
const CHANGING = "43 80 35 10 50 00 00 53 e9 03 20 00 00";
/** ret; inc edi; ret */
const RETURNS = "c3 47 c3";
const TURNS = 300;

/** Goes to the beginning of the loop. */
const begin = ({ context }: EngineBench): void => {
  context.instructionPointer = CODE;
  context.flags = FLAG.fixed;
  context.setRegister(rcx, TURNS);
  context.setRegister(rsp, STACK);
  for (const register of [rbx, rdi]) context.setRegister(register, 0);
};

const start = (translateAfter: number, body: string): EngineBench => {
  const bench = createEngineBench({ translateAfter });
  bench.place(body, FUNCTION);
  bench.place(RETURNS, RETURN);
  bench.load(LOOP);
  begin(bench);
  return bench;
};
const translated = (body: string): EngineBench => start(1, body);
const interpreted = (body: string): EngineBench => start(1_000_000, body);

/** Another frame behind a page, for execution alone, as if page tables had changed and been asked again. */
const remap = ({ memory, translator }: EngineBench, page: number, frame: number): void => {
  const entry = translator.tlb.execute + TLB_ENTRY_BYTES * page;
  memory.view.setUint32(entry + TLB_ENTRY.frame, frame, true);
  memory.view.setUint32(entry + TLB_ENTRY.addend, 4096 * (frame - page), true);
};

describe("a jump to a return in another page", () => {
  for (const [name, body] of [
    ["that stays one", PLAIN],
    ["that becomes something else, and one again", CHANGING],
  ] as const) {
    it(`leads where the interpreter goes, ${name}, wherever runs end`, () => {
      const [one, other] = [translated(body), interpreted(body)];
      fc.assert(
        fc.property(fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 8 }), (budgets) => {
          for (const bench of [one, other]) begin(bench);
          for (const budget of [...budgets, 3000]) {
            expect(one.run(budget)).toEqual(other.run(budget));
            expect(snapshot(one.context)).toEqual(snapshot(other.context));
          }
          expect(one.context.register(rbx)).toBe(TURNS);
        }),
        { numRuns: 25 },
      );
    });
  }

  it("finds what has been written in the return's place between two runs", () => {
    const bench = translated(PLAIN);
    bench.run(6 * 200);
    expect(bench.context.register(rdi)).toBe(0);
    bench.place("47 c3", RETURN);
    bench.run(10_000);
    expect(bench.context.register(rdi)).toBe(TURNS - 200);
  });

  it("finds what lies in another frame that has come to be mapped there", () => {
    const bench = translated(PLAIN);
    bench.place("47 c3", 0x7000 + (RETURN & 0xfff));
    bench.run(6 * 200);
    remap(bench, RETURN >> 12, 7);
    bench.run(10_000);
    expect(bench.context.register(rdi)).toBe(TURNS - 200);
  });

  it("faults at the return when its page may not be executed any more, with exact counts", () => {
    const bench = translated(PLAIN);
    bench.run(6 * 200);
    bench.translator.deny(RETURN >> 12, ACCESS.execute);
    const { kind, retired } = bench.run(10_000);
    // Call, INC and jump of one more turn. Nobody handles the fault, so that the run ends with it.
    expect({ kind, retired }).toEqual({ kind: EXIT.shutdown, retired: 3 });
    expect(bench.context.instructionPointer).toBe(RETURN);
    expect(bench.context.control(2)).toBe(RETURN);
  });

  it("is left to the interpreter while what it jumps to is in no page", () => {
    const bench = translated("43 e9 fa cf ff 7f");
    expect(bench.run(100)).toMatchObject({ kind: EXIT.shutdown, retired: 3 });
    expect(bench.context.instructionPointer).toBe((CODE + 0x7fff_f000) >>> 0);
  });
});
