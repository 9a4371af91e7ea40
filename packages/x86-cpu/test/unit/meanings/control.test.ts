import { EXIT } from "@xenolith/machine-interface";
import { describe, expect, it } from "vitest";
import { CODE } from "../../support/engine-bench.ts";
import { after } from "../../support/one-instruction.ts";

describe("jumps", () => {
  it("wrap their target at 16 bits with an operand-size prefix", () => {
    expect(after({ code: "66 e9 fc ef" }).context.instructionPointer).toBe(0);
  });

  it("through registers and memory take the operand's size", () => {
    expect(after({ code: "ff e0", registers: { eax: 0x2000 } }).context.instructionPointer).toBe(0x2000);
    expect(after({ code: "66 ff e0", registers: { eax: 0x1234_2000 } }).context.instructionPointer).toBe(
      0x2000,
    );
    expect(after({ code: "ff 25 00 30 00 00", words: { 12288: 0x2222 } }).context.instructionPointer).toBe(
      0x2222,
    );
  });

  it("LOOP counts ECX, or CX with an address-size prefix", () => {
    expect(after({ code: "e2 10", registers: { ecx: 1 } }).context.instructionPointer).toBe(CODE + 2);
    expect(after({ code: "e2 10", registers: { ecx: 0 } }).context.instructionPointer).toBe(CODE + 0x12);
    const short = after({ code: "67 e2 10", registers: { ecx: 0x5_0001 } });
    expect([short.context.instructionPointer, short.register("ecx")]).toEqual([CODE + 3, 0x5_0000]);
  });

  it("JECXZ looks at the counter without changing it", () => {
    expect(after({ code: "e3 10", registers: { ecx: 0 } }).context.instructionPointer).toBe(CODE + 0x12);
    expect(after({ code: "67 e3 10", registers: { ecx: 0x1_0000 } }).context.instructionPointer).toBe(
      CODE + 0x13,
    );
  });

  it("BOUND lets an index between its limits pass", () => {
    const words = { 8192: 0xffff_fffe, 8196: 5 };
    const bound = "62 05 00 20 00 00";
    expect(after({ code: bound, registers: { eax: -2 }, words }).context.instructionPointer).toBe(CODE + 6);
    const outside = after({ code: bound, registers: { eax: 6 }, words, count: 0 });
    expect(outside.bench.run(1).kind).toBe(EXIT.shutdown);
  });
});

describe("bits", () => {
  it("in a register count modulo its size, in memory as far as they go", () => {
    const before = { registers: { eax: 0, ecx: 35 } };
    expect(after({ ...before, code: "0f ab c8" }).register("eax")).toBe(8);
    expect(after({ ...before, code: "0f ab 0d 00 20 00 00" }).word(0x2004)).toBe(8);
    expect(after({ code: "0f ba 2d 00 20 00 00 23" }).word(0x2000)).toBe(8);
  });

  it("are found from either end, and not at all in zero", () => {
    const registers = { eax: 99, ecx: 0x0010_0400 };
    expect(after({ code: "0f bc c1", registers }).register("eax")).toBe(10);
    expect(after({ code: "0f bd c1", registers }).register("eax")).toBe(20);
    const none = after({ code: "0f bc c1", registers: { eax: 99, ecx: 0 } });
    expect([none.register("eax"), none.context.flags & 0x40]).toEqual([99, 0x40]);
  });
});

describe("decimal adjustment", () => {
  it("makes binary sums and differences decimal", () => {
    // 0x38 + 0x45 = 0x7d -> 83 ; 0x45 - 0x38 = 0x0d -> 07
    expect(after({ code: "04 45 27", registers: { eax: 0x38 }, count: 2 }).register("eax")).toBe(0x83);
    expect(after({ code: "2c 38 2f", registers: { eax: 0x45 }, count: 2 }).register("eax")).toBe(0x07);
    expect(after({ code: "04 09 37", registers: { eax: 0x08 }, count: 2 }).register("eax")).toBe(0x107);
  });

  it("splits and joins digits in any base but zero", () => {
    expect(after({ code: "d4 0a", registers: { eax: 79 } }).register("eax")).toBe(0x709);
    expect(after({ code: "d5 0a", registers: { eax: 0x709 } }).register("eax")).toBe(79);
    const byZero = after({ code: "d4 00", count: 0 });
    expect(byZero.bench.run(1).kind).toBe(EXIT.shutdown);
  });
});
