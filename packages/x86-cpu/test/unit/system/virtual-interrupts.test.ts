import { CR4, FLAG, REGISTER, SEGMENT, SYSTEM_TYPE } from "@xenolith/x86-architecture";
import { describe, expect, it } from "vitest";
import { OUTCOME } from "../../../src/engine/system-operations.ts";
import { GP } from "../../support/faults.ts";
import { createSystemBench, PLACE, SELECTOR, type SystemBench } from "../../support/system-bench.ts";

const { next, jumped } = OUTCOME;
const IOPL_3 = FLAG.iopl;
/** Where the stack of an 8086 program begins, and its memory. */
const STACK = 0x3800;
const TASK_MAP = 0x100;

/** Virtual-8086 mode at 0x200:0x10 with CR4.VME, and a task that redirects INT 0x80 but not INT 0x81. */
const enter = (flags = 0): SystemBench => {
  const bench = createSystemBench();
  const { state, view } = bench;
  state.setControl(4, CR4.vme);
  state.setSegment(SEGMENT.tr, { selector: SELECTOR.tss, base: PLACE.tss, limit: 0x1ff, attributes: 0x8b });
  view.setUint16(PLACE.tss + 102, TASK_MAP, true);
  view.setUint8(PLACE.tss + TASK_MAP - 32 + 16, 0xfe);
  view.setUint32(4 * 0x80, (0x450 << 16) | 0x1234, true);
  const frame = [0x10, 0x200, FLAG.vm | flags, 0x800, 0x300, 0x400, 0x500, 0x600, 0x700];
  for (const [i, value] of frame.entries()) view.setUint32(PLACE.stack + 4 * i, value, true);
  expect(bench.run("cf")).toBe(jumped);
  return bench;
};

const has = ({ state }: SystemBench, flag: number): boolean => (state.flags & flag) !== 0;

describe("CLI and STI with CR4.VME", () => {
  it("change VIF in place of IF", () => {
    const bench = enter(FLAG.if);
    expect([bench.run("fb"), has(bench, FLAG.vif), has(bench, FLAG.if)]).toEqual([next, true, true]);
    expect([bench.run("fa"), has(bench, FLAG.vif), has(bench, FLAG.if)]).toEqual([next, false, true]);
  });

  it("STI faults while an interrupt waits", () => {
    const bench = enter(FLAG.vip);
    expect([bench.run("fb"), has(bench, FLAG.vif)]).toEqual([GP(0), false]);
    expect(bench.run("fa")).toBe(next);
  });

  it("change IF with IOPL 3", () => {
    const bench = enter(FLAG.if | IOPL_3);
    expect([bench.run("fa"), has(bench, FLAG.if), has(bench, FLAG.vif)]).toEqual([next, false, false]);
  });

  it("do so at privilege 3 of protected mode with CR4.PVI, and only there", () => {
    const bench = createSystemBench();
    bench.enter(3);
    expect(bench.run("fb")).toBe(GP(0));
    bench.state.setControl(4, CR4.pvi);
    expect([bench.run("fb"), has(bench, FLAG.vif)]).toEqual([next, true]);
    bench.enter(2);
    expect(bench.run("fa")).toBe(GP(0));
  });
});

describe("flags on the stack with CR4.VME", () => {
  it("PUSHF shows VIF as IF, and IOPL 3", () => {
    const bench = enter(FLAG.vif | FLAG.cf);
    expect(bench.run("9c")).toBe(next);
    expect(bench.view.getUint16(STACK - 2, true)).toBe(FLAG.if | IOPL_3 | FLAG.cf | FLAG.fixed);
    const masked = enter(FLAG.if);
    expect(masked.run("9c")).toBe(next);
    expect(masked.view.getUint16(STACK - 2, true)).toBe(IOPL_3 | FLAG.fixed);
  });

  it.each([
    ["POPF", "9d", 0],
    ["IRET", "cf", 4],
  ])("%s takes IF into VIF, and neither IF nor IOPL", (_name, code, at) => {
    const bench = enter(FLAG.if);
    bench.view.setUint16(STACK + at, FLAG.if | IOPL_3 | FLAG.zf, true);
    expect([next, jumped]).toContain(bench.run(code));
    expect(bench.state.flags).toBe(FLAG.vm | FLAG.if | FLAG.vif | FLAG.zf | FLAG.fixed);
    const cleared = enter(FLAG.if | FLAG.vif);
    cleared.view.setUint16(STACK + at, 0, true);
    cleared.run(code);
    expect(cleared.state.flags).toBe(FLAG.vm | FLAG.if | FLAG.fixed);
  });

  it.each([
    ["POPF", "9d", 0],
    ["IRET", "cf", 4],
  ])("%s faults with TF, and with IF while an interrupt waits", (_name, code, at) => {
    for (const [flags, image] of [
      [0, FLAG.tf],
      [FLAG.vip, FLAG.if],
    ] as const) {
      const bench = enter(flags);
      bench.view.setUint16(STACK + at, image, true);
      const before = bench.snapshot();
      expect(bench.run(code)).toBe(GP(0));
      expect(bench.snapshot()).toEqual(before);
    }
  });

  it.each(["669c", "669d", "66cf"])("32 bits of them fault as ever: %s", (code) => {
    expect(enter().run(code)).toBe(GP(0));
  });
});

describe("INT n with CR4.VME", () => {
  it("goes through the table at 0 where the task redirects it, with virtual flags", () => {
    const bench = enter(FLAG.if | FLAG.vif | FLAG.cf);
    expect(bench.run("cd80")).toBe(jumped);
    const { state, view } = bench;
    expect([state.selector(SEGMENT.cs), state.instructionPointer]).toEqual([0x450, 0x1234]);
    expect(state.register(REGISTER.rsp)).toBe(0x800 - 6);
    expect([0, 2, 4].map((offset) => view.getUint16(STACK - 6 + offset, true))).toEqual([
      0x12,
      0x200,
      FLAG.if | IOPL_3 | FLAG.cf | FLAG.fixed,
    ]);
    expect(state.flags).toBe(FLAG.vm | FLAG.if | FLAG.cf | FLAG.fixed);
  });

  it("clears IF itself with IOPL 3", () => {
    const bench = enter(FLAG.if | IOPL_3);
    expect(bench.run("cd80")).toBe(jumped);
    expect(bench.view.getUint16(STACK - 2, true)).toBe(FLAG.if | IOPL_3 | FLAG.fixed);
    expect(bench.state.flags).toBe(FLAG.vm | IOPL_3 | FLAG.fixed);
  });

  it("is the monitor's where the task does not, as without the extension", () => {
    expect(enter().run("cd81")).toBe(GP(0));
    const bench = enter(IOPL_3);
    bench.gate({ vector: 0x81 }, SYSTEM_TYPE.interruptGate, 3, [SELECTOR.code[0], 0x3000]);
    expect([bench.run("cd81"), bench.state.isVirtual8086]).toEqual([jumped, false]);
  });

  it("faults where the map is beyond the task state, and leaves INT3 alone", () => {
    const bench = enter();
    bench.view.setUint16(PLACE.tss + 102, 0x7000, true);
    expect(bench.run("cd80")).toBe(GP(0));
    const breakpoint = enter();
    breakpoint.view.setUint8(PLACE.tss + TASK_MAP - 32, 0);
    breakpoint.gate({ vector: 3 }, SYSTEM_TYPE.interruptGate, 3, [SELECTOR.code[0], 0x3000]);
    expect([breakpoint.run("cc"), breakpoint.state.isVirtual8086]).toEqual([jumped, false]);
  });
});
