import { FLAG } from "@xenolith/x86-architecture";
import { describe, expect, it } from "vitest";
import { after } from "../../support/one-instruction.ts";

describe("moves", () => {
  it("to part of a register keep the rest", () => {
    const registers = { eax: 0x1122_3344, ecx: 0xaabb_ccdd };
    expect(after({ code: "88 c8", registers }).register("eax")).toBe(0x1122_33dd);
    expect(after({ code: "88 cc", registers }).register("eax")).toBe(0x1122_dd44);
    expect(after({ code: "66 89 c8", registers }).register("eax")).toBe(0x1122_ccdd);
    expect(after({ code: "88 ec", registers }).register("eax")).toBe(0x1122_cc44);
  });

  it("extend with zeros or with the sign", () => {
    const registers = { ecx: 0x0000_80f0 };
    expect(after({ code: "0f b6 c1", registers }).register("eax")).toBe(0xf0);
    expect(after({ code: "0f be c1", registers }).register("eax")).toBe(0xffff_fff0);
    expect(after({ code: "0f bf c1", registers }).register("eax")).toBe(0xffff_80f0);
    expect(after({ code: "0f be c5", registers }).register("eax")).toBe(0xffff_ff80);
  });

  it("LEA computes without touching memory, and wraps at the address size", () => {
    const registers = { ebx: 0xffff_fff0, esi: 0x8 };
    expect(after({ code: "8d 44 b3 10", registers }).register("eax")).toBe(0x20);
    expect(after({ code: "67 8d 40 10", registers }).register("eax")).toBe(0x8);
  });

  it("XCHG, XADD and CMPXCHG exchange as they say", () => {
    const registers = { eax: 5, ecx: 7 };
    const exchanged = after({ code: "91", registers });
    expect([exchanged.register("eax"), exchanged.register("ecx")]).toEqual([7, 5]);
    const added = after({ code: "0f c1 c8", registers });
    expect([added.register("eax"), added.register("ecx")]).toEqual([12, 5]);
    const words = { 8192: 5 };
    const same = after({ code: "0f b1 0d 00 20 00 00", registers, words });
    expect([same.word(0x2000), same.context.flags & FLAG.zf]).toEqual([7, FLAG.zf]);
    const other = after({ code: "0f b1 0d 00 20 00 00", registers, words: { 8192: 6 } });
    expect([other.word(0x2000), other.register("eax"), other.context.flags & FLAG.zf]).toEqual([6, 6, 0]);
  });

  it("CMPXCHG8B compares eight bytes and changes ZF only", () => {
    const before = { registers: { eax: 1, edx: 2, ebx: 3, ecx: 4 }, flags: FLAG.fixed | FLAG.cf | FLAG.sf };
    const same = after({ ...before, code: "0f c7 0d 00 20 00 00", words: { 8192: 1, 8196: 2 } });
    expect([same.word(0x2000), same.word(0x2004)]).toEqual([3, 4]);
    expect(same.context.flags).toBe(FLAG.fixed | FLAG.cf | FLAG.sf | FLAG.zf);
    const other = after({ ...before, code: "0f c7 0d 00 20 00 00", words: { 8192: 1, 8196: 9 } });
    expect([other.register("eax"), other.register("edx"), other.word(0x2004)]).toEqual([1, 9, 9]);
    expect(other.context.flags).toBe(FLAG.fixed | FLAG.cf | FLAG.sf);
  });

  it("BSWAP, CBW, CWD and their wider kin", () => {
    const registers = { eax: 0x8012_80f0 };
    expect(after({ code: "0f c8", registers }).register("eax")).toBe(0xf080_1280);
    expect(after({ code: "66 98", registers }).register("eax")).toBe(0x8012_fff0);
    expect(after({ code: "98", registers }).register("eax")).toBe(0xffff_80f0);
    expect(after({ code: "99", registers }).register("edx")).toBe(0xffff_ffff);
    expect(after({ code: "66 99", registers: { ...registers, edx: 0x5555_0000 } }).register("edx")).toBe(
      0x5555_ffff,
    );
  });

  it("CMOV reads its source even when it does not move", () => {
    const result = after({ code: "0f 44 05 00 00 00 70", flags: FLAG.fixed });
    expect(result.context.control(2)).toBe(0x7000_0000);
  });

  it("LAHF and SAHF carry five flags", () => {
    const all = FLAG.cf | FLAG.pf | FLAG.af | FLAG.zf | FLAG.sf;
    expect(after({ code: "9f", flags: all | FLAG.fixed }).register("eax")).toBe((all | FLAG.fixed) << 8);
    const stored = after({ code: "9e", registers: { eax: 0xff00 }, flags: FLAG.fixed | FLAG.of });
    expect(stored.context.flags).toBe(all | FLAG.of | FLAG.fixed);
  });

  it("XLAT looks a byte up", () => {
    expect(
      after({ code: "d7", registers: { ebx: 0x2000, eax: 3 }, words: { 8192: 0x4433_2211 } }).register("eax"),
    ).toBe(0x44);
  });
});
