import { FLAG, REGISTER, SEGMENT, SYSTEM_TYPE, VECTOR } from "@xenolith/x86-architecture";
import { describe, expect, it } from "vitest";
import { OUTCOME } from "../../../src/engine/system-operations.ts";
import { raiseException, raiseInterrupt } from "../../../src/system/exception-delivery.ts";
import { GP, UD } from "../../support/faults.ts";
import { createSystemBench, KIND, PLACE, SELECTOR, type SystemBench } from "../../support/system-bench.ts";

const { interruptGate, interruptGate16 } = SYSTEM_TYPE;
const DATA = [SEGMENT.es, SEGMENT.ds, SEGMENT.fs, SEGMENT.gs] as const;
const IOPL_3 = FLAG.iopl;

/** Returns from ring 0 to virtual-8086 mode at 0x200:0x10 with its stack at 0x300:0x800 and other segments from 0x400 on. */
const enter = (flags = 0): SystemBench => {
  const bench = createSystemBench();
  const frame = [0x10, 0x200, FLAG.vm | flags, 0x800, 0x300, 0x400, 0x500, 0x600, 0x700];
  for (const [i, value] of frame.entries()) bench.view.setUint32(PLACE.stack + 4 * i, value, true);
  expect(bench.run("cf")).toBe(OUTCOME.jumped);
  return bench;
};

describe("virtual-8086 mode", () => {
  it("is entered by IRET with VM, which loads paragraphs and all flags", () => {
    const bench = enter(FLAG.if | IOPL_3 | FLAG.cf);
    const { state } = bench;
    expect([state.isVirtual8086, state.privilege, state.instructionPointer]).toEqual([true, 3, 0x10]);
    expect(state.flags).toBe(FLAG.vm | FLAG.if | IOPL_3 | FLAG.cf | FLAG.fixed);
    const paragraph = { limit: 0xffff, attributes: 0xf3 };
    expect(state.segment(SEGMENT.cs)).toEqual({ selector: 0x200, base: 0x2000, ...paragraph });
    expect(state.segment(SEGMENT.ss)).toEqual({ selector: 0x300, base: 0x3000, ...paragraph });
    expect(DATA.map((index) => state.selector(index))).toEqual([0x400, 0x500, 0x600, 0x700]);
    expect(state.register(REGISTER.rsp)).toBe(0x800);
  });

  it("cannot be entered outside ring 0, nor beyond 64 KiB", () => {
    const outer = createSystemBench();
    outer.enter(1);
    for (const [i, value] of [0, SELECTOR.code[1], FLAG.vm].entries()) {
      outer.view.setUint32(PLACE.stack + 4 * i, value, true);
    }
    expect(outer.run("cf")).toBe(OUTCOME.jumped);
    expect(outer.state.isVirtual8086).toBe(false);
    const far = createSystemBench();
    for (const [i, value] of [0x1_0000, 0, FLAG.vm].entries()) {
      far.view.setUint32(PLACE.stack + 4 * i, value, true);
    }
    expect(far.run("cf")).toBe(GP(0));
  });

  it("is left by exceptions and interrupts, which push and drop its segments", () => {
    for (const raise of [
      (bench: SystemBench) => raiseException(bench.core, UD),
      (bench: SystemBench) => raiseInterrupt(bench.core, VECTOR.invalidOpcode),
    ]) {
      const bench = enter(FLAG.if);
      bench.gate({ vector: VECTOR.invalidOpcode }, interruptGate, 0, [SELECTOR.code[0], 0x3000]);
      expect(raise(bench)).toBe(OUTCOME.jumped);
      const { state } = bench;
      expect([state.isVirtual8086, state.privilege, state.instructionPointer]).toEqual([false, 0, 0x3000]);
      expect(bench.stack(9).toSpliced(2, 1)).toEqual([0x10, 0x200, 0x800, 0x300, 0x400, 0x500, 0x600, 0x700]);
      expect((bench.stack(3)[2] ?? 0) & ~FLAG.rf).toBe(FLAG.vm | FLAG.if | FLAG.fixed);
      for (const index of DATA) {
        expect(state.segment(index)).toEqual({ selector: 0, base: 0, limit: 0, attributes: 0 });
      }
      expect(bench.run("cf")).toBe(OUTCOME.jumped);
      expect([state.isVirtual8086, state.selector(SEGMENT.gs)]).toEqual([true, 0x700]);
    }
  });

  it("through a 16-bit gate pushes words", () => {
    const bench = enter();
    bench.gate({ vector: VECTOR.invalidOpcode }, interruptGate16, 0, [SELECTOR.code[0], 0x3000]);
    raiseException(bench.core, UD);
    expect(PLACE.innerStack - bench.state.register(REGISTER.rsp)).toBe(18);
  });

  it("is left for nonconforming code of ring 0 alone", () => {
    for (const [selector, kind] of [
      [SELECTOR.code[1], KIND.code | 0x20],
      [SELECTOR.free, KIND.conforming],
    ] as const) {
      const bench = enter(IOPL_3);
      bench.describe(selector, 0, 0xf_ffff, kind);
      bench.gate({ vector: 0x80 }, interruptGate, 3, [selector, 0x3000]);
      expect(bench.run("cd80")).toBe(GP(selector & ~3));
    }
  });

  it.each([
    ["CLI", "fa"],
    ["STI", "fb"],
    ["PUSHF", "9c"],
    ["POPF", "9d"],
    ["INT n", "cd80"],
    ["IRET", "cf"],
  ])("%s needs IOPL 3", (_name, code) => {
    const refused = enter();
    const before = refused.snapshot();
    expect(refused.run(code)).toBe(GP(0));
    expect(refused.snapshot()).toEqual(before);
    const allowed = enter(IOPL_3);
    allowed.gate({ vector: 0x80 }, interruptGate, 3, [SELECTOR.code[0], 0x3000]);
    expect([OUTCOME.next, OUTCOME.jumped, OUTCOME.shadow]).toContain(allowed.run(code));
  });

  it("INT3 does not, and checks its gate as ring 3", () => {
    const bench = enter();
    bench.gate({ vector: VECTOR.breakpoint }, interruptGate, 2, [SELECTOR.code[0], 0x3000]);
    expect(bench.run("cc")).toBe(GP(VECTOR.breakpoint * 8 + 2));
    bench.gate({ vector: VECTOR.breakpoint }, interruptGate, 3, [SELECTOR.code[0], 0x3000]);
    expect(bench.run("cc")).toBe(OUTCOME.jumped);
  });

  it("IRET and POPF change IF but neither IOPL nor VM", () => {
    const bench = enter(IOPL_3);
    bench.view.setUint16(0x3800, 0x1234, true);
    bench.view.setUint16(0x3802, 0x250, true);
    bench.view.setUint16(0x3804, FLAG.if | FLAG.zf, true);
    expect(bench.run("cf")).toBe(OUTCOME.jumped);
    expect(bench.state.flags).toBe(FLAG.vm | IOPL_3 | FLAG.if | FLAG.zf | FLAG.fixed);
    expect([bench.state.segment(SEGMENT.cs).base, bench.state.instructionPointer]).toEqual([0x2500, 0x1234]);
    expect(bench.state.register(REGISTER.rsp)).toBe(0x806);
    bench.view.setUint32(0x3806, 0, true);
    expect(bench.run("669d")).toBe(OUTCOME.next);
    expect(bench.state.flags).toBe(FLAG.vm | IOPL_3 | FLAG.fixed);
  });

  it("PUSHF hides VM", () => {
    const bench = enter(IOPL_3);
    expect(bench.run("669c")).toBe(OUTCOME.next);
    expect(bench.view.getUint32(0x3000 + 0x7fc, true)).toBe(IOPL_3 | FLAG.fixed);
  });

  it("uses ports by the permission map, whatever IOPL", () => {
    const bench = enter(IOPL_3);
    bench.state.setSegment(SEGMENT.tr, {
      selector: SELECTOR.tss,
      base: PLACE.tss,
      limit: 0x68 + 16,
      attributes: 0x8b,
    });
    bench.view.setUint16(PLACE.tss + 102, 0x68, true);
    bench.view.setUint8(PLACE.tss + 0x68, 2);
    expect([bench.run("e600"), bench.run("e601")]).toEqual([OUTCOME.next, GP(0)]);
  });

  it("loads segments without descriptors, and far transfers use them", () => {
    const bench = enter();
    bench.state.setRegister(REGISTER.rax, 0x1234);
    expect(bench.run("8ed8")).toBe(OUTCOME.next);
    expect(bench.state.segment(SEGMENT.ds)).toEqual({
      selector: 0x1234,
      base: 0x1_2340,
      limit: 0xffff,
      attributes: 0xf3,
    });
    expect(bench.run("9a34126005")).toBe(OUTCOME.jumped);
    expect([bench.state.segment(SEGMENT.cs).base, bench.state.privilege]).toEqual([0x5600, 3]);
    expect(bench.run("cb")).toBe(OUTCOME.jumped);
    expect(bench.state.selector(SEGMENT.cs)).toBe(0x200);
  });

  it.each([
    ["HLT", "f4", GP(0)],
    ["MOV from CR0", "0f20c0", GP(0)],
    ["LGDT", "0f0117", GP(0)],
    ["LLDT", "0f00d0", UD],
    ["STR", "0f00c8", UD],
    ["LAR", "0f02c0", UD],
    ["VERR", "0f00e0", UD],
    ["ARPL", "63c0", UD],
  ])("refuses %s", (_name, code, fault) => {
    expect(enter(IOPL_3).run(code)).toBe(fault);
  });
});

describe("real mode", () => {
  it("IRET with 32 bits leaves VM, VIF and VIP alone", () => {
    const bench = createSystemBench();
    bench.state.setControl(0, 0);
    for (const [i, value] of [0x10, 0x100, 0xffff_ffff].entries()) {
      bench.view.setUint32(PLACE.stack + 4 * i, value, true);
    }
    expect(bench.run("cf")).toBe(OUTCOME.jumped);
    // RF is gone with the next instruction; without breakpoints it is not even set.
    expect(bench.state.flags).toBe(0x25_7fd7 & ~FLAG.rf);
  });

  it("keeps limits that protected mode has loaded", () => {
    const bench = createSystemBench();
    bench.state.setControl(0, 0);
    bench.state.setRegister(REGISTER.rax, 0x1234);
    expect(bench.run("8ee0")).toBe(OUTCOME.next);
    expect(bench.state.segment(SEGMENT.fs)).toMatchObject({ base: 0x1_2340, limit: 0xffff_ffff });
  });
});
