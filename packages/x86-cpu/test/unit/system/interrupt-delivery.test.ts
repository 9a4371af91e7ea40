import { ATTRIBUTE, FLAG, packFault, SEGMENT, SYSTEM_TYPE, VECTOR } from "@xenolith/x86-architecture";
import { describe, expect, it } from "vitest";
import { OUTCOME } from "../../../src/engine/system-operations.ts";
import { raiseException, raiseInterrupt } from "../../../src/system/exception-delivery.ts";
import { GP, NP, PF, TS, UD } from "../../support/faults.ts";
import { createSystemBench, KIND, PLACE, SELECTOR, type SystemBench } from "../../support/system-bench.ts";

const { interruptGate, trapGate, interruptGate16, taskGate } = SYSTEM_TYPE;
const FLAGS = FLAG.if | FLAG.cf | FLAG.tf | FLAG.nt | FLAG.fixed;

/** Bench in ring 3 with a gate at a vector to ring-0 code at 0x3000. */
const setUp = (vector: number, type: number, privilege = 3, ring: 0 | 1 | 2 | 3 = 3): SystemBench => {
  const bench = createSystemBench();
  bench.enter(ring);
  bench.state.flags = FLAGS;
  bench.gate({ vector }, type, privilege, [SELECTOR.code[0], 0x3000]);
  return bench;
};

describe("INT n", () => {
  it("to an inner ring pushes the outer stack, flags and the next instruction on the stack of the TSS", () => {
    const bench = setUp(0x80, interruptGate);
    expect(bench.run("cd80")).toBe(OUTCOME.jumped);
    expect(bench.state.privilege).toBe(0);
    expect(bench.stack(5)).toEqual([PLACE.code + 2, SELECTOR.code[3], FLAGS, PLACE.stack, SELECTOR.data[3]]);
    expect([bench.state.instructionPointer, bench.state.flags]).toEqual([0x3000, FLAG.cf | FLAG.fixed]);
  });

  it("through a trap gate leaves IF", () => {
    const bench = setUp(0x80, trapGate);
    bench.run("cd80");
    expect(bench.state.flags & FLAG.if).toBe(FLAG.if);
  });

  it("in the same ring pushes on the same stack", () => {
    const bench = setUp(0x80, interruptGate, 0, 0);
    bench.run("cd80");
    expect(bench.stack(3)).toEqual([PLACE.code + 2, SELECTOR.code[0], FLAGS]);
    expect(bench.state.register(4)).toBe(PLACE.stack - 12);
  });

  it("through a 16-bit gate pushes words", () => {
    const bench = setUp(0x80, interruptGate16, 0, 0);
    bench.run("cd80");
    const top = bench.state.register(4);
    expect(PLACE.stack - top).toBe(6);
    expect([0, 2, 4].map((at) => bench.view.getUint16(top + at, true))).toEqual([
      PLACE.code + 2,
      SELECTOR.code[0],
      FLAGS,
    ]);
  });

  it.each([
    ["a gate of an inner privilege", interruptGate, 2, GP(0x80 * 8 + 2)],
    ["no gate", 0, 3, GP(0x80 * 8 + 2)],
    ["a task gate to code", taskGate, 3, GP(SELECTOR.code[0])],
    ["a call gate", SYSTEM_TYPE.callGate, 3, GP(0x80 * 8 + 2)],
  ] as const)("finds %s and changes nothing", (_name, type, privilege, fault) => {
    const bench = setUp(0x80, type, privilege);
    const before = bench.snapshot();
    expect(bench.run("cd80")).toBe(fault);
    expect(bench.snapshot()).toEqual(before);
  });

  it("finds a gate that is not present, or beyond the table", () => {
    const bench = setUp(0x80, interruptGate);
    bench.view.setUint8(PLACE.idt + 8 * 0x80 + 5, 0x6e);
    expect(bench.run("cd80")).toBe(NP(0x80 * 8 + 2));
    bench.state.idtr = { base: PLACE.idt, limit: 0x80 * 8 + 6 };
    expect(bench.run("cd80")).toBe(GP(0x80 * 8 + 2));
  });

  it("finds a gate to code of an outer ring", () => {
    const bench = setUp(0x80, interruptGate, 0, 0);
    bench.gate({ vector: 0x80 }, interruptGate, 0, [SELECTOR.code[3], 0]);
    expect(bench.run("cd80")).toBe(GP(SELECTOR.code[3] & ~3));
  });

  it("INT3, INTO and ICEBP use their vectors; INTO only with OF, ICEBP whatever the gate's privilege", () => {
    const bench = setUp(3, interruptGate);
    expect(bench.run("cc")).toBe(OUTCOME.jumped);
    const quiet = setUp(4, interruptGate);
    expect(quiet.run("ce")).toBe(OUTCOME.next);
    quiet.state.flags |= FLAG.of;
    expect(quiet.run("ce")).toBe(OUTCOME.jumped);
    expect(setUp(1, interruptGate, 0).run("f1")).toBe(OUTCOME.jumped);
  });

  it("in real mode goes through the interrupt table", () => {
    const bench = createSystemBench();
    bench.state.setControl(0, 0);
    bench.state.idtr = { base: 0, limit: 0x3ff };
    bench.view.setUint32(4 * 0x21, 0x0200_0010, true);
    bench.state.setSegment(SEGMENT.cs, { selector: 0x100, base: 0x1000, limit: 0xffff, attributes: 0x93 });
    bench.state.setSegment(SEGMENT.ss, { selector: 0, base: 0, limit: 0xffff, attributes: 0x93 });
    bench.state.flags = FLAG.if;
    bench.state.instructionPointer = 0x50;
    expect(bench.run("cd21")).toBe(OUTCOME.jumped);
    expect([bench.state.segment(SEGMENT.cs).base, bench.state.instructionPointer]).toEqual([0x2000, 0x10]);
    expect(bench.state.flags & FLAG.if).toBe(0);
    expect(bench.run("cf")).toBe(OUTCOME.jumped);
    expect([bench.state.selector(SEGMENT.cs), bench.state.instructionPointer]).toEqual([0x100, 0x52]);
    expect(bench.state.flags & FLAG.if).toBe(FLAG.if);
  });
});

describe("an exception", () => {
  it("pushes its error code and the faulting instruction, with RF", () => {
    const bench = setUp(VECTOR.generalProtection, interruptGate, 0);
    expect(raiseException(bench.core, GP(0x1234))).toBe(OUTCOME.jumped);
    expect(bench.stack(4)).toEqual([0x1234, PLACE.code, SELECTOR.code[3], FLAGS | FLAG.rf]);
  });

  it("without an error code pushes none", () => {
    const bench = setUp(VECTOR.invalidOpcode, trapGate, 0);
    raiseException(bench.core, UD);
    expect(bench.stack(1)).toEqual([PLACE.code]);
  });

  it("of the page sets CR2", () => {
    const bench = setUp(VECTOR.pageFault, interruptGate, 0);
    bench.missing.add(0x20);
    const fault = bench.core.memory.write8(0x2_0123, 1);
    expect(fault).toBe(PF(6));
    expect(raiseException(bench.core, fault)).toBe(OUTCOME.jumped);
    expect([bench.state.control(2), bench.stack(1)[0]]).toEqual([0x2_0123, 6]);
  });

  it("whose delivery faults is replaced or becomes a double fault, as the classes say", () => {
    // #UD is benign: the fault met (no gate: #GP with EXT) is delivered instead.
    const benign = setUp(VECTOR.generalProtection, interruptGate, 0);
    raiseException(benign.core, UD);
    expect(benign.stack(1)).toEqual([VECTOR.invalidOpcode * 8 + 3]);
    // #NP and then #GP are both contributory.
    const contributory = setUp(VECTOR.doubleFault, interruptGate, 0);
    expect(raiseException(contributory.core, NP(8))).toBe(OUTCOME.jumped);
    expect(contributory.stack(2)).toEqual([0, PLACE.code]);
    // A page fault, and then #GP.
    const afterPageFault = setUp(VECTOR.doubleFault, interruptGate, 0);
    expect(raiseException(afterPageFault.core, PF(0))).toBe(OUTCOME.jumped);
    expect(afterPageFault.state.instructionPointer).toBe(0x3000);
  });

  it("that meets a page fault of a contributory one delivers the page fault", () => {
    const bench = setUp(VECTOR.pageFault, interruptGate, 0);
    bench.gate({ vector: VECTOR.generalProtection }, interruptGate, 0, [SELECTOR.code[0], 0x3000]);
    bench.view.setUint32(PLACE.tss + 4, 0x1_0000, true);
    bench.missing.add(0xf);
    const outcome = raiseException(bench.core, GP(0));
    // The stack is gone for the page fault too, which makes a double fault, which cannot be delivered.
    expect(outcome).toBe(OUTCOME.shutdown);
    expect(bench.state.control(2)).toBe(0xfffc);
  });

  it("with nothing to deliver it shuts down", () => {
    const bench = createSystemBench();
    bench.state.idtr = { base: PLACE.idt, limit: 0 };
    expect(raiseException(bench.core, UD)).toBe(OUTCOME.shutdown);
  });

  it("with a bad stack in the TSS says so with EXT", () => {
    const bench = setUp(VECTOR.debug, interruptGate, 0);
    bench.view.setUint16(PLACE.tss + 8, SELECTOR.data[1], true);
    bench.gate({ vector: VECTOR.invalidTss }, interruptGate, 0, [SELECTOR.free, 0]);
    bench.describe(SELECTOR.free, 0, 0xf_ffff, KIND.conforming);
    raiseException(bench.core, packFault(VECTOR.debug, 0));
    expect(bench.stack(1)).toEqual([(TS(SELECTOR.data[1] & ~3) & 0xffff) | 1]);
  });
});

describe("an interrupt from outside", () => {
  it("ignores the gate's privilege and pushes the next instruction without RF", () => {
    const bench = setUp(0x20, interruptGate, 0);
    expect(raiseInterrupt(bench.core, 0x20)).toBe(OUTCOME.jumped);
    expect(bench.stack(3)).toEqual([PLACE.code, SELECTOR.code[3], FLAGS]);
  });
});

describe("IRET", () => {
  const putFrame = (bench: SystemBench, words: readonly number[]): void => {
    for (const [i, value] of words.entries()) bench.view.setUint32(PLACE.stack + 4 * i, value, true);
  };

  it("undoes an interrupt from an outer ring", () => {
    const bench = setUp(0x80, interruptGate);
    bench.run("cd80");
    bench.state.flags &= ~FLAG.nt;
    expect(bench.run("cf")).toBe(OUTCOME.jumped);
    expect(bench.state.privilege).toBe(3);
    expect([bench.state.instructionPointer, bench.state.register(4), bench.state.flags]).toEqual([
      PLACE.code + 2,
      PLACE.stack,
      FLAGS,
    ]);
  });

  it.each([
    ["ring 0: all", 0, 0, FLAG.if | FLAG.iopl | FLAG.id | FLAG.vif],
    ["ring 1, IOPL 0: neither IF nor IOPL", 1, 0, FLAG.id],
    ["ring 1, IOPL 1: IF, not IOPL", 1, 0x1000, FLAG.if | FLAG.id],
  ] as const)("takes the flags that the privilege may change, %s", (_name, ring, iopl, expected) => {
    const bench = createSystemBench();
    bench.enter(ring);
    bench.state.flags = iopl;
    putFrame(bench, [0x2000, SELECTOR.code[ring], FLAG.if | FLAG.iopl | FLAG.id | FLAG.vif]);
    expect(bench.run("cf")).toBe(OUTCOME.jumped);
    expect(bench.state.flags & ~iopl).toBe((expected & ~iopl) | FLAG.fixed);
  });

  it("with 16-bit operands leaves the upper half of the flags", () => {
    const bench = createSystemBench();
    bench.state.flags = FLAG.id;
    bench.view.setUint16(PLACE.stack, 0x2000, true);
    bench.view.setUint16(PLACE.stack + 2, SELECTOR.code[0], true);
    bench.view.setUint16(PLACE.stack + 4, FLAG.cf, true);
    expect(bench.run("66cf")).toBe(OUTCOME.jumped);
    expect(bench.state.flags).toBe(FLAG.id | FLAG.cf | FLAG.fixed);
  });

  it("works among rings 1 to 3 under a monitor and refuses ring 0", () => {
    const bench = createSystemBench({ monitored: true });
    bench.enter(1);
    putFrame(bench, [0x2000, SELECTOR.code[3], 0, 0x8000, SELECTOR.data[3]]);
    expect(bench.run("cf")).toBe(OUTCOME.jumped);
    expect([bench.state.privilege, bench.state.register(4)]).toEqual([3, 0x8000]);
    bench.enter(1);
    putFrame(bench, [0x2000, SELECTOR.code[0], 0]);
    expect(bench.run("cf")).toBe(GP(SELECTOR.code[0]));
  });

  it("of a nested task needs a task to return to", () => {
    const bench = createSystemBench();
    bench.state.flags = FLAG.nt;
    expect(bench.run("cf")).toBe(TS(0));
  });

  it("to code that is not present faults and changes nothing", () => {
    const bench = createSystemBench();
    bench.describe(SELECTOR.free, 0, 0xf_ffff, KIND.code & ~ATTRIBUTE.present);
    putFrame(bench, [0x2000, SELECTOR.free, 0]);
    const before = bench.snapshot();
    expect(bench.run("cf")).toBe(NP(SELECTOR.free));
    expect(bench.snapshot()).toEqual(before);
  });
});
