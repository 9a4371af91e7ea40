import { ATTRIBUTE, SEGMENT, SYSTEM_TYPE } from "@xenolith/x86-architecture";
import { describe, expect, it } from "vitest";
import { OUTCOME } from "../../../src/engine/system-operations.ts";
import { GP, NP, SS, TS } from "../../support/faults.ts";
import {
  atPrivilege,
  createSystemBench,
  KIND,
  PLACE,
  SELECTOR,
  type SystemBench,
} from "../../support/system-bench.ts";

const FREE = SELECTOR.free;

const word = (value: number): string =>
  [0, 8, 16, 24].map((shift) => ((value >>> shift) & 0xff).toString(16).padStart(2, "0")).join("");
const jump = (selector: number, offset: number): string => `ea${word(offset)}${word(selector).slice(0, 4)}`;
const call = (selector: number, offset: number): string => `9a${word(offset)}${word(selector).slice(0, 4)}`;
const RETURN = "cb";

/** Bench in a ring, a descriptor of code at the free selector. */
const setUp = (ring: 0 | 1 | 2 | 3, attributes: number, limit = 0xf_ffff): SystemBench => {
  const bench = createSystemBench();
  bench.enter(ring);
  bench.describe(FREE, 0, limit, attributes);
  return bench;
};

describe("JMP far", () => {
  it.each([
    ["code of the ring", 3, atPrivilege(KIND.code, 3), FREE | 3, OUTCOME.jumped],
    ["code with a smaller RPL", 3, atPrivilege(KIND.code, 3), FREE, OUTCOME.jumped],
    ["code with a larger RPL", 1, atPrivilege(KIND.code, 1), FREE | 3, GP(FREE)],
    ["code of an inner privilege", 3, KIND.code, FREE, GP(FREE)],
    ["code of an outer privilege", 0, atPrivilege(KIND.code, 3), FREE | 3, GP(FREE)],
    ["conforming code of an inner privilege", 3, KIND.conforming, FREE, OUTCOME.jumped],
    ["conforming code of an outer privilege", 0, atPrivilege(KIND.conforming, 3), FREE, GP(FREE)],
    ["data", 0, KIND.data, FREE, GP(FREE)],
    ["code that is not present", 0, KIND.code & ~ATTRIBUTE.present, FREE, NP(FREE)],
    ["a null selector", 0, KIND.code, 0, GP(0)],
    ["a selector beyond the table", 0, KIND.code, 0x1000, GP(0x1000)],
    ["a local table", 0, KIND.ldt, FREE, GP(FREE)],
  ] as const)("to %s from ring %d", (_name, ring, attributes, selector, outcome) => {
    const bench = setUp(ring, attributes);
    expect(bench.run(jump(selector, 0x1_2345))).toBe(outcome);
    if (outcome !== OUTCOME.jumped) return;
    expect(bench.state.instructionPointer).toBe(0x1_2345);
    expect(bench.state.selector(SEGMENT.cs)).toBe((FREE & ~3) | ring);
    expect(bench.state.privilege).toBe(ring);
  });

  it("beyond the limit faults without a selector", () => {
    expect(setUp(0, KIND.code & ~ATTRIBUTE.granular, 0xffff).run(jump(FREE, 0x1_0000))).toBe(GP(0));
  });

  it("through memory reads offset and selector", () => {
    const bench = setUp(0, KIND.code);
    bench.view.setUint32(PLACE.data, 0x4321, true);
    bench.view.setUint16(PLACE.data + 4, FREE, true);
    bench.state.setRegister(0, PLACE.data);
    expect(bench.run("ff28")).toBe(OUTCOME.jumped);
    expect(bench.state.instructionPointer).toBe(0x4321);
  });

  it("through a call gate ignores the instruction's offset and stays in the ring", () => {
    const bench = setUp(3, atPrivilege(KIND.code, 3));
    bench.gate({ selector: 0x60 }, SYSTEM_TYPE.callGate, 3, [FREE, 0x7777]);
    expect(bench.run(jump(0x60, 1))).toBe(OUTCOME.jumped);
    expect(bench.state.instructionPointer).toBe(0x7777);
    bench.gate({ selector: 0x60 }, SYSTEM_TYPE.callGate, 3, [SELECTOR.code[0], 0x7777]);
    expect(bench.run(jump(0x60, 1))).toBe(GP(SELECTOR.code[0]));
    bench.gate({ selector: 0x60 }, SYSTEM_TYPE.callGate, 2, [FREE, 0x7777]);
    expect(bench.run(jump(0x60, 1))).toBe(GP(0x60));
  });

  it("under a monitor never reaches ring 0", () => {
    const bench = createSystemBench({ monitored: true });
    bench.enter(0);
    expect(bench.run(jump(SELECTOR.code[0], 0))).toBe(GP(SELECTOR.code[0]));
  });
});

describe("CALL far and RET far", () => {
  it("push and pop the way back in the same ring", () => {
    const bench = setUp(1, atPrivilege(KIND.code, 1));
    expect(bench.run(call(FREE | 1, 0x2000))).toBe(OUTCOME.jumped);
    expect(bench.stack(2)).toEqual([PLACE.code + 7, SELECTOR.code[1]]);
    expect(bench.run(RETURN)).toBe(OUTCOME.jumped);
    expect([bench.state.instructionPointer, bench.state.register(4)]).toEqual([PLACE.code + 7, PLACE.stack]);
  });

  it("with 16-bit operands push words", () => {
    const bench = setUp(0, KIND.code);
    expect(bench.run(`669a0020${word(FREE).slice(0, 4)}`)).toBe(OUTCOME.jumped);
    expect(bench.stack(1)).toEqual([((SELECTOR.code[0] << 16) | (PLACE.code + 6)) >>> 0]);
    expect(bench.state.register(4)).toBe(PLACE.stack - 4);
  });

  it("a gate to an inner ring changes the stack and copies parameters; RET n undoes it and drops inner segments", () => {
    const bench = createSystemBench();
    bench.enter(3);
    bench.gate({ selector: 0x60 }, SYSTEM_TYPE.callGate, 3, [SELECTOR.code[1], 0x3000], 2);
    bench.view.setUint32(PLACE.stack, 0x1111, true);
    bench.view.setUint32(PLACE.stack + 4, 0x2222, true);
    expect(bench.run(call(0x63, 0))).toBe(OUTCOME.jumped);
    expect(bench.state.privilege).toBe(1);
    expect(bench.state.selector(SEGMENT.ss)).toBe(SELECTOR.data[1]);
    expect(bench.state.register(4)).toBe(PLACE.innerStack - 24);
    expect(bench.stack(6)).toEqual([
      PLACE.code + 7,
      SELECTOR.code[3],
      0x1111,
      0x2222,
      PLACE.stack,
      SELECTOR.data[3],
    ]);
    bench.state.setRegister(0, SELECTOR.data[1]);
    bench.run("8ee0");
    expect(bench.run("ca0800")).toBe(OUTCOME.jumped);
    expect(bench.state.privilege).toBe(3);
    expect(bench.state.register(4)).toBe(PLACE.stack + 8);
    expect(bench.state.segment(SEGMENT.fs)).toMatchObject({ selector: 0, attributes: 0 });
    expect(bench.state.selector(SEGMENT.ds)).toBe(SELECTOR.data[3]);
  });

  it("a 16-bit gate copies words and ignores the upper half of the offset", () => {
    const bench = createSystemBench();
    bench.enter(3);
    bench.gate({ selector: 0x60 }, SYSTEM_TYPE.callGate16, 3, [SELECTOR.code[0], 0xffff_3000], 1);
    bench.view.setUint16(PLACE.stack, 0xabcd, true);
    expect(bench.run(call(0x60, 0))).toBe(OUTCOME.jumped);
    expect(bench.state.instructionPointer).toBe(0x3000);
    const words = [0, 2, 4, 6, 8].map((at) => bench.view.getUint16(bench.state.register(4) + at, true));
    expect(words).toEqual([PLACE.code + 7, SELECTOR.code[3], 0xabcd, PLACE.stack, SELECTOR.data[3]]);
  });

  it.each([
    ["no stack segment", (b: SystemBench): void => b.view.setUint16(PLACE.tss + 8, 0, true), TS(0)],
    [
      "a stack of another ring",
      (b: SystemBench): void => b.view.setUint16(PLACE.tss + 8, SELECTOR.data[1], true),
      TS(SELECTOR.data[1] & ~3),
    ],
    [
      "a stack that is not present",
      (b: SystemBench): void => b.describe(SELECTOR.data[0], 0, 0xf_ffff, KIND.data & ~ATTRIBUTE.present),
      SS(SELECTOR.data[0]),
    ],
    [
      "a stack without room",
      (b: SystemBench): void => b.describe(SELECTOR.data[0], 0, 0x1, KIND.data & ~ATTRIBUTE.granular),
      SS(SELECTOR.data[0]),
    ],
    [
      "a task state segment that ends early",
      (b: SystemBench): void =>
        b.state.setSegment(SEGMENT.tr, {
          selector: SELECTOR.tss,
          base: PLACE.tss,
          limit: 8,
          attributes: 0x8b,
        }),
      TS(SELECTOR.tss),
    ],
  ] as const)("a gate to ring 0 with %s faults and changes nothing", (_name, spoil, fault) => {
    const bench = createSystemBench();
    bench.enter(3);
    bench.gate({ selector: 0x60 }, SYSTEM_TYPE.callGate, 3, [SELECTOR.code[0], 0x3000]);
    spoil(bench);
    const before = bench.snapshot();
    expect(bench.run(call(0x60, 0))).toBe(fault);
    expect(bench.snapshot()).toEqual(before);
  });

  it.each([
    ["to an inner ring", SELECTOR.code[0], SELECTOR.data[0], GP(SELECTOR.code[0])],
    ["to a null selector", 0, SELECTOR.data[3], GP(0)],
    ["with the stack of another ring", SELECTOR.code[3], SELECTOR.data[1], GP(SELECTOR.data[1] & ~3)],
    ["with a null stack", SELECTOR.code[3], 0, GP(0)],
  ] as const)("RET %s faults", (_name, code, stack, fault) => {
    const bench = createSystemBench();
    bench.enter(1);
    for (const [i, value] of [0x2000, code, 0x8000, stack].entries()) {
      bench.view.setUint32(PLACE.stack + 4 * i, value, true);
    }
    const before = bench.snapshot();
    expect(bench.run(RETURN)).toBe(fault);
    expect(bench.snapshot()).toEqual(before);
  });

  it("in real mode move paragraphs", () => {
    const bench = createSystemBench();
    bench.state.setControl(0, 0);
    bench.state.setSegment(SEGMENT.cs, { selector: 0x100, base: 0x1000, limit: 0xffff, attributes: 0x93 });
    bench.state.setSegment(SEGMENT.ss, { selector: 0, base: 0, limit: 0xffff, attributes: 0x93 });
    bench.state.instructionPointer = 0x10;
    expect(bench.run("9a78563412")).toBe(OUTCOME.jumped);
    expect(bench.state.segment(SEGMENT.cs).base).toBe(0x1_2340);
    expect(bench.run(RETURN)).toBe(OUTCOME.jumped);
    expect([bench.state.segment(SEGMENT.cs).base, bench.state.instructionPointer]).toEqual([0x1000, 0x15]);
  });
});
