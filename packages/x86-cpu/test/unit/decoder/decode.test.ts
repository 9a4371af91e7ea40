import { REGISTER, SEGMENT } from "@xenolith/x86-architecture";
import { describe, expect, it } from "vitest";
import { type CodeBytes, decode, type Instruction } from "../../../src/decoder/index.ts";
import { bytesOf } from "../../support/engine-bench.ts";

const read = (hex: string, code: CodeBytes = 4): Instruction => {
  const bytes = bytesOf(hex);
  return decode(bytes, 0, bytes.length, code);
};

describe("decode", () => {
  it("reads scaled addresses with their default segment", () => {
    // mov eax, [ebp + ecx*4 - 8]
    expect(read("8b 44 8d f8")).toMatchObject({
      mnemonic: "mov",
      operandBytes: 4,
      lengthBytes: 4,
      operands: [
        { kind: "register", register: REGISTER.rax, high: false, sizeBytes: 4 },
        {
          kind: "memory",
          segment: SEGMENT.ss,
          base: REGISTER.rbp,
          index: REGISTER.rcx,
          scale: 2,
          displacement: -8,
          sizeBytes: 4,
        },
      ],
    });
  });

  it("reads 16-bit addresses, and BP alone as a displacement", () => {
    expect(read("8a 40 05", 2).operands[1]).toMatchObject({
      base: REGISTER.rbx,
      index: REGISTER.rsi,
      displacement: 5,
    });
    expect(read("8a 06 34 12", 2).operands[1]).toMatchObject({ base: -1, index: -1, displacement: 0x1234 });
  });

  it("lets prefixes choose segment, operand and address size", () => {
    const instruction = read("64 66 67 a1 34 12");
    expect(instruction).toMatchObject({ operandBytes: 2, addressBytes: 2, lengthBytes: 6 });
    expect(instruction.operands[1]).toMatchObject({ segment: SEGMENT.fs, displacement: 0x1234 });
  });

  it("tells high byte registers from those of a REX prefix", () => {
    expect(read("88 e0").operands[1]).toMatchObject({ register: REGISTER.rax, high: true });
    expect(read("40 88 e0", 8).operands[1]).toMatchObject({ register: REGISTER.rsp, high: false });
    expect(read("4c 89 f8", 8)).toMatchObject({
      operandBytes: 8,
      operands: [{ register: REGISTER.rax }, { register: REGISTER.r15 }],
    });
  });

  it("counts RIP-relative addresses from the start of the instruction", () => {
    // mov eax, [rip + 0x10]: 6 bytes
    expect(read("8b 05 10 00 00 00", 8).operands[1]).toMatchObject({
      isRipRelative: true,
      displacement: 0x16,
    });
  });

  it("sign-extends immediates as the manual says", () => {
    expect(read("83 c0 ff").operands[1]).toMatchObject({ value: -1, high: -1, sizeBytes: 4 });
    expect(read("cd 80").operands[0]).toMatchObject({ value: 0x80, high: 0 });
    expect(read("48 b8 01 00 00 00 02 00 00 80", 8).operands[1]).toMatchObject({
      value: 1,
      high: 2 - 0x8000_0000,
    });
  });

  it("takes LOCK only before a memory destination that it may lock", () => {
    expect(read("f0 01 18")).toMatchObject({ mnemonic: "add", lock: true });
    expect(read("f0 01 d8").mnemonic).toBe("ud");
    expect(read("f0 03 18").mnemonic).toBe("ud");
    expect(read("f0 39 18").mnemonic).toBe("ud");
  });

  it("gives REP to string instructions only", () => {
    expect(read("f3 a4")).toMatchObject({ mnemonic: "movs", repeat: "rep", operandBytes: 1 });
    expect(read("f2 ae")).toMatchObject({ mnemonic: "scas", repeat: "repne" });
    expect(read("f3 01 c0").repeat).toBe("none");
    expect(read("f3 90").mnemonic).toBe("pause");
  });

  it("knows what 64-bit code has lost and gained", () => {
    expect(read("06", 8).mnemonic).toBe("ud");
    expect(read("63 c3", 4).mnemonic).toBe("arpl");
    expect(read("48 63 c3", 8).mnemonic).toBe("movsxd");
    expect(read("50", 8).operandBytes).toBe(8);
  });

  it("tells fences from the memory and prefixed forms of their group", () => {
    expect(["0f ae e8", "0f ae f0", "0f ae f8"].map((hex) => read(hex).mnemonic)).toEqual([
      "lfence",
      "mfence",
      "sfence",
    ]);
    expect(["0f ae 30", "66 0f ae f0", "f3 0f ae f0", "0f ae e0"].map((hex) => read(hex).mnemonic)).toEqual([
      "xsaveopt",
      "ud",
      "ud",
      "ud",
    ]);
  });

  it("tells vector instructions apart by their mandatory prefixes", () => {
    const names = ["0f 58 c1", "66 0f 58 c1", "f3 0f 58 c1", "f2 0f 58 c1", "66 f2 0f 58 c1"];
    expect(names.map((hex) => read(hex).mnemonic)).toEqual(["addps", "addpd", "addss", "addsd", "addsd"]);
    expect(read("66 0f 38 00 01")).toMatchObject({
      mnemonic: "pshufb",
      feature: "ssse3",
      operands: [
        { kind: "xmm", register: 0, high: false, sizeBytes: 16 },
        { kind: "memory", sizeBytes: 16 },
      ],
    });
    expect(read("0f 6f c1")).toMatchObject({
      mnemonic: "movq",
      feature: "mmx",
      operands: [{ kind: "mmx" }, {}],
    });
    expect(read("66 45 0f 6e d3", 8).mnemonic).toBe("movd");
    expect(read("f2 0f 38 f1 c1")).toMatchObject({ mnemonic: "crc32", operandBytes: 4, feature: "sse42" });
  });

  it("reads the VEX-coded instructions on general registers", () => {
    expect(read("c4 e2 70 f2 c2")).toMatchObject({
      mnemonic: "andn",
      feature: "bmi1",
      operands: [{ register: 0 }, { register: 1 }, { register: 2 }],
    });
    expect(read("c4 42 b3 f6 d9", 8)).toMatchObject({
      mnemonic: "mulx",
      operandBytes: 8,
      operands: [{ register: 11 }, { register: 9 }, { register: 9 }],
    });
    expect(read("c4 e2 74 f2 c2").mnemonic).toBe("ud");
    expect(read("c4 01").mnemonic).toBe("les");
  });

  it("says when an instruction goes on beyond what there is, and when it is longer than allowed", () => {
    expect(read("c7 05 00 00").mnemonic).toBe("truncated");
    expect(read("66 66 66 66 66 66 66 66 66 66 66 66 66 66 90")).toMatchObject({
      mnemonic: "nop",
      lengthBytes: 15,
    });
    expect(read("66 66 66 66 66 66 66 66 66 66 66 66 66 66 66 90").mnemonic).toBe("too-long");
  });
});
