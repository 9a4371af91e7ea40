import { describe, expect, it } from "vitest";
import { CODE, STACK } from "../../support/engine-bench.ts";
import { after } from "../../support/one-instruction.ts";

describe("the stack", () => {
  it("PUSH ESP pushes the value from before", () => {
    const result = after({ code: "54" });
    expect(result.register("esp")).toBe(STACK - 4);
    expect(result.word(STACK - 4)).toBe(STACK);
  });

  it("POP ESP loads what was on the stack", () => {
    expect(after({ code: "5c", words: { [STACK]: 0x4444 } }).register("esp")).toBe(0x4444);
  });

  it("POP to memory addresses with the stack pointer already moved", () => {
    const result = after({ code: "8f 44 24 08", words: { [STACK]: 0x77 } });
    expect(result.word(STACK + 12)).toBe(0x77);
    expect(result.register("esp")).toBe(STACK + 4);
  });

  it("16-bit pushes move the pointer by two", () => {
    const result = after({ code: "66 68 34 12" });
    expect(result.register("esp")).toBe(STACK - 2);
    expect(result.word(STACK - 2) & 0xffff).toBe(0x1234);
  });

  it("PUSHA and POPA are each other's inverse, but for ESP", () => {
    const registers = { eax: 1, ecx: 2, edx: 3, ebx: 4, ebp: 6, esi: 7, edi: 8 };
    const pushed = after({ code: "60", registers });
    expect([...Array(8).keys()].map((i) => pushed.word(STACK - 4 * (i + 1)))).toEqual([
      1,
      2,
      3,
      4,
      STACK,
      6,
      7,
      8,
    ]);
    const back = after({ code: "60 31 c0 31 db 31 ff 61", registers, count: 5 });
    for (const [name, value] of Object.entries(registers)) {
      expect(back.register(name as keyof typeof registers)).toBe(value);
    }
    expect(back.register("esp")).toBe(STACK);
  });

  it("ENTER with levels copies the outer frames, and LEAVE undoes it", () => {
    // enter 16, 3
    const result = after({
      code: "c8 10 00 03",
      registers: { ebp: 0x8000 },
      words: { [0x7ffc]: 0xaaaa, [0x7ff8]: 0xbbbb },
    });
    const frame = STACK - 4;
    expect(result.register("ebp")).toBe(frame);
    expect([0, 4, 8, 12].map((down) => result.word(frame - down))).toEqual([0x8000, 0xaaaa, 0xbbbb, frame]);
    expect(result.register("esp")).toBe(frame - 12 - 16);
    const left = after({ code: "c8 10 00 00 c9", registers: { ebp: 0x8000 }, count: 2 });
    expect([left.register("esp"), left.register("ebp")]).toEqual([STACK, 0x8000]);
  });

  it("CALL and RET go there and back, RET n releases arguments", () => {
    const result = after({ code: "e8 03 00 00 00 90 90 90 c2 08 00" });
    expect(result.context.instructionPointer).toBe(CODE + 8);
    expect(result.word(STACK - 4)).toBe(CODE + 5);
    result.bench.run(1);
    expect(result.context.instructionPointer).toBe(CODE + 5);
    expect(result.register("esp")).toBe(STACK + 8);
  });
});
