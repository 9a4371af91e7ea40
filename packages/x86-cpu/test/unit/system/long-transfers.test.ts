import { EFER, FLAG, REGISTER, SEGMENT, SYSTEM_TYPE } from "@xenolith/x86-architecture";
import { describe, expect, it } from "vitest";
import { OUTCOME } from "../../../src/engine/system-operations.ts";
import { MSR_SLOT } from "../../../src/state/layout.ts";
import { GP, NP, SS, UD } from "../../support/faults.ts";
import { CODE64, createLongBench, HIGH, KIND64, type LongBench, STACK64 } from "../../support/long-bench.ts";
import { atPrivilege, KIND, PLACE, SELECTOR } from "../../support/system-bench.ts";

const { rax, rcx, rdx, rsp, r11 } = REGISTER;
const GATE = 0xa0;
const { callGate, callGate16, taskGate } = SYSTEM_TYPE;

/** Puts a far pointer of a size at `PLACE.data`, where RAX points. */
const point = (bench: LongBench, selector: number, offset: number | bigint, size: 2 | 4 | 8): void => {
  const value = BigInt.asUintN(64, BigInt(offset));
  bench.view.setBigUint64(PLACE.data, value, true);
  bench.view.setUint16(PLACE.data + size, selector, true);
  bench.state.setRegister(rax, PLACE.data);
};

/** JMP and CALL far through [RAX], with REX.W and without. */
const JUMP_WIDE = "48ff28";
const JUMP = "ff28";
const CALL_WIDE = "48ff18";
const CALL = "ff18";

describe("far transfers in 64-bit code", () => {
  it("JMP goes to 64-bit code with REX.W, and to compatibility mode", () => {
    const bench = createLongBench();
    point(bench, CODE64[0], HIGH + 0x5000, 8);
    expect(bench.run(JUMP_WIDE)).toBe(OUTCOME.jumped);
    expect(bench.state.instructionPointer).toBe(HIGH + 0x5000);
    point(bench, SELECTOR.code[0], 0x6000, 4);
    expect(bench.run(JUMP)).toBe(OUTCOME.jumped);
    expect([bench.state.isWideCode, bench.state.instructionPointer]).toEqual([false, 0x6000]);
  });

  it.each([
    ["an offset that is not canonical", CODE64[0], 2 ** 47, GP(0)],
    ["an offset beyond a limit", SELECTOR.code[0], 2 ** 32, GP(0)],
    ["code with L and D", SELECTOR.free, 0, GP(SELECTOR.free)],
    ["a task state segment", SELECTOR.tss, 0, GP(SELECTOR.tss)],
  ] as const)("JMP refuses %s", (_name, selector, offset, fault) => {
    const bench = createLongBench();
    bench.describe(SELECTOR.free, 0, 0xf_ffff, KIND64.contradictory);
    point(bench, selector, offset, 8);
    expect(bench.run(JUMP_WIDE)).toBe(fault);
  });

  it("CALL pushes by operand size, RET takes it back", () => {
    const bench = createLongBench();
    bench.state.instructionPointer = HIGH + PLACE.code;
    point(bench, CODE64[0], 0x5000, 8);
    expect(bench.run(CALL_WIDE)).toBe(OUTCOME.jumped);
    expect(bench.stack64(2)).toEqual([BigInt.asUintN(64, BigInt(HIGH + PLACE.code + 3)), BigInt(CODE64[0])]);
    expect(bench.run("48ca0800")).toBe(OUTCOME.jumped);
    expect(bench.state.instructionPointer).toBe(HIGH + PLACE.code + 3);
    expect(bench.state.register(rsp)).toBe(PLACE.stack + 8);
    bench.state.instructionPointer = PLACE.code;
    point(bench, CODE64[0], 0x5000, 4);
    bench.run(CALL);
    expect(bench.state.register(rsp)).toBe(PLACE.stack);
    expect(bench.stack(2)).toEqual([PLACE.code + 2, CODE64[0]]);
  });

  it("RET goes to ring 3 with its stack", () => {
    const bench = createLongBench();
    const values = [0x40_0000n, BigInt(CODE64[3]), 0x7fff_0000_0000n, BigInt(SELECTOR.data[3])];
    for (const [i, value] of values.entries()) bench.view.setBigUint64(PLACE.stack + 8 * i, value, true);
    expect(bench.run("48cb")).toBe(OUTCOME.jumped);
    expect([bench.state.privilege, bench.state.wideRegister(rsp)]).toEqual([3, 0x7fff_0000_0000n]);
  });

  it("CALL and RET on a stack that is not canonical raise #SS", () => {
    const bench = createLongBench();
    bench.state.setWideRegister(rsp, 0x8000_0000_0000n);
    point(bench, CODE64[0], 0x5000, 8);
    expect(bench.run("48cb")).toBe(SS(0));
    bench.state.setWideRegister(rsp, 0x8000_0000_0010n);
    expect(bench.run(CALL_WIDE)).toBe(SS(0));
  });

  it("CALL from compatibility mode pushes on its stack", () => {
    const bench = createLongBench();
    bench.enter(0);
    bench.view.setUint32(PLACE.data, 0x5000, true);
    bench.view.setUint16(PLACE.data + 4, CODE64[0], true);
    bench.state.setRegister(rax, PLACE.data);
    expect(bench.run("ff18")).toBe(OUTCOME.jumped);
    expect([bench.state.isWideCode, bench.stack(2)]).toEqual([true, [PLACE.code + 2, SELECTOR.code[0]]]);
  });
});

describe("call gates of IA-32e mode", () => {
  const setUp = (ring: 0 | 3, type: number = callGate): LongBench => {
    const bench = createLongBench();
    bench.enter64(ring);
    bench.gate64({ selector: GATE }, type, 3, [CODE64[0], HIGH + 0x5000]);
    point(bench, GATE | 3, 0, 8);
    return bench;
  };

  it("change to the stack of the TSS with a null SS", () => {
    const bench = setUp(3);
    expect(bench.run(CALL_WIDE)).toBe(OUTCOME.jumped);
    expect([bench.state.privilege, bench.state.instructionPointer]).toEqual([0, HIGH + 0x5000]);
    expect(bench.state.selector(SEGMENT.ss)).toBe(0);
    expect(bench.state.register(rsp)).toBe(STACK64.ring0 - 32);
    expect(bench.stack64(4)).toEqual(
      [PLACE.code + 3, CODE64[3], PLACE.stack, SELECTOR.data[3]].map((value) => BigInt(value)),
    );
    expect(bench.run("48cb")).toBe(OUTCOME.jumped);
    expect([bench.state.privilege, bench.state.register(rsp)]).toEqual([3, PLACE.stack]);
  });

  it("in the same ring push two values, and JMP none", () => {
    const bench = setUp(0);
    expect(bench.run(CALL_WIDE)).toBe(OUTCOME.jumped);
    expect(bench.state.register(rsp)).toBe(PLACE.stack - 16);
    expect(setUp(0).run(JUMP_WIDE)).toBe(OUTCOME.jumped);
  });

  it("are the only ones", () => {
    for (const type of [callGate16, taskGate]) expect(setUp(3, type).run(CALL_WIDE)).toBe(GP(GATE));
  });

  it("need an upper half without a type, and 64-bit code", () => {
    const bench = setUp(3);
    bench.view.setUint32(PLACE.gdt + GATE + 12, 0x200, true);
    expect(bench.run(CALL_WIDE)).toBe(GP(GATE));
    bench.gate64({ selector: GATE }, callGate, 3, [SELECTOR.code[0], 0]);
    expect(bench.run(CALL_WIDE)).toBe(GP(SELECTOR.code[0]));
    bench.gate64({ selector: GATE }, callGate, 3, [CODE64[0], 2 ** 47]);
    expect(bench.run(CALL_WIDE)).toBe(GP(0));
    bench.view.setUint8(PLACE.gdt + GATE + 5, 0x6c);
    expect(bench.run(CALL_WIDE)).toBe(NP(GATE));
  });
});

describe("system calls", () => {
  const setUp = (ring: 0 | 3): LongBench => {
    const bench = createLongBench();
    bench.enter64(ring);
    bench.state.setMsr(MSR_SLOT.star, 0x0023_0010_0000_0000n);
    bench.state.setMsr(MSR_SLOT.lstar, BigInt.asUintN(64, BigInt(HIGH + 0x7000)));
    bench.state.setMsr(MSR_SLOT.fmask, BigInt(FLAG.if | FLAG.df));
    return bench;
  };

  it("SYSCALL saves what SYSRET takes back", () => {
    const bench = setUp(3);
    bench.state.flags = FLAG.if | FLAG.df | FLAG.cf;
    bench.state.setWideRegister(rsp, 0x7fff_1234_5678n);
    expect(bench.run("0f05")).toBe(OUTCOME.jumped);
    expect(bench.state.wideRegister(rcx)).toBe(BigInt(PLACE.code + 2));
    expect(bench.state.wideRegister(r11)).toBe(BigInt(FLAG.if | FLAG.df | FLAG.cf | FLAG.fixed));
    expect(bench.state.segment(SEGMENT.cs)).toEqual({
      selector: 0x10,
      base: 0,
      limit: 0xffff_ffff,
      attributes: 0xa09b,
    });
    expect([bench.state.selector(SEGMENT.ss), bench.state.privilege]).toEqual([0x18, 0]);
    expect([bench.state.instructionPointer, bench.state.flags]).toEqual([
      HIGH + 0x7000,
      FLAG.cf | FLAG.fixed,
    ]);
    expect(bench.state.wideRegister(rsp)).toBe(0x7fff_1234_5678n);
    expect(bench.run("480f07")).toBe(OUTCOME.jumped);
    expect([bench.state.selector(SEGMENT.cs), bench.state.selector(SEGMENT.ss)]).toEqual([0x33, 0x2b]);
    expect([bench.state.isWideCode, bench.state.instructionPointer, bench.state.privilege]).toEqual([
      true,
      PLACE.code + 2,
      3,
    ]);
    expect(bench.state.flags).toBe(FLAG.if | FLAG.df | FLAG.cf | FLAG.fixed);
  });

  it("SYSRET without REX.W goes to compatibility mode; RF and VM stay clear", () => {
    const bench = setUp(0);
    bench.state.setWideRegister(rcx, 0xffff_ffff_0000_1234n);
    bench.state.setWideRegister(r11, 0xffff_ffff_ffff_ffffn);
    expect(bench.run("0f07")).toBe(OUTCOME.jumped);
    expect([bench.state.isWideCode, bench.state.instructionPointer]).toEqual([false, 0x1234]);
    expect([bench.state.selector(SEGMENT.cs), bench.state.selector(SEGMENT.ss)]).toEqual([0x23, 0x2b]);
    expect(bench.state.flags).toBe(0x3c_7fd7);
  });

  it("SYSRET with a target that is not canonical faults in ring 0", () => {
    const bench = setUp(0);
    bench.state.setWideRegister(rcx, 0x8000_0000_0000n);
    expect(bench.run("480f07")).toBe(GP(0));
    expect(bench.state.privilege).toBe(0);
  });

  it("do not exist outside 64-bit code or without EFER.SCE, and SYSRET is ring 0's", () => {
    const bench = setUp(3);
    expect(bench.run("480f07")).toBe(GP(0));
    bench.state.setMsr(MSR_SLOT.efer, BigInt(EFER.lme | EFER.lma));
    expect([bench.run("0f05"), bench.run("0f07")]).toEqual([UD, UD]);
    const compatible = setUp(3);
    compatible.enter(3);
    expect(compatible.run("0f05")).toBe(UD);
  });

  it("SYSENTER goes to 64-bit code from anywhere, SYSEXIT back to both kinds", () => {
    const bench = setUp(3);
    bench.enter(3);
    bench.state.setMsr(MSR_SLOT.sysenterCs, 0x10n);
    bench.state.setMsr(MSR_SLOT.sysenterEsp, 0xffff_8000_0000_1000n);
    bench.state.setMsr(MSR_SLOT.sysenterEip, BigInt.asUintN(64, BigInt(HIGH)));
    expect(bench.run("0f34")).toBe(OUTCOME.jumped);
    expect([bench.state.isWideCode, bench.state.instructionPointer]).toEqual([true, HIGH]);
    expect(bench.state.wideRegister(rsp)).toBe(0xffff_8000_0000_1000n);
    bench.state.setWideRegister(rdx, 0x7fff_0000_1111n);
    bench.state.setWideRegister(rcx, 0x7fff_0000_2222n);
    expect(bench.run("480f35")).toBe(OUTCOME.jumped);
    expect([bench.state.selector(SEGMENT.cs), bench.state.selector(SEGMENT.ss)]).toEqual([0x33, 0x3b]);
    expect([bench.state.instructionPointer, bench.state.wideRegister(rsp)]).toEqual([
      0x7fff_0000_1111,
      0x7fff_0000_2222n,
    ]);
    bench.enter64(0);
    bench.state.setWideRegister(rdx, 0x8000_0000_0000n);
    expect(bench.run("480f35")).toBe(GP(0));
    expect(bench.run("0f35")).toBe(OUTCOME.jumped);
    expect([bench.state.isWideCode, bench.state.selector(SEGMENT.cs)]).toEqual([false, 0x23]);
  });

  it("are left to a monitor", () => {
    const bench = createLongBench({ monitored: true });
    bench.enter64(3);
    const before = bench.snapshot();
    for (const code of ["0f05", "480f07", "0f01f8"]) expect(bench.run(code)).toBe(OUTCOME.privileged);
    expect(bench.snapshot()).toEqual(before);
  });

  it("SWAPGS exchanges the base of GS in ring 0 of 64-bit code", () => {
    const bench = createLongBench();
    bench.state.setMsr(MSR_SLOT.kernelGsBase, 0xffff_8880_0000_0000n);
    expect(bench.run("0f01f8")).toBe(OUTCOME.next);
    expect(bench.state.segment(SEGMENT.gs)).toMatchObject({
      selector: SELECTOR.data[0],
      base: -0x7780_0000_0000,
    });
    expect(bench.state.msr(MSR_SLOT.kernelGsBase)).toBe(0n);
    bench.enter64(3);
    expect(bench.run("0f01f8")).toBe(GP(0));
    bench.enter(0);
    expect(bench.run("0f01f8")).toBe(UD);
  });
});

describe("segments in 64-bit code", () => {
  it("a null SS may be loaded inside ring 3 with its RPL; never in compatibility mode", () => {
    const bench = createLongBench();
    bench.state.setRegister(rax, 0);
    expect(bench.run("8ed0")).toBe(OUTCOME.shadow);
    bench.state.setRegister(rax, 1);
    expect(bench.run("8ed0")).toBe(GP(0));
    bench.enter64(3);
    bench.state.setRegister(rax, 3);
    expect(bench.run("8ed0")).toBe(GP(0));
    bench.enter(0);
    bench.state.setRegister(rax, 0);
    expect(bench.run("8ed0")).toBe(GP(0));
  });

  it("FS is pushed and popped as eight bytes; a null selector clears its base", () => {
    const bench = createLongBench();
    expect(bench.run("0fa0")).toBe(OUTCOME.next);
    expect(bench.stack64(1)).toEqual([BigInt(SELECTOR.data[0])]);
    bench.view.setBigUint64(PLACE.stack - 8, 0n, true);
    bench.state.setSegment(SEGMENT.fs, { selector: 0, base: 0x1234, limit: 0, attributes: 0 });
    expect(bench.run("0fa1")).toBe(OUTCOME.next);
    expect([bench.state.segment(SEGMENT.fs).base, bench.state.register(rsp)]).toEqual([0, PLACE.stack]);
  });

  it("LGS with REX.W loads all 64 bits of an offset", () => {
    const bench = createLongBench();
    point(bench, SELECTOR.data[0], 0x1234_5678_9abc_def0n, 8);
    expect(bench.run("480fb508")).toBe(OUTCOME.next);
    expect(bench.state.wideRegister(rcx)).toBe(0x1234_5678_9abc_def0n);
  });

  it("conforming code of an inner ring may be called", () => {
    const bench = createLongBench();
    bench.enter64(3);
    bench.describe(SELECTOR.free, 0, 0, KIND64.conforming);
    point(bench, SELECTOR.free, 0x5000, 8);
    expect(bench.run(CALL_WIDE)).toBe(OUTCOME.jumped);
    expect(bench.state.selector(SEGMENT.cs)).toBe(SELECTOR.free | 3);
    bench.describe(SELECTOR.free, 0, 0xf_ffff, atPrivilege(KIND.code, 0));
    expect(bench.run(CALL_WIDE)).toBe(GP(SELECTOR.free));
  });
});
