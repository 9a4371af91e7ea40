import { FLAG, SEGMENT, SYSTEM_TYPE, VECTOR } from "@xenolith/x86-architecture";
import { describe, expect, it } from "vitest";
import { OUTCOME } from "../../../src/engine/system-operations.ts";
import { raiseException, raiseInterrupt } from "../../../src/system/exception-delivery.ts";
import { GP, NP, SS, TS, UD } from "../../support/faults.ts";
import { CODE64, createLongBench, HIGH, KIND64, type LongBench, STACK64 } from "../../support/long-bench.ts";
import { atPrivilege, KIND, PLACE, SELECTOR } from "../../support/system-bench.ts";

const { interruptGate, trapGate, interruptGate16, callGate, taskGate } = SYSTEM_TYPE;
const FLAGS = FLAG.if | FLAG.cf | FLAG.fixed;
const HANDLER = HIGH + 0x3000;

/** Bench in 64-bit code of a ring with a gate at a vector to ring 0. */
const setUp = (
  vector: number,
  ring: 0 | 1 | 2 | 3 = 3,
  type: number = interruptGate,
  interruptStack = 0,
): LongBench => {
  const bench = createLongBench();
  bench.enter64(ring);
  bench.state.flags = FLAGS;
  bench.gate64({ vector }, type, 3, [CODE64[0], HANDLER], interruptStack);
  return bench;
};

const frame = (bench: LongBench, returnTo: number, ring: 0 | 1 | 2 | 3): bigint[] => [
  BigInt(returnTo),
  BigInt(CODE64[ring]),
  BigInt(bench.state.flags | FLAGS),
  BigInt(PLACE.stack),
  BigInt(SELECTOR.data[ring]),
];

describe("INT n in IA-32e mode", () => {
  it("to an inner ring pushes five values on the TSS's stack, and SS becomes null", () => {
    const bench = setUp(0x80);
    expect(bench.run("cd80")).toBe(OUTCOME.jumped);
    expect(bench.stack64(5)).toEqual(frame(bench, PLACE.code + 2, 3));
    expect(bench.state.wideRegister(4)).toBe(BigInt(STACK64.ring0 - 40));
    expect(bench.state.segment(SEGMENT.ss)).toMatchObject({ selector: 0, attributes: 0 });
    expect([bench.state.privilege, bench.state.instructionPointer]).toEqual([0, HANDLER]);
    expect(bench.state.flags).toBe(FLAG.cf | FLAG.fixed);
  });

  it("in the same ring aligns the stack and keeps SS", () => {
    const bench = setUp(0x80, 0, trapGate);
    bench.state.setRegister(4, PLACE.stack + 7);
    bench.run("cd80");
    expect(bench.state.wideRegister(4)).toBe(BigInt(PLACE.stack - 40));
    expect(bench.stack64(5)[3]).toBe(BigInt(PLACE.stack + 7));
    expect(bench.state.selector(SEGMENT.ss)).toBe(SELECTOR.data[0]);
    expect(bench.state.flags).toBe(FLAGS);
  });

  it.each([
    [1, STACK64.interrupt1 - 8],
    [7, STACK64.interrupt7],
  ])("takes stack %d of the interrupt stack table in every ring, aligned", (number, top) => {
    for (const ring of [0, 3] as const) {
      const bench = setUp(0x80, ring, interruptGate, number);
      expect(bench.run("cd80")).toBe(OUTCOME.jumped);
      expect(bench.state.wideRegister(4)).toBe(BigInt(top - 40));
    }
  });

  it("to ring 1 has a null SS with that RPL", () => {
    const bench = setUp(0x80);
    bench.gate64({ vector: 0x80 }, interruptGate, 3, [CODE64[1], HANDLER]);
    bench.run("cd80");
    expect([bench.state.privilege, bench.state.selector(SEGMENT.ss)]).toEqual([1, 1]);
    expect(bench.state.wideRegister(4)).toBe(BigInt(STACK64.ring1 - 40));
  });

  it("leaves compatibility mode", () => {
    const bench = createLongBench();
    bench.enter(3);
    bench.state.flags = FLAGS;
    bench.gate64({ vector: 0x80 }, interruptGate, 3, [CODE64[0], HANDLER]);
    expect(bench.run("cd80")).toBe(OUTCOME.jumped);
    expect(bench.state.isWideCode).toBe(true);
    expect(bench.stack64(2)).toEqual([BigInt(PLACE.code + 2), BigInt(SELECTOR.code[3])]);
    expect(bench.run("48cf")).toBe(OUTCOME.jumped);
    expect([bench.state.isWideCode, bench.state.instructionPointer]).toEqual([false, PLACE.code + 2]);
    expect([bench.state.register(4), bench.state.selector(SEGMENT.ss)]).toEqual([
      PLACE.stack,
      SELECTOR.data[3],
    ]);
  });

  it.each([
    ["a 16-bit gate", interruptGate16],
    ["a task gate", taskGate],
    ["a call gate", callGate],
    ["nothing", 0],
  ])("finds %s", (_name, type) => {
    expect(setUp(0x80, 3, type).run("cd80")).toBe(GP(0x80 * 8 + 2));
  });

  it.each([
    ["32-bit code", KIND.code, GP(SELECTOR.free)],
    ["L and D", KIND64.contradictory, GP(SELECTOR.free)],
    ["data", KIND.data, GP(SELECTOR.free)],
    ["absent code", KIND64.code & ~0x80, NP(SELECTOR.free)],
    ["code of an outer ring", atPrivilege(KIND64.code, 1), GP(SELECTOR.free)],
  ])("finds a gate to %s", (_name, attributes, fault) => {
    const bench = setUp(0x80, 0);
    bench.describe(SELECTOR.free, 0, 0xf_ffff, attributes);
    bench.gate64({ vector: 0x80 }, interruptGate, 3, [SELECTOR.free, HANDLER]);
    const before = bench.snapshot();
    expect(bench.run("cd80")).toBe(fault);
    expect(bench.snapshot()).toEqual(before);
  });

  it("finds stacks that are not canonical, or beyond the TSS", () => {
    const bench = setUp(0x80);
    bench.view.setBigUint64(PLACE.tss + 4, 0x1_0000_0000_0000n, true);
    expect(bench.run("cd80")).toBe(SS(0));
    const short = setUp(0x80, 0, interruptGate, 1);
    const tr = short.state.segment(SEGMENT.tr);
    short.state.setSegment(SEGMENT.tr, { ...tr, limit: 36 + 6 });
    expect(short.run("cd80")).toBe(TS(SELECTOR.tss));
    const own = setUp(0x80, 0);
    own.state.setWideRegister(4, 0x8000_0000_0000n);
    expect(own.run("cd80")).toBe(SS(0));
  });

  it("needs all 16 bytes of a gate within the limit", () => {
    const bench = setUp(0x80);
    bench.state.idtr = { base: PLACE.idt, limit: 0x80 * 16 + 14 };
    expect(bench.run("cd80")).toBe(GP(0x80 * 8 + 2));
  });

  it("finds a handler that is not canonical", () => {
    const bench = setUp(0x80);
    bench.gate64({ vector: 0x80 }, interruptGate, 3, [CODE64[0], 2 ** 47]);
    expect(bench.run("cd80")).toBe(GP(0));
  });
});

describe("exceptions and interrupts in IA-32e mode", () => {
  it("push error codes as eight bytes", () => {
    const bench = setUp(VECTOR.generalProtection);
    expect(raiseException(bench.core, GP(0x1234))).toBe(OUTCOME.jumped);
    expect(bench.stack64(2)).toEqual([0x1234n, BigInt(PLACE.code)]);
  });

  it("become double faults through a stack of their own", () => {
    const bench = setUp(VECTOR.doubleFault, 0, interruptGate, 7);
    expect(raiseException(bench.core, NP(8))).toBe(OUTCOME.jumped);
    expect(bench.state.wideRegister(4)).toBe(BigInt(STACK64.interrupt7 - 48));
    expect(bench.stack64(1)).toEqual([0n]);
  });

  it("shut down without a gate", () => {
    const bench = createLongBench();
    expect(raiseException(bench.core, UD)).toBe(OUTCOME.shutdown);
  });

  it("keep all bits of addresses in the upper half", () => {
    const bench = setUp(0x20, 0);
    bench.state.instructionPointer = HIGH + PLACE.code;
    bench.state.setAddressRegister(4, HIGH + PLACE.stack);
    expect(raiseInterrupt(bench.core, 0x20)).toBe(OUTCOME.jumped);
    expect(bench.stack64(1)).toEqual([BigInt.asUintN(64, BigInt(HIGH + PLACE.code))]);
    expect(bench.state.addressRegister(4)).toBe(HIGH + PLACE.stack - 40);
  });
});

describe("IRET in 64-bit code", () => {
  const push = (bench: LongBench, values: readonly (bigint | number)[]): void => {
    for (const [i, value] of values.entries()) {
      bench.view.setBigUint64(PLACE.stack + 8 * i, BigInt.asUintN(64, BigInt(value)), true);
    }
  };

  it("pops the stack also in the same ring, with a null SS inside ring 3", () => {
    const bench = createLongBench();
    push(bench, [HIGH + 0x100, CODE64[0], FLAG.if | FLAG.zf, 0x1234_5678_9abc_def0n, 0]);
    expect(bench.run("48cf")).toBe(OUTCOME.jumped);
    expect(bench.state.instructionPointer).toBe(HIGH + 0x100);
    expect(bench.state.wideRegister(4)).toBe(0x1234_5678_9abc_def0n);
    expect(bench.state.selector(SEGMENT.ss)).toBe(0);
    expect(bench.state.flags).toBe(FLAG.if | FLAG.zf | FLAG.fixed);
  });

  it("goes to ring 3 and drops inner data segments", () => {
    const bench = createLongBench();
    push(bench, [0x40_0000, CODE64[3], FLAG.if, 0x7fff_ffff_f000n, SELECTOR.data[3]]);
    expect(bench.run("48cf")).toBe(OUTCOME.jumped);
    expect([bench.state.privilege, bench.state.selector(SEGMENT.ds)]).toEqual([3, 0]);
    expect(bench.state.wideRegister(4)).toBe(0x7fff_ffff_f000n);
  });

  it("goes to compatibility mode, where the stack pointer has 32 bits", () => {
    const bench = createLongBench();
    push(bench, [0x1_0000, SELECTOR.code[3], 0, 0x1_2345_6780n, SELECTOR.data[3]]);
    expect(bench.run("48cf")).toBe(OUTCOME.jumped);
    expect(bench.state.isWideCode).toBe(false);
    expect(bench.state.wideRegister(4)).toBe(0x2345_6780n);
  });

  it("with 32-bit operands pops words of four bytes", () => {
    const bench = createLongBench();
    for (const [i, value] of [0x2000, CODE64[0], 2, 0x8000, SELECTOR.data[0]].entries()) {
      bench.view.setUint32(PLACE.stack + 4 * i, value, true);
    }
    expect(bench.run("cf")).toBe(OUTCOME.jumped);
    expect([bench.state.instructionPointer, bench.state.register(4)]).toEqual([0x2000, 0x8000]);
  });

  it.each([
    ["a null SS for ring 3", [0, CODE64[3], 0, 0, 3], GP(0)],
    ["a null SS for compatibility mode", [0, SELECTOR.code[0], 0, 0, 0], GP(0)],
    ["a null SS of another RPL", [0, CODE64[0], 0, 0, 3], GP(0)],
    ["a null CS", [0, 0, 0, 0, 0], GP(0)],
    ["a target that is not canonical", [2 ** 47, CODE64[0], 0, 0, 0], GP(0)],
    ["a target beyond the limit of 32-bit code", [2 ** 32, SELECTOR.code[3], 0, 0, 0], GP(0)],
    ["an inner ring", [0, CODE64[0], 0, 0, 0], GP(CODE64[0]), 3],
  ] as const)("refuses %s", (_name, values, fault, ring: 0 | 3 = 0) => {
    const bench = createLongBench();
    bench.enter64(ring);
    push(bench, values);
    const before = bench.snapshot();
    expect(bench.run("48cf")).toBe(fault);
    expect(bench.snapshot()).toEqual(before);
  });

  it("refuses nested tasks and stacks that are not canonical", () => {
    const bench = createLongBench();
    bench.state.flags = FLAG.nt;
    expect(bench.run("48cf")).toBe(GP(0));
    bench.state.flags = 0;
    bench.state.setWideRegister(4, 0x8000_0000_0000n);
    expect(bench.run("48cf")).toBe(SS(0));
  });

  it("in compatibility mode pops the stack only where the ring changes", () => {
    const bench = createLongBench();
    bench.enter(0);
    for (const [i, value] of [0x2000, CODE64[0], FLAG.cf].entries()) {
      bench.view.setUint32(PLACE.stack + 4 * i, value, true);
    }
    expect(bench.run("cf")).toBe(OUTCOME.jumped);
    expect([bench.state.isWideCode, bench.state.register(4)]).toEqual([true, PLACE.stack + 12]);
  });
});
