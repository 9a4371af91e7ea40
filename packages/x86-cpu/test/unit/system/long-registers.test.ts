import { CR0, CR4, EFER, REGISTER, SEGMENT, SYSTEM_TYPE } from "@xenolith/x86-architecture";
import { describe, expect, it } from "vitest";
import { OUTCOME } from "../../../src/engine/system-operations.ts";
import { MSR_SLOT } from "../../../src/state/layout.ts";
import { GP, UD } from "../../support/faults.ts";
import { createLongBench, HIGH, type LongBench } from "../../support/long-bench.ts";
import { createSystemBench, PLACE, SELECTOR, type SystemBench } from "../../support/system-bench.ts";

const { rax, rcx, rdx, rsi, rdi, r8 } = REGISTER;
const { next } = OUTCOME;
const NOT_CANONICAL = 0x8000_0000_0000n;

const setWide = (bench: SystemBench, values: Readonly<Record<number, bigint>>): void => {
  for (const [index, value] of Object.entries(values)) bench.state.setWideRegister(Number(index), value);
};

const writeMsr = (bench: SystemBench, index: number, value: bigint): number => {
  setWide(bench, { [rcx]: BigInt(index), [rax]: value & 0xffff_ffffn, [rdx]: value >> 32n });
  return bench.run("0f30");
};
const readMsr = (bench: SystemBench, index: number): bigint | number => {
  setWide(bench, { [rcx]: BigInt(index) });
  const outcome = bench.run("0f32");
  if (outcome !== next) return outcome;
  return (bench.state.wideRegister(rdx) << 32n) | bench.state.wideRegister(rax);
};

describe("control registers", () => {
  it.each([
    ["CR0", "0f22c0", 0x1_8000_0001n, GP(0)],
    ["CR4", "0f22e0", 0x1_0000_0020n, GP(0)],
    ["CR3 beyond physical addresses", "0f22d8", 1n << 40n, GP(0)],
    ["CR3", "0f22d8", 0xff_ffff_f000n, next],
    ["CR2, any value", "0f22d0", 0x1234_5678_9abc_def0n, next],
    ["CR8", "440f22c0", 0xfn, next],
    ["CR8, more than four bits", "440f22c0", 0x10n, GP(0)],
    ["CR4.PAE cleared", "0f22e0", 0n, GP(0)],
    ["CR4.PCIDE, which the model lacks", "0f22e0", 0x2_0020n, GP(0)],
    ["CR0.PG cleared in 64-bit code", "0f22c0", 0x1n, GP(0)],
    ["DR0, any value", "0f23c0", 0x1234_5678_9abc_def0n, next],
    ["DR7 with upper bits", "0f23f8", 0x1_0000_0400n, GP(0)],
    ["DR6 with upper bits", "0f23f0", 0x1_0000_0000n, GP(0)],
  ] as const)("MOV to %s", (_name, code, value, outcome) => {
    const bench = createLongBench();
    setWide(bench, { [rax]: value });
    expect(bench.run(code)).toBe(outcome);
    if (outcome !== next) return;
    setWide(bench, { [rax]: 0n });
    const back = code.replace("0f22", "0f20").replace("0f23", "0f21");
    expect(bench.run(back)).toBe(next);
    expect(bench.state.wideRegister(rax)).toBe(value);
  });

  it("R8 and above can be used", () => {
    const bench = createLongBench();
    setWide(bench, { [r8]: 0x1234_5000n });
    expect(bench.run("410f22d8")).toBe(next);
    expect(bench.state.control(3)).toBe(0x1234_5000);
  });

  it("clearing PG in compatibility mode leaves IA-32e mode", () => {
    const bench = createLongBench();
    bench.enter(0);
    setWide(bench, { [rax]: 1n });
    expect(bench.run("0f22c0")).toBe(next);
    expect(bench.state.isLongMode).toBe(false);
    expect(bench.state.msr(MSR_SLOT.efer) & BigInt(EFER.lme)).toBe(BigInt(EFER.lme));
  });
});

describe("entering IA-32e mode", () => {
  const setUp = (): LongBench => {
    const bench = createLongBench();
    bench.state.setControl(0, CR0.pe);
    bench.state.setMsr(MSR_SLOT.efer, BigInt(EFER.lme));
    bench.enter(0);
    setWide(bench, { [rax]: 0x8000_0001n });
    return bench;
  };
  const ENABLE_PAGING = "0f22c0";

  it("happens when paging is turned on", () => {
    const bench = setUp();
    expect(bench.run(ENABLE_PAGING)).toBe(next);
    expect(bench.state.isLongMode).toBe(true);
    expect(bench.state.isWideCode).toBe(false);
  });

  it("needs PAE", () => {
    const bench = setUp();
    bench.state.setControl(4, 0);
    expect(bench.run(ENABLE_PAGING)).toBe(GP(0));
  });

  it("refuses CS with L, and a 16-bit task", () => {
    const bench = setUp();
    const code = bench.state.segment(SEGMENT.cs);
    bench.state.setSegment(SEGMENT.cs, { ...code, attributes: code.attributes | 0x2000 });
    expect(bench.run(ENABLE_PAGING)).toBe(GP(0));
    bench.state.setSegment(SEGMENT.cs, code);
    const task = bench.state.segment(SEGMENT.tr);
    bench.state.setSegment(SEGMENT.tr, { ...task, attributes: 0x83 });
    expect(bench.run(ENABLE_PAGING)).toBe(GP(0));
  });
});

describe("model-specific registers of 64-bit mode", () => {
  it("EFER: LME changes only without paging, LMA not at all, reserved bits fault", () => {
    const bench = createLongBench();
    const both = BigInt(EFER.lme | EFER.lma);
    expect(writeMsr(bench, 0xc000_0080, both | BigInt(EFER.nxe))).toBe(next);
    expect(readMsr(bench, 0xc000_0080)).toBe(both | BigInt(EFER.nxe));
    expect(writeMsr(bench, 0xc000_0080, BigInt(EFER.lme))).toBe(next);
    expect(readMsr(bench, 0xc000_0080)).toBe(both);
    expect(writeMsr(bench, 0xc000_0080, 0n)).toBe(GP(0));
    expect(writeMsr(bench, 0xc000_0080, both | 2n)).toBe(GP(0));
  });

  it.each([0xc000_0082, 0xc000_0083, 0xc000_0100, 0xc000_0101, 0xc000_0102, 0x175, 0x176])(
    "%d takes canonical addresses alone",
    (index) => {
      const bench = createLongBench();
      expect(writeMsr(bench, index, 0xffff_8000_0000_0000n)).toBe(next);
      expect(readMsr(bench, index)).toBe(0xffff_8000_0000_0000n);
      expect(writeMsr(bench, index, NOT_CANONICAL)).toBe(GP(0));
      expect(readMsr(bench, index)).toBe(0xffff_8000_0000_0000n);
    },
  );

  it("the bases of FS and GS change and nothing else of them", () => {
    const bench = createLongBench();
    expect(writeMsr(bench, 0xc000_0100, 0x1234_5678_9000n)).toBe(next);
    expect(bench.state.segment(SEGMENT.fs)).toMatchObject({
      selector: SELECTOR.data[0],
      base: 0x1234_5678_9000,
    });
  });

  it("FMASK and TSC_AUX have 32 bits, PAT only memory types", () => {
    const bench = createLongBench();
    for (const index of [0xc000_0084, 0xc000_0103]) {
      expect(writeMsr(bench, index, 0xffff_ffffn)).toBe(next);
      expect(writeMsr(bench, index, 0x1_0000_0000n)).toBe(GP(0));
    }
    expect(writeMsr(bench, 0x277, 0x0007_0406_0007_0406n)).toBe(next);
    expect(writeMsr(bench, 0x277, 0x0200_0000_0000_0000n)).toBe(GP(0));
  });

  it("RDTSCP gives TSC_AUX", () => {
    const bench = createLongBench();
    writeMsr(bench, 0xc000_0103, 7n);
    expect(bench.run("0f01f9")).toBe(next);
    expect([bench.state.wideRegister(rax), bench.state.wideRegister(rdx)]).toEqual([0x2345_6789n, 1n]);
    expect(bench.state.wideRegister(rcx)).toBe(7n);
  });

  it("are not those of a 32-bit processor", () => {
    const bench = createSystemBench();
    for (const index of [0xc000_0081, 0xc000_0082, 0xc000_0100, 0xc000_0102, 0xc000_0103]) {
      expect(readMsr(bench, index)).toBe(GP(0));
      expect(writeMsr(bench, index, 0n)).toBe(GP(0));
    }
    expect(writeMsr(bench, 0xc000_0080, BigInt(EFER.lme))).toBe(GP(0));
    expect(bench.run("0f01f9")).toBe(UD);
    expect(writeMsr(bench, 0x175, 0x1_0000_0000n)).toBe(GP(0));
  });
});

describe("descriptor tables in 64-bit code", () => {
  it("have ten bytes in memory, whatever the operand size", () => {
    const bench = createLongBench();
    bench.view.setUint16(PLACE.data, 0x1ff, true);
    bench.view.setBigUint64(PLACE.data + 2, 0xffff_8000_1234_5678n, true);
    setWide(bench, { [rax]: BigInt(PLACE.data) });
    expect(bench.run("660f0118")).toBe(next);
    expect(bench.state.idtr).toEqual({ base: -0x8000_0000_0000 + 0x1234_5678, limit: 0x1ff });
    setWide(bench, { [rax]: BigInt(PLACE.data + 0x20) });
    expect(bench.run("0f0108")).toBe(next);
    expect(bench.view.getUint16(PLACE.data + 0x20, true)).toBe(0x1ff);
    expect(bench.view.getBigUint64(PLACE.data + 0x22, true)).toBe(0xffff_8000_1234_5678n);
  });

  it("LGDT refuses a base that is not canonical", () => {
    const bench = createLongBench();
    bench.view.setBigUint64(PLACE.data + 2, NOT_CANONICAL, true);
    setWide(bench, { [rax]: BigInt(PLACE.data) });
    expect(bench.run("0f0110")).toBe(GP(0));
  });

  it("in the upper half are read there", () => {
    const bench = createLongBench();
    bench.state.gdtr = { base: HIGH + PLACE.gdt, limit: 0xfff };
    setWide(bench, { [rax]: BigInt(SELECTOR.data[0]) });
    expect(bench.run("8ed8")).toBe(next);
  });
});

describe("system segments of IA-32e mode", () => {
  const AT = 0xa0;
  const setUp = (type: number, upper = 0xffff_8000, last = 0): LongBench => {
    const bench = createLongBench();
    bench.describe(AT, 0x1234_0000, 0x67, 0x80 | type);
    bench.view.setUint32(PLACE.gdt + AT + 8, upper, true);
    bench.view.setUint32(PLACE.gdt + AT + 12, last, true);
    setWide(bench, { [rax]: BigInt(AT) });
    return bench;
  };
  const BASE = -0x8000_0000_0000 + 0x1234_0000;

  it("LTR and LLDT read bases of 64 bits; LTR marks the task busy", () => {
    const task = setUp(SYSTEM_TYPE.tss);
    expect(task.run("0f00d8")).toBe(next);
    expect(task.state.segment(SEGMENT.tr)).toMatchObject({ base: BASE, limit: 0x67, attributes: 0x8b });
    expect(task.view.getUint8(PLACE.gdt + AT + 5)).toBe(0x8b);
    const table = setUp(SYSTEM_TYPE.ldt);
    expect(table.run("0f00d0")).toBe(next);
    expect(table.state.segment(SEGMENT.ldtr).base).toBe(BASE);
  });

  it("LTR refuses 16-bit tasks, upper halves with a type, and bases that are not canonical", () => {
    for (const bench of [
      setUp(SYSTEM_TYPE.tss16),
      setUp(SYSTEM_TYPE.tss, 0, 0x100),
      setUp(SYSTEM_TYPE.tss, 0x8000),
    ]) {
      expect(bench.run("0f00d8")).toBe(GP(AT));
    }
  });

  it("STR, SLDT and SMSW fill a register of 64 bits", () => {
    const bench = createLongBench();
    setWide(bench, { [rax]: 0xffff_ffff_ffff_ffffn });
    expect(bench.run("480f00c8")).toBe(next);
    expect(bench.state.wideRegister(rax)).toBe(BigInt(SELECTOR.tss));
    expect(bench.run("480f01e0")).toBe(next);
    expect(bench.state.wideRegister(rax)).toBe(0x8000_0001n);
  });

  it.each([
    [SYSTEM_TYPE.tss16, false, false],
    [SYSTEM_TYPE.callGate16, false, false],
    [SYSTEM_TYPE.taskGate, false, false],
    [SYSTEM_TYPE.ldt, true, true],
    [SYSTEM_TYPE.tss, true, true],
    [SYSTEM_TYPE.busyTss, true, true],
    [SYSTEM_TYPE.callGate, true, false],
    [SYSTEM_TYPE.interruptGate, false, false],
  ])("LAR and LSL tell of type %d: %s, %s", (type, byLar, byLsl) => {
    const bench = setUp(type);
    bench.run("0f02c8");
    expect((bench.state.flags & 0x40) !== 0).toBe(byLar);
    bench.run("0f03c8");
    expect((bench.state.flags & 0x40) !== 0).toBe(byLsl);
  });
});

describe("ports and pages in 64-bit code", () => {
  it("REP OUTS and INS use all of their registers", () => {
    const bench = createLongBench();
    bench.view.setUint16(PLACE.data, 0x4241, true);
    setWide(bench, {
      [rcx]: 2n,
      [rdx]: 0x80n,
      [rsi]: BigInt.asUintN(64, BigInt(HIGH + PLACE.data)),
    });
    expect([bench.run("f36e"), bench.run("f36e")]).toEqual([OUTCOME.again, next]);
    expect(bench.portWrites.map(([, , value]) => value)).toEqual([0x41, 0x42]);
    expect(bench.state.addressRegister(rsi)).toBe(HIGH + PLACE.data + 2);
    setWide(bench, { [rdi]: NOT_CANONICAL });
    expect(bench.run("6c")).toBe(GP(0));
  });

  it("INVLPG names a page of 64 bits, with the base of GS alone", () => {
    const bench = createLongBench();
    setWide(bench, { [rax]: BigInt.asUintN(64, BigInt(HIGH)) });
    bench.state.setSegment(SEGMENT.gs, { selector: 0, base: 0x1000, limit: 0, attributes: 0 });
    expect([bench.run("0f0138"), bench.run("650f0138")]).toEqual([next, next]);
    setWide(bench, { [rax]: NOT_CANONICAL });
    expect(bench.run("0f0138")).toBe(next);
    expect(bench.invalidated).toEqual([HIGH, HIGH + 0x1000]);
  });

  it("PUSHF and POPF move eight bytes", () => {
    const bench = createLongBench();
    bench.state.flags = 0x246;
    expect(bench.run("9c")).toBe(next);
    expect(bench.stack64(1)).toEqual([0x246n]);
    bench.view.setBigUint64(PLACE.stack - 8, 0xffff_ffff_0000_0001n, true);
    expect(bench.run("9d")).toBe(next);
    expect([bench.state.flags, bench.state.register(4)]).toEqual([3, PLACE.stack]);
  });

  it("CR4 of a 32-bit processor has only what its CPUID tells", () => {
    const bench = createSystemBench();
    for (const [bit, outcome] of [
      [CR4.umip, GP(0)],
      [CR4.osxsave, GP(0)],
      [CR4.fsgsbase, GP(0)],
      [CR4.vme | CR4.pvi | CR4.de | CR4.pse | CR4.pge | CR4.pae, next],
    ] as const) {
      bench.state.setRegister(rax, bit);
      expect(bench.run("0f22e0")).toBe(outcome);
    }
    expect(bench.run("0f20e0")).toBe(next);
  });
});
