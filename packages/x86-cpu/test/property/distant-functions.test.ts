import { ACCESS, EXIT, TLB_ENTRY, TLB_ENTRY_BYTES } from "@xenolith/machine-interface";
import { FLAG, REGISTER } from "@xenolith/x86-architecture";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CODE, createEngineBench, type EngineBench, STACK, snapshot } from "../support/engine-bench.ts";

const { rbx, rcx, rdi, rsp } = REGISTER;
const FUNCTION = 0x3000;
const ANOTHER = 0x5010;
const THIRD = 0x7020;
const DATA = 0xa000;
const TURNS = 300;
/** l: call FUNCTION; dec ecx; jnz l; e: jmp e */
const LOOP = "e8 fb 1f 00 00 49 75 f8 eb fe";
/** l: call FUNCTION; test cl, 63; jnz s; xor byte [FUNCTION], 4; s: dec ecx; jnz l; e: jmp e */
const CHANGING_LOOP = "e8 fb 1f 00 00 f6 c1 3f 75 07 80 35 00 30 00 00 04 49 75 ec eb fe";
/** inc ebx; ret: with another first byte inc edi */
const PLAIN = "43 c3";

/** Name, loop and function of a program. Each turn adds to EBX or to EDI. */
const PROGRAMS = [
  ["only counts", LOOP, PLAIN],
  // test cl, 1; jz n; inc ebx; ret; n: inc edi; ret
  ["has two ways out", LOOP, "f6 c1 01 74 02 43 c3 47 c3"],
  // push ecx; mov ecx, 3; l: inc ebx; dec ecx; jnz l; pop ecx; ret
  ["has a loop", LOOP, "51 b9 03 00 00 00 43 49 75 fc 59 c3"],
  // inc dword [DATA]; mov ebx, [DATA]; ret
  ["stores", LOOP, "ff 05 00 a0 00 00 8b 1d 00 a0 00 00 c3"],
  // stc; inc ebx; adc edi, 0; ret
  ["keeps a flag of its own", LOOP, "f9 43 83 d7 00 c3"],
  // jmp [DATA + 4]
  ["leads on to another one", LOOP, "ff 25 04 a0 00 00"],
  // jmp ANOTHER
  ["goes on in another page", LOOP, "e9 0b 20 00 00"],
  // xor byte [the next instruction], 4; inc ebx or inc edi; ret
  ["changes its own next instruction", LOOP, "80 35 07 30 00 00 04 43 c3"],
  // inc ebx; mov byte [FUNCTION], 43: what is there already; ret
  ["stores into itself what is there", LOOP, "43 c6 05 00 30 00 00 43 c3"],
  ["is changed by who calls it", CHANGING_LOOP, PLAIN],
] as const;

/** call ANOTHER; inc ebx; ret */
const CALLING = "e8 0b 20 00 00 43 c3";
/** Name of a program, its function and the one that this leads to. */
const CHAINS = [
  ["calls another one", CALLING, PLAIN],
  // call THIRD; inc edi; ret
  ["calls one that calls a third one", CALLING, "e8 0b 20 00 00 47 c3"],
  // jmp THIRD
  ["calls one that leads on to a third one", CALLING, "e9 0b 20 00 00"],
  // call ANOTHER; call ANOTHER; inc edi; ret
  ["calls another one twice", "e8 0b 20 00 00 e8 06 20 00 00 47 c3", PLAIN],
  // test cl, 1; jz n; call ANOTHER; n: call ANOTHER; inc edi; ret
  ["calls another one on two ways", "f6 c1 01 74 05 e8 06 20 00 00 e8 01 20 00 00 47 c3", PLAIN],
  // push ecx; mov ecx, 3; l: call ANOTHER; dec ecx; jnz l; pop ecx; ret
  ["calls another one in a loop", "51 b9 03 00 00 00 e8 05 20 00 00 49 75 f8 59 c3", PLAIN],
  // test al, 3; jz n; dec eax; call FUNCTION; n: add eax, 5; inc ebx; ret
  ["calls itself", "a8 03 74 06 48 e8 f6 ff ff ff 83 c0 05 43 c3", PLAIN],
  // test al, 3; jz n; dec eax; call FUNCTION; n: add eax, 5; inc edi; ret
  ["calls one that calls it", CALLING, "a8 03 74 06 48 e8 e6 df ff ff 83 c0 05 47 c3"],
  // xor byte [what comes behind the call], 4; ret
  ["calls one that changes it", CALLING, "80 35 05 30 00 00 04 c3"],
  // inc dword [esp]: not to where it was called; ret
  ["calls one that comes back elsewhere", "e8 0b 20 00 00 43 47 c3", "ff 04 24 c3"],
  // pop eax; stc; jmp eax
  ["calls one that comes back by a jump", "e8 0b 20 00 00 83 d3 00 c3", "58 f9 ff e0"],
  // stc; ret, and adc ebx, 0 behind the call
  ["is left a flag", "e8 0b 20 00 00 83 d3 00 c3", "f9 c3"],
] as const;

/** Goes to the beginning of the loop. */
const begin = ({ context, memory }: EngineBench): void => {
  context.instructionPointer = CODE;
  context.flags = FLAG.fixed;
  context.setRegister(rcx, TURNS);
  context.setRegister(rsp, STACK);
  for (const register of [rbx, rdi]) context.setRegister(register, 0);
  memory.view.setUint32(DATA, 0, true);
  memory.view.setUint32(DATA + 4, ANOTHER, true);
};

const start = (translateAfter: number, loop: string, body: string, another = PLAIN): EngineBench => {
  const bench = createEngineBench({ translateAfter });
  bench.place(body, FUNCTION);
  bench.place(another, ANOTHER);
  bench.place(PLAIN, THIRD);
  bench.load(loop);
  begin(bench);
  return bench;
};
/** The function has been called a few times when the loop is translated. */
const translated = (loop: string, body: string, another?: string): EngineBench =>
  start(4, loop, body, another);
const interpreted = (loop: string, body: string, another?: string): EngineBench =>
  start(1_000_000, loop, body, another);

/** Another frame behind a page, for execution alone, as if page tables had changed and been asked again. */
const remap = ({ memory, translator }: EngineBench, page: number, frame: number): void => {
  const entry = translator.tlb.execute + TLB_ENTRY_BYTES * page;
  memory.view.setUint32(entry + TLB_ENTRY.frame, frame, true);
  memory.view.setUint32(entry + TLB_ENTRY.addend, 4096 * (frame - page), true);
};

/** Instructions of a turn of {@link LOOP} with {@link PLAIN}. */
const TURN = 5;

/** Both do the same, wherever runs end. */
const compare = (one: EngineBench, other: EngineBench): void => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 8 }), (budgets) => {
      for (const bench of [one, other]) begin(bench);
      for (const budget of [...budgets, 20_000]) {
        expect(one.run(budget)).toEqual(other.run(budget));
        expect(snapshot(one.context)).toEqual(snapshot(other.context));
      }
      expect(one.context.register(rcx)).toBe(0);
    }),
    { numRuns: 25 },
  );
};

describe("a function in another page that a loop calls", () => {
  for (const [name, loop, body] of PROGRAMS)
    it(`does what the interpreter does, wherever runs end: one that ${name}`, () =>
      compare(translated(loop, body), interpreted(loop, body)));

  for (const [name, body, another] of CHAINS)
    it(`does so together with those that it calls: one that ${name}`, () =>
      compare(translated(LOOP, body, another), interpreted(LOOP, body, another)));

  it("is another one when it has been written anew between two runs", () => {
    const bench = translated(LOOP, PLAIN);
    bench.run(TURN * 200);
    expect(bench.context.register(rdi)).toBe(0);
    bench.place("47", FUNCTION);
    bench.run(10_000);
    expect([bench.context.register(rbx), bench.context.register(rdi)]).toEqual([200, TURNS - 200]);
  });

  it("is what lies in another frame that has come to be mapped there", () => {
    const bench = translated(LOOP, PLAIN);
    bench.place("47 c3", 0x7000 + (FUNCTION & 0xfff));
    bench.run(TURN * 200);
    remap(bench, FUNCTION >> 12, 7);
    bench.run(10_000);
    expect([bench.context.register(rbx), bench.context.register(rdi)]).toEqual([200, TURNS - 200]);
  });

  it("may change itself after its page has been forgotten and has come back as it was", () => {
    // cmp byte [DATA], 0; jz n; xor byte [n], 4; n: inc ebx or inc edi; ret
    const body = "80 3d 00 a0 00 00 00 74 07 80 35 10 30 00 00 04 43 c3";
    // l: inc dword [FUNCTION + 800]; call FUNCTION; dec ecx; jnz l; e: jmp e
    const loop = "ff 05 00 38 00 00 e8 f5 1f 00 00 49 75 f2 eb fe";
    const benches = [translated(loop, body), interpreted(loop, body)].map((bench) => {
      bench.run((TURN + 3) * 200);
      // The first write makes the frame lose its code, the second one what told of writes.
      for (let time = 0; time < 2; time++) bench.place(body, FUNCTION);
      bench.memory.view.setUint32(DATA, 1, true);
      bench.run(10_000);
      return bench.context;
    });
    const [one, other] = benches.map((context) => [context.register(rbx), context.register(rdi)]);
    expect(one).toEqual([250, 50]);
    expect(one).toEqual(other);
  });

  it("faults when its page may not be executed any more, with exact counts", () => {
    const bench = translated(LOOP, PLAIN);
    bench.run(TURN * 200);
    bench.translator.deny(FUNCTION >> 12, ACCESS.execute);
    const { kind, retired } = bench.run(10_000);
    // The call of one more turn. Nobody handles the fault, so that the run ends with it.
    expect({ kind, retired }).toEqual({ kind: EXIT.shutdown, retired: 1 });
    expect(bench.context.instructionPointer).toBe(FUNCTION);
  });

  it("faults at the instruction of its own that may not access what it accesses", () => {
    const bench = translated(LOOP, "ff 05 00 a0 00 00 c3");
    bench.run(TURN * 200);
    bench.translator.deny(DATA >> 12, ACCESS.write);
    const { kind, retired } = bench.run(10_000);
    expect({ kind, retired }).toEqual({ kind: EXIT.shutdown, retired: 1 });
    expect(bench.context.instructionPointer).toBe(FUNCTION);
    expect(bench.context.control(2)).toBe(DATA);
  });
});
