import { ACCESS, EXIT, toMfn } from "@xenolith/machine-interface";
import { REGISTER } from "@xenolith/x86-architecture";
import { describe, expect, it } from "vitest";
import { createEngineBench, type EngineBench } from "../../support/engine-bench.ts";

const { rax, rsp } = REGISTER;
const PAGE = 0x5000;

/** A bench whose faults shut it down, because it has no IDT; the registers are those at the fault. */
const faultingRun = (
  bench: EngineBench,
): { readonly kind: number; readonly retired: number; readonly cr2: number } => {
  bench.context.loadSegment(0, 0);
  const exit = bench.run(100);
  return { kind: exit.kind, retired: exit.retired, cr2: bench.context.control(2) };
};

describe("accesses that cross a page", () => {
  it("read and write both pages", () => {
    const bench = createEngineBench();
    bench.memory.view.setUint32(PAGE - 2, 0x1122_3344, true);
    // mov eax, [0x4ffe] ; add dword [0x4ffe], 1 ; mov [0x5ffd], eax ; hlt
    bench.load("a1 fe 4f 00 00 83 05 fe 4f 00 00 01 a3 fd 5f 00 00 f4");
    bench.run(10);
    expect(bench.context.register(rax)).toBe(0x1122_3344);
    expect(bench.memory.view.getUint32(PAGE - 2, true)).toBe(0x1122_3345);
    expect(bench.memory.view.getUint32(PAGE + 0xffd, true)).toBe(0x1122_3344);
  });

  it("write nothing when the second page refuses", () => {
    const bench = createEngineBench();
    bench.translator.deny(PAGE >> 12, ACCESS.write);
    bench.memory.view.setUint32(PAGE - 2, 0x1122_3344, true);
    bench.load("b8 ff ff ff ff a3 fe 4f 00 00 f4");
    expect(faultingRun(bench)).toEqual({ kind: EXIT.shutdown, retired: 1, cr2: PAGE });
    expect(bench.memory.view.getUint32(PAGE - 2, true)).toBe(0x1122_3344);
  });

  it("push nothing when the second page refuses, and leave the stack pointer", () => {
    const bench = createEngineBench();
    bench.translator.deny(PAGE >> 12, ACCESS.write);
    bench.context.setRegister(rsp, PAGE + 2);
    bench.load("50 f4");
    expect(faultingRun(bench).kind).toBe(EXIT.shutdown);
    expect(bench.context.register(rsp)).toBe(PAGE + 2);
  });

  it("announce stores to watched frames after the fact", () => {
    const bench = createEngineBench();
    const seen: number[] = [];
    bench.memory.watch(toMfn(5), 4);
    bench.memory.onWrite(4, (frame, offset, lengthBytes) => {
      seen.push(frame, offset, lengthBytes, bench.memory.view.getUint8(PAGE + offset));
    });
    // mov dword [0x4ffe], 0x44332211 ; mov byte [0x5010], 7
    bench.load("c7 05 fe 4f 00 00 11 22 33 44 c6 05 10 50 00 00 07 f4");
    bench.run(10);
    expect(seen).toEqual([5, 0, 2, 0x33, 5, 0x10, 1, 7]);
  });
});

describe("instructions that cross a page", () => {
  it("run, again and again", () => {
    const bench = createEngineBench();
    // add eax, 0x01010101 at 0x4ffd ; jmp back
    bench.place("05 01 01", PAGE - 3);
    bench.place("01 01 eb f9", PAGE);
    bench.context.instructionPointer = PAGE - 3;
    bench.run(20);
    expect(bench.context.register(rax)).toBe(0x0a0a_0a0a);
  });

  it("are decoded anew when either page changes", () => {
    const bench = createEngineBench();
    bench.place("05 01 00", PAGE - 3);
    bench.place("00 00 eb f9", PAGE);
    bench.context.instructionPointer = PAGE - 3;
    bench.run(4);
    bench.place("01", PAGE + 1);
    bench.run(2);
    bench.place("02", PAGE - 2);
    bench.run(2);
    expect(bench.context.register(rax)).toBe(1 + 1 + 0x0100_0001 + 0x0100_0002);
  });

  it("fault at the second page when it may not be executed", () => {
    const bench = createEngineBench();
    bench.place("05 01 00", PAGE - 3);
    bench.place("00 00 eb f9", PAGE);
    bench.translator.deny(PAGE >> 12, ACCESS.execute);
    bench.context.instructionPointer = PAGE - 3;
    expect(faultingRun(bench)).toEqual({ kind: EXIT.shutdown, retired: 0, cr2: PAGE });
  });

  it("fault when execution is forbidden after they were decoded", () => {
    const bench = createEngineBench();
    bench.place("05 01 00", PAGE - 3);
    bench.place("00 00 eb f9", PAGE);
    bench.context.instructionPointer = PAGE - 3;
    bench.run(4);
    bench.translator.deny(PAGE >> 12, ACCESS.execute);
    expect(faultingRun(bench)).toMatchObject({ kind: EXIT.shutdown, retired: 0, cr2: PAGE });
  });
});

describe("execution", () => {
  it("is checked again when a page is entered after its mapping changed", () => {
    const bench = createEngineBench();
    // l: call 0x5000 ; jmp l ; 0x5000: ret
    bench.load("e8 fb 3f 00 00 eb f9");
    bench.place("c3", PAGE);
    bench.run(30);
    bench.translator.deny(PAGE >> 12, ACCESS.execute);
    expect(faultingRun(bench)).toMatchObject({ kind: EXIT.shutdown, cr2: PAGE });
  });
});
