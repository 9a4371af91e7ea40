import { EXIT, type Exit } from "@xenolith/machine-interface";
import { createFakeMemory, createIdentityTranslator } from "@xenolith/machine-interface/testing";
import { FLAG, REGISTER, SEGMENT, VECTOR, type X86Vcpu } from "@xenolith/x86-architecture";
import { describe, expect, it } from "vitest";
import { createMonitoredProcessor } from "../../../src/index.ts";
import { createDescriptorTable, flatSegment } from "../../support/descriptor-table.ts";
import { placeCode } from "../../support/engine-bench.ts";

const CODE = 0x1000;
const STACK = 0x9000;
const DATA = 0x3000;
/** Ring 3: 64-bit code, data, compatible code; and 64-bit code of ring 0, the monitor's own. */
const SELECTOR = { code: 0x0b, data: 0x13, compatible: 0x1b, monitor: 0x20 } as const;
const { rax, rcx, rsp, r8, r15 } = REGISTER;

const descriptors = createDescriptorTable([[0, 0], ...[0xa0fb, 0xc0f3, 0xc0fb, 0xa09b].map(flatSegment)]);

interface Bench {
  readonly vcpu: X86Vcpu;
  readonly view: DataView;
  load(hex: string): void;
  run(budget?: number): Exit;
}

const createBench = (): Bench => {
  const memory = createFakeMemory({ reserveBytes: 16 << 20 });
  const translator = createIdentityTranslator(memory);
  const processor = createMonitoredProcessor({ memory, translator, recordBytes: 1 << 18 });
  const vcpu = processor.createVcpu({ descriptors, timestamp: (retired) => retired, longMode: true });
  vcpu.space = translator.space;
  const { context } = vcpu;
  expect(context.loadSegment(SEGMENT.cs, SELECTOR.code)).toBe(0);
  expect(context.loadSegment(SEGMENT.ss, SELECTOR.data)).toBe(0);
  context.setRegister(rsp, STACK);
  context.flags = FLAG.if | FLAG.fixed;
  return {
    vcpu,
    view: memory.view,
    load: (hex) => {
      placeCode(memory, hex, CODE);
      context.instructionPointer = CODE;
    },
    run: (budget = 100) => ({ ...vcpu.run(budget) }),
  };
};

describe("a VCPU of a monitor in IA-32e mode", () => {
  it.each([
    ["syscall", "0f 05"],
    ["sysret", "48 0f 07"],
    ["sysenter", "0f 34"],
    ["sysexit", "48 0f 35"],
    ["swapgs", "0f 01 f8"],
    ["wrmsr", "0f 30"],
    ["hlt", "f4"],
    ["lgdt", "0f 01 10"],
    ["mov-to-cr", "44 0f 22 c0"],
  ])("leaves %s, with nothing of it done", (mnemonic, code) => {
    const bench = createBench();
    bench.load(`48 ff c0 ${code}`);
    expect(bench.run()).toMatchObject({ kind: EXIT.privileged, retired: 1 });
    expect(bench.vcpu.privilegedOperation).toMatchObject({
      mnemonic,
      lengthBytes: code.replaceAll(" ", "").length / 2,
    });
    expect(bench.vcpu.context.instructionPointer).toBe(CODE + 3);
  });

  it("leaves software interrupts behind them, and faults at them", () => {
    const bench = createBench();
    bench.load("cd 82");
    expect(bench.run()).toMatchObject({ kind: EXIT.interrupt, vector: 0x82, software: true, retired: 1 });
    expect(bench.vcpu.context.instructionPointer).toBe(CODE + 2);
    bench.load("48 b8 00 00 00 00 00 80 00 00 8b 00");
    expect(bench.run()).toMatchObject({ kind: EXIT.interrupt, vector: VECTOR.generalProtection, retired: 1 });
    expect(bench.vcpu.context.instructionPointer).toBe(CODE + 10);
  });

  it("has all 64 bits of its registers, and bases of FS and GS that the monitor sets", () => {
    const bench = createBench();
    const { context } = bench.vcpu;
    context.setWideRegister(r15, 0xfedc_ba98_7654_3210n);
    const fs = context.segment(SEGMENT.fs);
    context.setSegment(SEGMENT.fs, { ...fs, base: DATA });
    bench.view.setBigUint64(DATA + 8, 0x1122_3344_5566_7788n, true);
    // mov r8, fs:[8] ; mov rax, r15
    bench.load("64 4c 8b 04 25 08 00 00 00 4c 89 f8");
    bench.run(2);
    expect(context.wideRegister(r8)).toBe(0x1122_3344_5566_7788n);
    expect(context.wideRegister(rax)).toBe(0xfedc_ba98_7654_3210n);
    context.setSegment(SEGMENT.gs, { ...fs, base: -0x8000_0000_0000 });
    expect(context.segment(SEGMENT.gs).base).toBe(-0x8000_0000_0000);
  });

  it("returns natively among code of ring 3, to compatible code and back", () => {
    const bench = createBench();
    const frame = [CODE + 2, SELECTOR.compatible, FLAG.if, STACK, SELECTOR.data];
    for (const [i, value] of frame.entries()) bench.view.setBigUint64(STACK + 8 * i, BigInt(value), true);
    // iretq ; inc eax (40) ; jmp far 0x0b:CODE+10 ; inc rax
    bench.load("48 cf 40 ea 0a 10 00 00 0b 00 48 ff c0");
    bench.run(4);
    expect(bench.vcpu.context.register(rax)).toBe(2);
    expect(bench.vcpu.context.instructionPointer).toBe(CODE + 13);
    expect(bench.vcpu.context.register(rsp)).toBe(STACK);
  });

  it("exits with #GP where a return or a far call leads to ring 0", () => {
    const bench = createBench();
    const frame = [CODE, SELECTOR.monitor, FLAG.if, STACK, 0];
    for (const [i, value] of frame.entries()) bench.view.setBigUint64(STACK + 8 * i, BigInt(value), true);
    bench.load("48 cf");
    const { monitor } = SELECTOR;
    expect(bench.run()).toMatchObject({ vector: VECTOR.generalProtection, errorCode: monitor, retired: 0 });
    bench.view.setBigUint64(DATA, BigInt(CODE), true);
    bench.view.setUint16(DATA + 8, monitor, true);
    bench.vcpu.context.setRegister(rcx, DATA);
    bench.load("48 ff 19");
    expect(bench.run()).toMatchObject({ vector: VECTOR.generalProtection, errorCode: monitor, retired: 0 });
  });

  it("takes no direct gates", () => {
    const bench = createBench();
    bench.vcpu.setDirectGate(0x80, {
      vector: 0x80,
      fromPrivilege: 3,
      frame: "hardware",
      codeSelector: SELECTOR.code,
      target: 0x2000,
    });
    bench.load("cd 80");
    expect(bench.run()).toMatchObject({ kind: EXIT.interrupt, vector: 0x80, software: true });
  });
});
