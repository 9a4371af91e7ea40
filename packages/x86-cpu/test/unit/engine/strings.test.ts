import { ACCESS, EXIT } from "@xenolith/machine-interface";
import { FLAG, REGISTER, SEGMENT } from "@xenolith/x86-architecture";
import { describe, expect, it } from "vitest";
import { CODE, createEngineBench, type EngineBench, FLAT_DATA } from "../../support/engine-bench.ts";

const { rax, rcx, rsi, rdi } = REGISTER;

const set = (bench: EngineBench, count: number, source: number, destination: number): void => {
  bench.context.setRegister(rcx, count);
  bench.context.setRegister(rsi, source);
  bench.context.setRegister(rdi, destination);
};

const pattern = (bench: EngineBench, at: number, length: number): void => {
  for (let i = 0; i < length; i++) bench.memory.bytes[at + i] = (i * 7 + 3) & 0xff;
};

describe("repeated moves", () => {
  it("copy across pages, aligned or not", () => {
    for (const [source, destination] of [
      [0x4000, 0x8000],
      [0x4003, 0x8ffe],
      [0x4ffd, 0x8002],
    ] as const) {
      const bench = createEngineBench();
      pattern(bench, source, 9000);
      set(bench, 2250, source, destination);
      bench.load("f3 a5 f4");
      expect(bench.run(10_000)).toMatchObject({ kind: EXIT.halt, retired: 2251 });
      expect(bench.memory.bytes.slice(destination, destination + 9000)).toEqual(
        bench.memory.bytes.slice(source, source + 9000),
      );
      expect(bench.context.register(rsi)).toBe(source + 9000);
      expect(bench.context.register(rdi)).toBe(destination + 9000);
    }
  });

  it("feed on what they have written when the areas overlap upwards", () => {
    const bench = createEngineBench();
    bench.memory.bytes[0x4000] = 0x5a;
    set(bench, 500, 0x4000, 0x4001);
    bench.load("f3 a4 f4");
    bench.run(1000);
    expect(bench.memory.bytes.slice(0x4000, 0x4000 + 501).every((byte) => byte === 0x5a)).toBe(true);
  });

  it("go downwards when DF is set", () => {
    const bench = createEngineBench();
    pattern(bench, 0x4000, 100);
    set(bench, 100, 0x4063, 0x4083);
    bench.context.flags = FLAG.df | FLAG.fixed;
    bench.load("f3 a4 f4");
    const before = bench.memory.bytes.slice(0x4000, 0x4064);
    bench.run(1000);
    expect(bench.memory.bytes.slice(0x4020, 0x4084)).toEqual(before);
    expect(bench.context.register(rdi)).toBe(0x401f);
  });

  it("stop at the element that faults, with all before it done", () => {
    const bench = createEngineBench();
    bench.translator.deny(9, ACCESS.write);
    set(bench, 0x900, 0x2000, 0x8000);
    bench.context.setRegister(rax, 0x1234_5678);
    bench.load("f3 ab f4");
    const exit = bench.run(10_000);
    expect(exit).toMatchObject({ kind: EXIT.shutdown, retired: 0x400 });
    expect(bench.context.register(rdi)).toBe(0x9000);
    expect(bench.context.register(rcx)).toBe(0x500);
    expect(bench.context.control(2)).toBe(0x9000);
  });

  it("change code that lies before them, themselves included", () => {
    const bench = createEngineBench();
    // rep stosb over its own second byte onwards: the bytes become HLT
    set(bench, 16, 0, CODE + 1);
    bench.context.setRegister(rax, 0xf4);
    bench.load("f3 aa 40 40 40 40 40 40 40 40 40 40 40 40 40 40 40 40 40 40");
    const exit = bench.run(100);
    expect(exit.kind).toBe(EXIT.halt);
    expect(bench.context.register(rax)).toBe(0xf4);
  });
});

describe("comparing and scanning", () => {
  it("stop where the prefix says, with the flags of the last comparison", () => {
    const bench = createEngineBench();
    pattern(bench, 0x4000, 50);
    pattern(bench, 0x5000, 50);
    bench.memory.bytes[0x5000 + 30] = 0;
    set(bench, 50, 0x4000, 0x5000);
    bench.load("f3 a6 f4");
    expect(bench.run(100).retired).toBe(32);
    expect(bench.context.register(rcx)).toBe(19);
    expect(bench.context.flags & FLAG.zf).toBe(0);
  });

  it("find a byte as REPNE SCASB does in strlen", () => {
    const bench = createEngineBench();
    bench.memory.bytes.fill(0x41, 0x4000, 0x4010);
    set(bench, 0xffff_ffff, 0, 0x4000);
    bench.load("31 c0 f2 ae f4");
    bench.run(100);
    expect(bench.context.register(rdi)).toBe(0x4011);
    expect(bench.context.flags & FLAG.zf).toBe(FLAG.zf);
  });
});

describe("address size and segments of string instructions", () => {
  it("wrap index registers at 16 bits and keep their upper halves", () => {
    const bench = createEngineBench();
    bench.memory.bytes[0xffff] = 0x77;
    set(bench, 0xabcd_0001, 0x1234_ffff, 0x5678_4000);
    bench.load("67 f3 a4 f4");
    bench.run(10);
    expect(bench.memory.bytes[0x4000]).toBe(0x77);
    expect(bench.context.register(rsi)).toBe(0x1234_0000);
    expect(bench.context.register(rdi)).toBe(0x5678_4001);
    expect(bench.context.register(rcx)).toBe(0xabcd_0000);
  });

  it("add segment bases, and check limits only when there is an iteration", () => {
    const bench = createEngineBench();
    bench.context.setSegment(SEGMENT.fs, { ...FLAT_DATA, base: 0x3000, limit: 0xff });
    bench.memory.bytes[0x3010] = 0x66;
    set(bench, 1, 0x10, 0x4000);
    bench.load("64 f3 a4 f4");
    expect(bench.run(1)).toMatchObject({ kind: EXIT.budget, retired: 1 });
    expect(bench.memory.bytes[0x4000]).toBe(0x66);
    set(bench, 0, 0x1000, 0x4000);
    bench.context.instructionPointer = CODE;
    expect(bench.run(1)).toMatchObject({ kind: EXIT.budget, retired: 1 });
    set(bench, 1, 0x1000, 0x4000);
    bench.context.instructionPointer = CODE;
    expect(bench.run(1).kind).toBe(EXIT.shutdown);
  });
});
