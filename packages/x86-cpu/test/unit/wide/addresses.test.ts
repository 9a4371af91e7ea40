import { EXIT } from "@xenolith/machine-interface";
import { SEGMENT, VECTOR } from "@xenolith/x86-architecture";
import { describe, expect, it } from "vitest";
import { CODE, STACK } from "../../support/engine-bench.ts";
import { ABOVE, afterOne, createWideBench, faultOf, UPPER } from "../../support/wide-bench.ts";

const HOLE = 0x9000_0000_0000n;
const LAST_LOWER = 0x7fff_ffff_ffffn;
const TOP = 0xffff_ffff_0000_0000n;

describe("addresses of 64-bit code", () => {
  it("reach all of the canonical space", () => {
    for (const mirror of [0, UPPER, ABOVE]) {
      const bench = createWideBench();
      bench.setQuad(0x5008, 0x1122_3344_5566_7788n);
      bench.set({ rbx: 0x5000 + mirror });
      bench.load("48 8b 43 08", CODE, mirror); // mov rax, [rbx+8]
      expect(bench.run(1).retired).toBe(1);
      expect(bench.get("rax")).toBe(0x1122_3344_5566_7788n);
    }
  });

  it("wrap at 2^64", () => {
    const bench = afterOne("89 4c 03 10", { rbx: -0x10, rax: 0x5000, rcx: 7 }); // mov [rbx+rax+16], ecx
    expect(bench.memory.view.getUint32(0x5000, true)).toBe(7);
  });

  it("count from the next instruction where they are relative to RIP", () => {
    for (const mirror of [0, UPPER, ABOVE]) {
      const bench = createWideBench();
      bench.load("48 8d 05 10 00 00 00", CODE, mirror); // lea rax, [rip+16]
      bench.run(1);
      expect(BigInt.asIntN(64, bench.get("rax"))).toBe(BigInt(CODE + 7 + 16 + mirror));
    }
  });

  it("count only the low 32 bits behind a 67 prefix", () => {
    expect(afterOne("67 48 8d 04 0b", { rbx: TOP | 5n, rcx: TOP | 0xffff_fffen }).get("rax")).toBe(3n);
    const bench = createWideBench();
    bench.load("67 48 8d 05 10 00 00 00", CODE, UPPER); // lea rax, [eip+16]
    bench.run(1);
    expect(bench.get("rax")).toBe(BigInt((CODE + 8 + 16 + UPPER) >>> 0));
  });

  it("have 64 bits in MOV between the accumulator and an absolute address", () => {
    const bench = createWideBench();
    bench.setQuad(0x5000, 0x99aa_bbcc_ddee_ff00n);
    bench.load("48 a1 00 50 00 80 ff ff ff ff"); // mov rax, [0xffffffff80005000]
    bench.run(1);
    expect(bench.get("rax")).toBe(0x99aa_bbcc_ddee_ff00n);
  });

  it("have the base of FS and GS, and no other", () => {
    const bases = { fs: UPPER + 0x5000, gs: 0x6000 };
    const load = (prefix: string): bigint => {
      const bench = createWideBench(bases);
      for (const at of [0x10, 0x5010, 0x6010]) bench.setQuad(at, BigInt(at));
      bench.set({ rbx: 0x10 });
      bench.load(`${prefix} 48 8b 03`); // mov rax, [rbx]
      expect(bench.run(1).retired).toBe(1);
      return bench.get("rax");
    };
    expect(load("64")).toBe(0x5010n);
    expect(load("65")).toBe(0x6010n);
    for (const ignored of ["26", "2e", "36", "3e"]) expect(load(ignored)).toBe(0x10n);
    expect(load("64 2e")).toBe(0x5010n);
  });

  it("have no base of DS, ES and SS, whatever these hold", () => {
    for (const hex of ["a5", "67 a5", "f3 67 a5", "f3 a5"]) {
      const bench = createWideBench();
      for (const index of [SEGMENT.ds, SEGMENT.es, SEGMENT.ss]) {
        bench.context.setSegment(index, { ...bench.context.segment(index), base: 0x800 });
      }
      bench.setQuad(0x5000, 0x1234n);
      bench.set({ rsi: 0x5000, rdi: 0x6000, rcx: 1 });
      bench.load(`50 ${hex} 67 8b 0c 24`); // push rax ; the move ; mov ecx, [esp]
      expect(bench.run(3).retired).toBe(3);
      expect(bench.quad(0x6000)).toBe(0x1234n);
      expect(bench.get("rcx")).toBe(bench.get("rax"));
    }
  });

  it("add such a base behind the truncation by a 67 prefix, and none for LEA", () => {
    const bench = createWideBench({ fs: UPPER });
    bench.setQuad(0x5000, 42n);
    bench.set({ rbx: TOP | 0x5000n });
    bench.load("64 67 48 8b 03");
    bench.run(1);
    expect(bench.get("rax")).toBe(42n);
    expect(afterOne("64 48 8d 03", { rbx: 9 }, { fs: 0x100 }).get("rax")).toBe(9n);
  });

  it("move a bit string by its signed bit number", () => {
    const bench = createWideBench();
    bench.setQuad(0x5000, 1n << 63n);
    bench.set({ rbx: 0x5008, rcx: -1 });
    bench.load("48 0f a3 0b"); // bt [rbx], rcx
    bench.run(1);
    expect(bench.context.flags & 1).toBe(1);
  });
});

describe("what is not canonical", () => {
  it("faults with #GP(0), through RSP and RBP with #SS(0)", () => {
    const fault = (hex: string, registers: Parameters<typeof faultOf>[1]): string => {
      const { kind, vector, errorCode, retired } = faultOf(hex, registers);
      expect({ kind, errorCode, retired }).toEqual({ kind: EXIT.interrupt, errorCode: 0, retired: 0 });
      return vector === VECTOR.stackFault ? "SS" : vector === VECTOR.generalProtection ? "GP" : `${vector}`;
    };
    expect(fault("48 8b 08", { rax: HOLE })).toBe("GP");
    expect(fault("48 89 08", { rax: -HOLE })).toBe("GP");
    expect(fault("48 8b 4d 00", { rbp: HOLE })).toBe("SS");
    expect(fault("64 48 8b 4d 00", { rbp: HOLE })).toBe("GP");
    expect(fault("48 8b 0c 24", { rsp: HOLE })).toBe("SS");
    expect(fault("50", { rsp: HOLE })).toBe("SS");
    expect(fault("58", { rsp: HOLE })).toBe("SS");
    expect(fault("c3", { rsp: HOLE })).toBe("SS");
    expect(fault("c9", { rbp: HOLE })).toBe("SS");
    expect(fault("c8 10 00 00", { rsp: HOLE })).toBe("SS");
    expect(fault("9c", { rsp: HOLE })).toBe("SS");
    expect(fault("ff 30", { rax: HOLE })).toBe("GP");
    expect(fault("8f 00", { rax: HOLE })).toBe("GP");
    expect(fault("d7", { rbx: HOLE })).toBe("GP");
    expect(fault("48 f7 30", { rax: HOLE, rdx: 1 })).toBe("GP");
    expect(fault("48 a1 00 00 00 00 00 90 00 00", {})).toBe("GP");
    expect(fault("48 0f a3 08", { rax: 0x5000, rcx: 2n ** 62n })).toBe("GP");
    expect(fault("f3 a4", { rsi: HOLE, rdi: 0x5000, rcx: 100 })).toBe("GP");
    expect(fault("f3 48 ab", { rdi: HOLE, rcx: 2n ** 63n })).toBe("GP");
  });

  it("comes before the page fault of an access that begins in the lower half and ends beyond it", () => {
    expect(faultOf("48 8b 08", { rax: LAST_LOWER - 3n }).vector).toBe(VECTOR.generalProtection);
    expect(faultOf("48 8b 4d 00", { rbp: LAST_LOWER - 3n }).vector).toBe(VECTOR.stackFault);
    expect(faultOf("48 8b 08", { rax: LAST_LOWER - 7n })).toMatchObject({
      vector: VECTOR.pageFault,
      address: 2 ** 47 - 8,
    });
  });

  it("goes on from the end of the upper half at 0", () => {
    const exit = faultOf("48 89 08", { rax: -4 });
    expect(exit).toMatchObject({ vector: VECTOR.pageFault, address: -4 });
  });

  it("does not matter to instructions that make no access", () => {
    afterOne("0f 1f 00", { rax: HOLE });
    afterOne("48 8d 08", { rax: HOLE });
    afterOne("f3 48 a5", { rsi: HOLE, rdi: HOLE, rcx: 0 });
    afterOne("f3 64 48 a5", { rsi: HOLE, rdi: HOLE, rcx: 0 });
  });
});

describe("branches of 64-bit code", () => {
  it("fault where they are when their target is not canonical, and leave the stack alone", () => {
    for (const [hex, pushed] of [
      ["ff e0", false],
      ["ff d0", false],
      ["c3", true],
      ["c2 10 00", true],
      ["ff 23", false],
      ["ff 13", false],
    ] as const) {
      const bench = createWideBench();
      bench.set({ rax: HOLE, rbx: 0x5000 });
      bench.setQuad(pushed ? STACK : 0x5000, HOLE);
      bench.load(hex);
      expect(bench.run(1)).toMatchObject({ kind: EXIT.interrupt, vector: VECTOR.generalProtection });
      expect(bench.context.instructionPointer).toBe(CODE);
      expect(bench.get("rsp")).toBe(BigInt(STACK));
    }
  });

  it("go to canonical targets that are not mapped, and fault there", () => {
    const bench = createWideBench();
    bench.set({ rax: LAST_LOWER - 0xfffn });
    bench.load("ff e0");
    expect(bench.run(5)).toMatchObject({ retired: 1, vector: VECTOR.pageFault, address: 2 ** 47 - 0x1000 });
  });

  it("keep 64-bit operands behind a 66 prefix", () => {
    const bench = createWideBench();
    bench.load("66 e8 10 00 00 00");
    bench.run(1);
    expect(bench.context.instructionPointer).toBe(CODE + 6 + 16);
    expect(bench.quad(STACK - 8)).toBe(BigInt(CODE + 6));
    bench.load("66 c3", bench.context.instructionPointer);
    bench.run(1);
    expect(bench.context.instructionPointer).toBe(CODE + 6);
  });

  it("go backwards and forwards in the upper half", () => {
    const bench = createWideBench();
    // l: inc eax ; cmp eax, 5 ; jne l ; call f ; hlt ; f: ret
    bench.load("ff c0 83 f8 05 75 f9 e8 01 00 00 00 f4 c3", CODE, UPPER);
    expect(bench.run(100)).toMatchObject({ kind: EXIT.privileged, retired: 17 });
    expect(bench.context.instructionPointer).toBe(UPPER + CODE + 12);
  });

  it("cross from one page into the next in the upper half", () => {
    const bench = createWideBench();
    bench.load("48 c7 c0 01 00 00 00 f4", 0x1ffd, UPPER);
    expect(bench.run(10)).toMatchObject({ kind: EXIT.privileged, retired: 1 });
    expect(bench.get("rax")).toBe(1n);
  });

  it("tell apart one frame at addresses with equal low halves", () => {
    const bench = createWideBench();
    const code = "48 8d 05 00 00 00 00 f4"; // lea rax, [rip] ; hlt
    for (const mirror of [0, ABOVE, 0, ABOVE]) {
      bench.load(code, CODE, mirror);
      bench.run(10);
      expect(bench.get("rax")).toBe(BigInt(CODE + 7 + mirror));
      // Without a change of the code, so that it is found again.
      bench.context.instructionPointer = CODE + ABOVE - mirror;
      bench.run(10);
      expect(bench.get("rax")).toBe(BigInt(CODE + 7 + ABOVE - mirror));
    }
  });

  it("count with ECX behind a 67 prefix", () => {
    const taken = afterOne("67 e2 10", { rcx: TOP });
    expect(taken.get("rcx")).toBe(0xffff_ffffn);
    expect(taken.context.instructionPointer).toBe(CODE + 3 + 16);
    const last = afterOne("67 e2 10", { rcx: TOP | 1n });
    expect(last.get("rcx")).toBe(0n);
    expect(last.context.instructionPointer).toBe(CODE + 3);
    expect(afterOne("67 e3 10", { rcx: TOP }).context.instructionPointer).toBe(CODE + 3 + 16);
    expect(afterOne("e3 10", { rcx: TOP }).context.instructionPointer).toBe(CODE + 2);
  });
});
