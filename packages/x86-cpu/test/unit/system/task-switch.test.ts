import { CR0, FLAG, REGISTER, SEGMENT, SYSTEM_TYPE, TSS16, TSS32, VECTOR } from "@xenolith/x86-architecture";
import { describe, expect, it } from "vitest";
import { OUTCOME } from "../../../src/engine/system-operations.ts";
import { raiseException } from "../../../src/system/exception-delivery.ts";
import { GP, NP, SS, TS } from "../../support/faults.ts";
import {
  atPrivilege,
  createSystemBench,
  KIND,
  PLACE,
  SELECTOR,
  type SystemBench,
} from "../../support/system-bench.ts";

const { taskGate } = SYSTEM_TYPE;
/** The other task's TSS, its selector, and a gate to it. */
const TASK = 0xb000;
const NEXT = 0x80;
const GATE = 0x88;

const word = (value: number): string =>
  [0, 8, 16, 24].map((shift) => ((value >>> shift) & 0xff).toString(16).padStart(2, "0")).join("");
const jump = (selector: number): string => `ea00000000${word(selector).slice(0, 4)}`;
const call = (selector: number): string => `9a00000000${word(selector).slice(0, 4)}`;

/** Registers of the other task: 0x100 + encoding; code in ring 3 at 0x3456. */
const describeTask = (bench: SystemBench, ring: 0 | 3 = 3): void => {
  const { view } = bench;
  const put = (offset: number, value: number): void => view.setUint32(TASK + offset, value, true);
  bench.describe(NEXT, TASK, 0x67, KIND.tss);
  put(TSS32.cr3, 0x5000);
  put(TSS32.eip, 0x3456);
  put(TSS32.eflags, FLAG.if | FLAG.zf);
  for (let index = 0; index < 8; index++) put(TSS32.eax + 4 * index, 0x1_0000 + index);
  for (const offset of [TSS32.es, TSS32.ss, TSS32.ds, TSS32.fs, TSS32.gs]) put(offset, SELECTOR.data[ring]);
  put(TSS32.cs, SELECTOR.code[ring]);
  put(TSS32.ldt, 0);
};

const setUp = (ring: 0 | 3 = 0, to: 0 | 3 = 3): SystemBench => {
  const bench = createSystemBench();
  bench.describe(SELECTOR.tss, PLACE.tss, 0x67, KIND.tss | 2);
  describeTask(bench, to);
  bench.gate({ selector: GATE }, taskGate, 3, [NEXT, 0]);
  bench.enter(ring);
  bench.state.flags = FLAG.cf;
  return bench;
};

const typeOf = (bench: SystemBench, selector: number): number =>
  bench.view.getUint8(PLACE.gdt + selector + 5) & 15;
const saved = (bench: SystemBench, offset: number, task: number = PLACE.tss): number =>
  bench.view.getUint32(task + offset, true);

describe("JMP to a task", () => {
  it.each([
    ["its segment", NEXT],
    ["a gate", GATE],
  ])("through %s saves one task and loads the other", (_name, selector) => {
    const bench = setUp();
    const { state } = bench;
    state.setRegister(REGISTER.rbx, 0x1234_5678);
    expect(bench.run(jump(selector))).toBe(OUTCOME.jumped);
    expect(saved(bench, TSS32.eip)).toBe(PLACE.code + 7);
    expect(saved(bench, TSS32.eflags)).toBe(FLAG.cf | FLAG.fixed);
    expect(saved(bench, TSS32.eax + 4 * REGISTER.rbx)).toBe(0x1234_5678);
    expect([saved(bench, TSS32.cs), saved(bench, TSS32.gs)]).toEqual([SELECTOR.code[0], SELECTOR.data[0]]);
    expect([state.instructionPointer, state.flags, state.privilege]).toEqual([
      0x3456,
      FLAG.if | FLAG.zf | FLAG.fixed,
      3,
    ]);
    for (let index = 0; index < 8; index++) expect(state.register(index)).toBe(0x1_0000 + index);
    expect(state.segment(SEGMENT.cs)).toMatchObject({ selector: SELECTOR.code[3], limit: 0xffff_ffff });
    expect(state.selector(SEGMENT.fs)).toBe(SELECTOR.data[3]);
    expect(state.segment(SEGMENT.tr)).toMatchObject({ selector: NEXT, base: TASK, attributes: 0x8b });
    expect(state.control(0) & CR0.ts).toBe(CR0.ts);
    expect([typeOf(bench, SELECTOR.tss), typeOf(bench, NEXT)]).toEqual([
      SYSTEM_TYPE.tss,
      SYSTEM_TYPE.busyTss,
    ]);
  });

  it("changes the page tables only where there are any, and clears local breakpoints", () => {
    const bench = setUp();
    bench.state.setDebug(7, 0x4ff);
    bench.run(jump(NEXT));
    expect([bench.state.control(3), bench.state.debug(7)]).toEqual([0, 0x4aa]);
    const paged = setUp();
    paged.state.setControl(0, (CR0.pe | CR0.pg) >>> 0);
    paged.run(jump(NEXT));
    expect(paged.state.control(3)).toBe(0x5000);
  });

  it.each([
    ["a busy task", (bench: SystemBench) => bench.describe(NEXT, TASK, 0x67, KIND.tss | 2), GP(NEXT)],
    ["an absent task", (bench: SystemBench) => bench.describe(NEXT, TASK, 0x67, 0x09), NP(NEXT)],
    ["a short segment", (bench: SystemBench) => bench.describe(NEXT, TASK, 0x66, KIND.tss), TS(NEXT)],
  ])("finds %s and changes nothing", (_name, change, fault) => {
    const bench = setUp();
    change(bench);
    const before = bench.snapshot();
    expect(bench.run(jump(NEXT))).toBe(fault);
    expect(bench.run(jump(GATE))).toBe(fault);
    expect(bench.snapshot()).toEqual(before);
  });

  it("checks the privilege of segment and gate, and where the segment lies", () => {
    expect(setUp(3).run(jump(NEXT | 3))).toBe(GP(NEXT));
    expect(setUp(3).run(jump(GATE | 3))).toBe(OUTCOME.jumped);
    const inner = setUp(3);
    inner.gate({ selector: GATE }, taskGate, 2, [NEXT, 0]);
    expect(inner.run(jump(GATE))).toBe(GP(GATE));
    const local = setUp();
    local.gate({ selector: GATE }, taskGate, 3, [NEXT | 4, 0]);
    expect(local.run(jump(GATE))).toBe(GP(NEXT | 4));
    const nothing = setUp();
    nothing.gate({ selector: GATE }, taskGate, 3, [SELECTOR.code[0], 0]);
    expect(nothing.run(jump(GATE))).toBe(GP(SELECTOR.code[0]));
  });

  it("finds pages missing before anything has changed", () => {
    const bench = setUp();
    bench.missing.add(TASK >> 12);
    const before = bench.snapshot();
    expect(bench.run(jump(NEXT)) & 0xff_0000).toBe(VECTOR.pageFault << 16);
    bench.missing.clear();
    bench.missing.add(PLACE.tss >> 12);
    expect(bench.run(jump(NEXT)) & 0xff_0000).toBe(VECTOR.pageFault << 16);
    expect(bench.snapshot().subarray(0, 0xe0)).toEqual(before.subarray(0, 0xe0));
    expect(typeOf(bench, NEXT)).toBe(SYSTEM_TYPE.tss);
  });
});

describe("a new task with a segment that does not fit", () => {
  it.each([
    ["LDT", TSS32.ldt, SELECTOR.code[0], TS(SELECTOR.code[0])],
    ["CS, null", TSS32.cs, 0, TS(0)],
    ["CS, data", TSS32.cs, SELECTOR.data[3], TS(SELECTOR.data[3] & ~3)],
    ["CS, another privilege", TSS32.cs, SELECTOR.code[0] | 3, TS(SELECTOR.code[0])],
    ["CS, absent", TSS32.cs, SELECTOR.free | 3, NP(SELECTOR.free)],
    ["SS, null", TSS32.ss, 0, TS(0)],
    ["SS, another privilege", TSS32.ss, SELECTOR.data[0], TS(SELECTOR.data[0])],
    ["DS, inner", TSS32.ds, SELECTOR.data[0], TS(SELECTOR.data[0])],
    ["GS, beyond the table", TSS32.gs, 0x1000, TS(0x1000)],
  ])("faults in that task: %s", (_name, offset, selector, fault) => {
    const bench = setUp();
    bench.describe(SELECTOR.free, 0, 0xf_ffff, atPrivilege(KIND.code & ~0x80, 3));
    bench.view.setUint32(TASK + offset, selector, true);
    expect(bench.run(jump(NEXT))).toBe(fault);
    expect([bench.state.selector(SEGMENT.tr), bench.state.instructionPointer]).toEqual([NEXT, 0x3456]);
  });

  it("may have null data segments; an absent stack is #SS", () => {
    const bench = setUp();
    for (const offset of [TSS32.es, TSS32.ds, TSS32.fs, TSS32.gs])
      bench.view.setUint32(TASK + offset, 0, true);
    expect(bench.run(jump(NEXT))).toBe(OUTCOME.jumped);
    const absent = setUp();
    absent.describe(SELECTOR.free, 0, 0xf_ffff, atPrivilege(KIND.data & ~0x80, 3));
    absent.view.setUint32(TASK + TSS32.ss, SELECTOR.free | 3, true);
    expect(absent.run(jump(NEXT))).toBe(SS(SELECTOR.free));
  });

  it("may be one of virtual-8086 mode", () => {
    const bench = setUp();
    bench.view.setUint32(TASK + TSS32.eflags, FLAG.vm, true);
    bench.view.setUint32(TASK + TSS32.cs, 0x1234, true);
    expect(bench.run(jump(NEXT))).toBe(OUTCOME.jumped);
    expect([bench.state.isVirtual8086, bench.state.privilege]).toEqual([true, 3]);
    expect(bench.state.segment(SEGMENT.cs).base).toBe(0x1_2340);
  });
});

describe("CALL to a task", () => {
  it("nests, and IRET with NT comes back", () => {
    const bench = setUp(0, 0);
    expect(bench.run(call(NEXT))).toBe(OUTCOME.jumped);
    expect(bench.state.flags & FLAG.nt).toBe(FLAG.nt);
    expect(bench.view.getUint16(TASK, true)).toBe(SELECTOR.tss);
    expect([typeOf(bench, SELECTOR.tss), typeOf(bench, NEXT)]).toEqual([
      SYSTEM_TYPE.busyTss,
      SYSTEM_TYPE.busyTss,
    ]);
    expect(bench.run("cf")).toBe(OUTCOME.jumped);
    expect([bench.state.instructionPointer, bench.state.flags]).toEqual([
      PLACE.code + 7,
      FLAG.cf | FLAG.fixed,
    ]);
    expect([typeOf(bench, SELECTOR.tss), typeOf(bench, NEXT)]).toEqual([
      SYSTEM_TYPE.busyTss,
      SYSTEM_TYPE.tss,
    ]);
    expect(saved(bench, TSS32.eflags, TASK) & FLAG.nt).toBe(0);
    expect(saved(bench, TSS32.eip, TASK)).toBe(0x3457);
  });

  it("IRET with NT needs a busy task behind its link", () => {
    const bench = setUp();
    bench.state.flags = FLAG.nt;
    for (const [link, fault] of [
      [0, TS(0)],
      [NEXT, TS(NEXT)],
      [0x1000, TS(0x1000)],
      [NEXT | 4, TS(NEXT | 4)],
    ] as const) {
      bench.view.setUint16(PLACE.tss, link, true);
      expect(bench.run("cf")).toBe(fault);
    }
  });
});

describe("interrupts through a task gate", () => {
  const withGate = (vector: number, ring: 0 | 3 = 3): SystemBench => {
    const bench = setUp(ring, 0);
    bench.gate({ vector }, taskGate, 3, [NEXT, 0]);
    return bench;
  };

  it("nest the task; an error code lies on its stack", () => {
    const bench = withGate(VECTOR.generalProtection);
    bench.view.setUint32(TASK + TSS32.esp0 + 52, PLACE.innerStack, true);
    expect(raiseException(bench.core, GP(0x1234))).toBe(OUTCOME.jumped);
    expect([bench.state.privilege, bench.state.flags & FLAG.nt]).toEqual([0, FLAG.nt]);
    expect([bench.state.register(REGISTER.rsp), bench.stack(1)[0]]).toEqual([PLACE.innerStack - 4, 0x1234]);
    expect([saved(bench, TSS32.eip), saved(bench, TSS32.eflags) & FLAG.rf]).toEqual([PLACE.code, FLAG.rf]);
  });

  it("by INT n go on behind it and check the gate's privilege alone", () => {
    const bench = withGate(0x80);
    expect(bench.run("cd80")).toBe(OUTCOME.jumped);
    expect(saved(bench, TSS32.eip)).toBe(PLACE.code + 2);
    const inner = withGate(0x80);
    inner.gate({ vector: 0x80 }, taskGate, 2, [NEXT, 0]);
    expect(inner.run("cd80")).toBe(GP(0x80 * 8 + 2));
  });

  it("find a busy or absent task, with EXT where an exception does", () => {
    const bench = withGate(0x80);
    bench.describe(NEXT, TASK, 0x67, KIND.tss | 2);
    expect(bench.run("cd80")).toBe(GP(NEXT));
    bench.describe(NEXT, TASK, 0x67, 0x09);
    expect(bench.run("cd80")).toBe(NP(NEXT));
    const exception = withGate(VECTOR.invalidOpcode);
    exception.describe(NEXT, TASK, 0x67, KIND.tss | 2);
    exception.gate({ vector: VECTOR.generalProtection }, SYSTEM_TYPE.interruptGate, 0, [
      SELECTOR.code[0],
      0x3000,
    ]);
    raiseException(exception.core, 0x4006_0000);
    expect(exception.stack(1)).toEqual([NEXT | 1]);
  });
});

describe("other tasks", () => {
  it("of 16 bits have words, four segments, and leave the page tables alone", () => {
    const bench = setUp();
    const { state, view } = bench;
    state.setControl(0, (CR0.pe | CR0.pg) >>> 0);
    bench.describe(NEXT, TASK, 0x2b, KIND.tss16);
    const put = (offset: number, value: number): void => view.setUint16(TASK + offset, value, true);
    put(TSS16.ip, 0x3456);
    put(TSS16.flags, FLAG.zf);
    put(TSS16.ax + 2 * REGISTER.rsi, 0x4321);
    for (const offset of [TSS16.es, TSS16.ss, TSS16.ds]) put(offset, SELECTOR.data[0]);
    put(TSS16.cs, SELECTOR.code[0]);
    put(TSS16.ldt, 0);
    expect(bench.run(call(NEXT))).toBe(OUTCOME.jumped);
    expect([state.instructionPointer, state.register(REGISTER.rsi), state.control(3)]).toEqual([
      0x3456, 0x4321, 0,
    ]);
    expect([state.selector(SEGMENT.ds), state.selector(SEGMENT.fs)]).toEqual([SELECTOR.data[0], 0]);
    state.setRegister(REGISTER.rsi, 0x8765_1111);
    expect(bench.run("cf")).toBe(OUTCOME.jumped);
    expect(view.getUint16(TASK + TSS16.ax + 2 * REGISTER.rsi, true)).toBe(0x1111);
    expect(typeOf(bench, NEXT)).toBe(SYSTEM_TYPE.tss16);
    expect(state.selector(SEGMENT.fs)).toBe(SELECTOR.data[0]);
  });

  it("with a debug trap raise #DB before their first instruction", () => {
    const bench = setUp();
    bench.view.setUint16(TASK + TSS32.trap, 1, true);
    expect(bench.run(jump(NEXT))).toBe(0x4001_0000);
    expect([bench.state.debug(6) & 0x8000, bench.state.instructionPointer]).toEqual([0x8000, 0x3456]);
  });

  it("are not there under a monitor", () => {
    const bench = createSystemBench({ monitored: true });
    describeTask(bench);
    bench.enter(1);
    expect(bench.run(jump(NEXT))).toBe(GP(NEXT));
  });
});
