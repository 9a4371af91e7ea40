import { EXIT } from "@xenolith/machine-interface";
import { FLAG, VECTOR } from "@xenolith/x86-architecture";
import { describe, expect, it } from "vitest";
import { STACK } from "../../support/engine-bench.ts";
import { afterOne, createWideBench, faultOf, UPPER, type WideRegister } from "../../support/wide-bench.ts";

/** Something in the upper half of a register. */
const TOP = 0x1122_3344_0000_0000n;

const result = (
  hex: string,
  name: WideRegister,
  registers: Partial<Record<WideRegister, bigint | number>>,
): string => afterOne(hex, registers).get(name).toString(16);

describe("registers of 64-bit code", () => {
  it("lose their upper half to results of 32 bits and no other, whether or not anything changes", () => {
    const registers = { rax: TOP | 0x1234_5678n, rcx: TOP };
    for (const hex of ["c1 e0 00", "d3 e0", "0f a4 c8 00", "0f 44 c1", "87 c0", "83 c0 00"]) {
      expect(result(hex, "rax", registers)).toBe("12345678");
    }
    for (const hex of ["90", "66 0f 44 c1", "66 83 c0 00", "04 00", "48 0f 44 c1", "0f b1 ca"]) {
      expect(result(hex, "rax", { ...registers, rdx: TOP | 0x1234_5678n })).toBe("1122334412345678");
    }
  });

  it("are sixteen, with their low bytes behind a REX prefix", () => {
    expect(result("41 b0 7f", "r8", { r8: TOP })).toBe("112233440000007f");
    expect(result("40 b4 7f", "rsp", { rsp: TOP })).toBe("112233440000007f");
    expect(result("b4 7f", "rax", { rax: TOP })).toBe("1122334400007f00");
    expect(result("4d 89 fe", "r14", { r15: -1 })).toBe("f".repeat(16));
    expect(result("49 8b 44 e4 08", "rax", { r12: 0x5000 })).toBe("0");
  });

  it("take immediates of 64 bits, and sign-extended ones of 32", () => {
    expect(result("49 bb 88 77 66 55 44 33 22 91", "r11", {})).toBe("9122334455667788");
    expect(result("48 c7 c0 00 00 00 80", "rax", {})).toBe("ffffffff80000000");
    expect(result("48 81 c0 ff ff ff ff", "rax", { rax: 1 })).toBe("0");
    expect(result("4d 63 c1", "r8", { r9: 0x8000_0000 })).toBe("ffffffff80000000");
  });

  it("divide 128 bits, also where the instruction lies on two pages", () => {
    const dividend = (5n << 64n) + 12345n;
    const registers = { rdx: 5, rax: 12345, rcx: 77 };
    for (const at of [0x1000, 0x1ffe]) {
      const bench = createWideBench();
      bench.set(registers);
      bench.load("48 f7 f1", at);
      expect(bench.run(1).retired).toBe(1);
      expect(bench.get("rax")).toBe(dividend / 77n);
      expect(bench.get("rdx")).toBe(dividend % 77n);
    }
    expect(faultOf("48 f7 f1", { rdx: 77, rax: 0, rcx: 77 }).vector).toBe(VECTOR.divideError);
    expect(faultOf("48 f7 f9", { rdx: -1, rax: 0, rcx: -1 }).kind).toBe(EXIT.interrupt);
    expect(result("48 f7 f9", "rax", { rdx: -1, rax: 2n ** 63n, rcx: 1 })).toBe("8000000000000000");
    expect(faultOf("48 f7 f9", { rdx: 0, rax: 2n ** 63n, rcx: 1 }).vector).toBe(VECTOR.divideError);
    expect(result("48 f7 f9", "rdx", { rdx: -2, rax: 5, rcx: 2n ** 62n })).toBe(
      BigInt.asUintN(64, -(2n ** 65n) + 5n - ((-(2n ** 65n) + 5n) / 2n ** 62n) * 2n ** 62n).toString(16),
    );
  });

  it("shift by six bits, and rotate through carry by 64", () => {
    expect(result("48 d3 e0", "rax", { rax: 1, rcx: 63 })).toBe("8000000000000000");
    expect(result("48 d3 e0", "rax", { rax: 1, rcx: 64 })).toBe("1");
    expect(result("48 d3 d0", "rax", { rax: 3, rcx: 63 })).toBe("8000000000000000");
  });
});

describe("the stack of 64-bit code", () => {
  it("takes words and quadwords", () => {
    const bench = createWideBench();
    bench.set({ rax: 0x1111_2222_3333_4444n, rsp: STACK + UPPER });
    bench.load("50 66 50 68 00 00 00 80 6a ff"); // push rax ; push ax ; push -2^31 ; push -1
    bench.run(4);
    expect(bench.quad(STACK - 8)).toBe(0x1111_2222_3333_4444n);
    expect(bench.memory.view.getUint16(STACK - 10, true)).toBe(0x4444);
    expect(bench.quad(STACK - 18)).toBe(0xffff_ffff_8000_0000n);
    expect(bench.quad(STACK - 26)).toBe(0xffff_ffff_ffff_ffffn);
    expect(BigInt.asIntN(64, bench.get("rsp"))).toBe(BigInt(STACK - 26 + UPPER));
  });

  it("is framed by ENTER and LEAVE, whatever RBP holds", () => {
    const bench = createWideBench();
    bench.set({ rbp: 0xdead_beef_dead_beefn, rsp: STACK + UPPER });
    bench.load("c8 20 00 00 c9"); // enter 32, 0 ; leave
    bench.run(1);
    expect(bench.quad(STACK - 8)).toBe(0xdead_beef_dead_beefn);
    expect(BigInt.asIntN(64, bench.get("rbp"))).toBe(BigInt(STACK - 8 + UPPER));
    expect(BigInt.asIntN(64, bench.get("rsp"))).toBe(BigInt(STACK - 40 + UPPER));
    bench.run(1);
    expect(bench.get("rbp")).toBe(0xdead_beef_dead_beefn);
    expect(BigInt.asIntN(64, bench.get("rsp"))).toBe(BigInt(STACK + UPPER));
  });

  it("gets outer frames from ENTER", () => {
    const bench = createWideBench();
    bench.setQuad(0x5000 - 8, 0xaaaan);
    bench.set({ rbp: 0x5000 });
    bench.load("c8 10 00 02");
    bench.run(1);
    expect([bench.quad(STACK - 8), bench.quad(STACK - 16), bench.quad(STACK - 24)]).toEqual([
      0x5000n,
      0xaaaan,
      BigInt(STACK - 8),
    ]);
    expect(bench.get("rsp")).toBe(BigInt(STACK - 24 - 16));
  });
});

describe("string instructions of 64-bit code", () => {
  it("move by 64-bit registers, in bulk too", () => {
    const bench = createWideBench();
    for (let i = 0; i < 9000; i++) bench.memory.bytes[0x4003 + i] = (i * 7) & 0xff;
    bench.set({ rsi: 0x4003 + UPPER, rdi: 0x8001 + 2 ** 32, rcx: 1100 });
    bench.load("f3 48 a5 f4");
    expect(bench.run(10_000)).toMatchObject({ kind: EXIT.privileged, retired: 1100 });
    expect(bench.memory.bytes.slice(0x8001, 0x8001 + 8800)).toEqual(
      bench.memory.bytes.slice(0x4003, 0x4003 + 8800),
    );
    expect(bench.get("rcx")).toBe(0n);
    expect(BigInt.asIntN(64, bench.get("rsi"))).toBe(BigInt(0x4003 + 8800 + UPPER));
    expect(bench.get("rdi")).toBe(BigInt(0x8001 + 8800 + 2 ** 32));
  });

  it("fill with quadwords of two different halves", () => {
    const bench = createWideBench();
    bench.set({ rax: 0x1122_3344_5566_7788n, rdi: 0x5004, rcx: 600 });
    bench.load("f3 48 ab");
    bench.run(600);
    for (const at of [0x5004, 0x5ffc, 0x5004 + 8 * 599]) expect(bench.quad(at)).toBe(0x1122_3344_5566_7788n);
    expect(bench.quad(0x5004 + 8 * 600)).toBe(0n);
  });

  it("count exactly beyond 2^53", () => {
    const bench = createWideBench();
    bench.set({ rdi: 0x5000, rcx: 2n ** 63n + 12_345n });
    bench.load("f3 aa");
    expect(bench.run(4000).retired).toBe(4000);
    expect(bench.get("rcx")).toBe(2n ** 63n + 12_345n - 4000n);
    expect(bench.get("rdi")).toBe(0x5000n + 4000n);
  });

  it("clear upper halves behind a 67 prefix, once an element has been moved", () => {
    const registers = { rsi: TOP | 0x4000n, rdi: TOP | 0x5000n, rcx: TOP | 5n };
    const moved = afterOne("67 a4", registers);
    expect([moved.get("rsi"), moved.get("rdi"), moved.get("rcx")]).toEqual([0x4001n, 0x5001n, TOP | 5n]);
    const repeated = createWideBench();
    repeated.set(registers);
    repeated.load("f3 67 a4");
    expect(repeated.run(5).retired).toBe(5);
    expect([repeated.get("rsi"), repeated.get("rdi"), repeated.get("rcx")]).toEqual([0x4005n, 0x5005n, 0n]);
    const none = afterOne("f3 67 a4", { ...registers, rcx: TOP });
    expect([none.get("rsi"), none.get("rdi"), none.get("rcx")]).toEqual([TOP | 0x4000n, TOP | 0x5000n, TOP]);
  });

  it("add the base of FS to the source alone", () => {
    const bench = createWideBench({ fs: 0x1000 });
    bench.setQuad(0x5000, 77n);
    bench.set({ rsi: 0x4000, rdi: 0x6000, rcx: 1 });
    bench.load("f3 64 48 a5");
    bench.run(1);
    expect(bench.quad(0x6000)).toBe(77n);
  });

  it("go down when DF is set", () => {
    const bench = createWideBench();
    bench.set({ rdi: 0x5000 + UPPER, rax: 1, rcx: 3 });
    bench.context.flags = 2 | FLAG.df;
    bench.load("f3 48 ab");
    bench.run(3);
    expect([bench.quad(0x5000), bench.quad(0x4ff8), bench.quad(0x4ff0)]).toEqual([1n, 1n, 1n]);
    expect(BigInt.asIntN(64, bench.get("rdi"))).toBe(BigInt(0x5000 - 24 + UPPER));
  });
});
