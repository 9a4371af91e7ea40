import { EXIT, type Exit, toLinearAddress } from "@xenolith/machine-interface";
import { createFakeMemory, createIdentityTranslator } from "@xenolith/machine-interface/testing";
import {
  FLAG,
  GATE_CHANGE,
  REGISTER,
  SEGMENT,
  segmentHigh,
  segmentLow,
  VECTOR,
  type X86Vcpu,
} from "@xenolith/x86-architecture";
import { describe, expect, it } from "vitest";
import { createMonitoredProcessor } from "../../../src/index.ts";
import { createDescriptorTable, flatSegment } from "../../support/descriptor-table.ts";
import { bytesOf, placeCode } from "../../support/engine-bench.ts";

const CODE = 0x1000;
const STACK = 0x9000;
/** Selectors: ring 1 code and data, ring 3 code and data, and a short data segment of ring 3. */
const RING1 = { code: 0x09, data: 0x11 };
const RING3 = { code: 0x1b, data: 0x23, short: 0x2b, down: 0x33 };
const { rax, rcx, rsp } = REGISTER;

const descriptors = createDescriptorTable([
  [0, 0],
  flatSegment(0xc0bb),
  flatSegment(0xc0b3),
  flatSegment(0xc0fb),
  flatSegment(0xc0f3),
  [segmentLow(0x4000, 0x0ff), segmentHigh(0x4000, 0x0ff, 0x40f3)],
  [segmentLow(0, 0x4), segmentHigh(0, 0x4, 0xc0f7)],
]);

interface Bench {
  readonly vcpu: X86Vcpu;
  readonly bytes: Uint8Array;
  load(hex: string): void;
  run(budget?: number): Exit;
}

const createBench = (ring: 1 | 3): Bench => {
  const memory = createFakeMemory({ reserveBytes: 16 << 20 });
  const translator = createIdentityTranslator(memory);
  const processor = createMonitoredProcessor({ memory, translator, recordBytes: 1 << 18 });
  const vcpu = processor.createVcpu({ descriptors, timestamp: (retired) => 500 + retired });
  vcpu.space = translator.space;
  const { context } = vcpu;
  const selectors = ring === 1 ? RING1 : RING3;
  expect(context.loadSegment(SEGMENT.cs, selectors.code)).toBe(0);
  for (const index of [SEGMENT.ss, SEGMENT.ds, SEGMENT.es]) {
    expect(context.loadSegment(index, selectors.data)).toBe(0);
  }
  context.setRegister(rsp, STACK);
  context.flags = FLAG.if | FLAG.fixed;
  return {
    vcpu,
    bytes: memory.bytes,
    load: (hex) => {
      placeCode(memory, hex, CODE);
      context.instructionPointer = CODE;
    },
    run: (budget = 100) => ({ ...vcpu.run(budget) }),
  };
};

describe("a VCPU under a monitor", () => {
  it("takes its privilege from CS", () => {
    expect(createBench(1).vcpu.context.privilege).toBe(1);
    expect(createBench(3).vcpu.context.privilege).toBe(3);
  });

  it("exits with a fault at the faulting instruction", () => {
    const bench = createBench(3);
    bench.load("40 31 d2 31 c9 f7 f1");
    expect(bench.run()).toEqual({
      kind: EXIT.interrupt,
      retired: 3,
      vector: VECTOR.divideError,
      errorCode: -1,
      address: 0,
      software: false,
    });
    expect(bench.vcpu.context.instructionPointer).toBe(CODE + 5);
  });

  it("exits at breakpoints that the monitor sets, before code and behind accesses", () => {
    const bench = createBench(3);
    const { context } = bench.vcpu;
    context.setDebug(0, CODE + 1);
    context.setDebug(1, 0x4000);
    // L0: code. L1: writes of four bytes.
    context.setDebug(7, 0x405 | (0xd << 20));
    // inc eax ; inc eax ; mov [0x4000], eax
    bench.load("40 40 a3 00 40 00 00 40");
    expect(bench.run()).toMatchObject({ kind: EXIT.interrupt, vector: VECTOR.debug, retired: 1 });
    expect([context.instructionPointer, context.debug(6) & 15]).toEqual([CODE + 1, 1]);
    context.flags |= FLAG.rf;
    context.setDebug(6, 0);
    expect(bench.run()).toMatchObject({ kind: EXIT.interrupt, vector: VECTOR.debug, retired: 2 });
    expect([context.instructionPointer, context.debug(6) & 15, context.register(rax)]).toEqual([
      CODE + 7,
      2,
      2,
    ]);
  });

  it("exits with a page fault's code and address", () => {
    const bench = createBench(3);
    bench.load("b8 00 00 00 f0 88 08");
    expect(bench.run()).toMatchObject({
      vector: VECTOR.pageFault,
      errorCode: 6,
      address: 0xf000_0000,
      retired: 1,
    });
  });

  it("exits with a software interrupt behind the instruction, which retires", () => {
    const bench = createBench(1);
    bench.load("40 cd 82");
    expect(bench.run()).toMatchObject({
      kind: EXIT.interrupt,
      vector: 0x82,
      software: true,
      retired: 2,
      errorCode: -1,
    });
    expect(bench.vcpu.context.instructionPointer).toBe(CODE + 3);
  });

  it("leaves INTO alone unless OF is set", () => {
    const bench = createBench(3);
    bench.load("ce 90 ce");
    expect(bench.run(2)).toMatchObject({ kind: EXIT.budget, retired: 2 });
    bench.vcpu.context.flags = FLAG.of | FLAG.fixed;
    expect(bench.run(2)).toMatchObject({ kind: EXIT.interrupt, vector: VECTOR.overflow, software: true });
  });

  it("leaves privileged instructions to the monitor, described and undone", () => {
    const bench = createBench(1);
    bench.load("0f 22 d8");
    expect(bench.run()).toMatchObject({ kind: EXIT.privileged, retired: 0 });
    expect(bench.vcpu.privilegedOperation).toMatchObject({
      mnemonic: "mov-to-cr",
      system: 3,
      register: rax,
      lengthBytes: 3,
    });
    bench.load("66 ed");
    bench.vcpu.context.setRegister(REGISTER.rdx, 0x1_03f8);
    expect(bench.run()).toMatchObject({ kind: EXIT.privileged });
    expect(bench.vcpu.privilegedOperation).toMatchObject({
      mnemonic: "in",
      port: 0x3f8,
      sizeBytes: 2,
      lengthBytes: 2,
    });
    bench.load("f3 6e");
    bench.vcpu.context.setRegister(rcx, 3);
    expect(bench.run()).toMatchObject({ kind: EXIT.privileged });
    expect(bench.vcpu.privilegedOperation).toMatchObject({
      mnemonic: "outs",
      repeat: true,
      sizeBytes: 1,
      addressBytes: 4,
    });
  });

  it("reads the time-stamp counter of the monitor", () => {
    const bench = createBench(3);
    bench.load("90 0f 31 cd 80");
    bench.run();
    expect(bench.vcpu.context.register(rax)).toBe(501);
  });

  it("answers undefined instructions with #UD", () => {
    const bench = createBench(3);
    bench.load("0f 0b");
    expect(bench.run()).toMatchObject({ vector: VECTOR.invalidOpcode, errorCode: -1, retired: 0 });
  });
});

describe("several VCPUs", () => {
  it("take turns without touching one another's registers, and share what was decoded", () => {
    const memory = createFakeMemory({ reserveBytes: 16 << 20 });
    const translator = createIdentityTranslator(memory);
    const processor = createMonitoredProcessor({ memory, translator, recordBytes: 1 << 18 });
    // l: add eax, ecx ; jmp l
    memory.bytes.set(bytesOf("01 c8 eb fc"), CODE);
    const vcpus = [1, 2, 3].map((step) => {
      const vcpu = processor.createVcpu({ descriptors, timestamp: () => 0 });
      vcpu.space = translator.space;
      vcpu.context.loadSegment(SEGMENT.cs, RING3.code);
      vcpu.context.setRegister(rcx, step);
      vcpu.context.instructionPointer = CODE;
      return vcpu;
    });
    for (let turn = 0; turn < 5; turn++) for (const vcpu of vcpus) vcpu.run(2 * (turn + 1));
    expect(vcpus.map(({ context }) => context.register(rax))).toEqual([15, 30, 45]);
    // A register set between turns counts for the right one.
    vcpus[0]?.context.setRegister(rcx, 100);
    for (const vcpu of vcpus) vcpu.run(2);
    expect(vcpus.map(({ context }) => context.register(rax))).toEqual([115, 32, 48]);
  });
});

describe("segments", () => {
  it("add their base and enforce their limit", () => {
    const bench = createBench(3);
    expect(bench.vcpu.context.loadSegment(SEGMENT.fs, RING3.short)).toBe(0);
    // mov eax, fs:[0xfc] ; mov eax, fs:[0xfd]
    bench.bytes[0x40fc] = 0x99;
    bench.load("64 a1 fc 00 00 00 64 a1 fd 00 00 00");
    expect(bench.run()).toMatchObject({ vector: VECTOR.generalProtection, errorCode: 0, retired: 1 });
    expect(bench.vcpu.context.register(rax)).toBe(0x99);
    expect(bench.vcpu.context.instructionPointer).toBe(CODE + 6);
  });

  it("raise #SS for the stack, by push and by address", () => {
    const bench = createBench(3);
    expect(bench.vcpu.context.loadSegment(SEGMENT.ss, RING3.short)).toBe(0);
    bench.vcpu.context.setRegister(rsp, 0x104);
    bench.load("50");
    expect(bench.run()).toMatchObject({ vector: VECTOR.stackFault, errorCode: 0 });
    bench.vcpu.context.setRegister(rsp, 0x100);
    bench.load("68 44 33 22 11 5b 8b 44 24 20");
    expect(bench.run()).toMatchObject({ vector: VECTOR.stackFault, errorCode: 0, retired: 2 });
    expect(bench.vcpu.context.register(REGISTER.rbx)).toBe(0x1122_3344);
    expect(bench.bytes[0x40fc]).toBe(0x44);
  });

  it("may expand down", () => {
    const bench = createBench(3);
    expect(bench.vcpu.context.loadSegment(SEGMENT.es, RING3.down)).toBe(0);
    bench.load("26 a1 00 50 00 00 26 a1 ff 4f 00 00");
    expect(bench.run()).toMatchObject({ vector: VECTOR.generalProtection, retired: 1 });
  });

  it("refuse writes through CS and reads through null", () => {
    const bench = createBench(3);
    bench.load("2e a1 00 20 00 00 2e a3 00 20 00 00");
    expect(bench.run()).toMatchObject({ vector: VECTOR.generalProtection, retired: 1 });
    bench.load("65 a1 00 20 00 00");
    expect(bench.run()).toMatchObject({ vector: VECTOR.generalProtection, retired: 0 });
  });

  it("wrap 16-bit addresses within the segment", () => {
    const bench = createBench(3);
    bench.vcpu.context.setRegister(REGISTER.rbx, 0xffff_4000);
    bench.vcpu.context.setRegister(REGISTER.rsi, 0xffff_c010);
    bench.bytes[0x10] = 0x5e;
    // mov al, [bx + si]
    bench.load("67 8a 00 cd 80");
    bench.run();
    expect(bench.vcpu.context.register(rax) & 0xff).toBe(0x5e);
  });

  it("find bits far from a bit string's address", () => {
    const bench = createBench(3);
    bench.vcpu.context.setRegister(rcx, -70);
    bench.bytes.set([0, 0x04], 0x1ff6);
    // bt [0x2000], ecx : bit -70 is bit 2 of byte 0x1ff7
    bench.load("0f a3 0d 00 20 00 00 0f bb 0d 00 20 00 00 cd 80");
    bench.run(1);
    expect(bench.vcpu.context.flags & FLAG.cf).toBe(FLAG.cf);
    bench.run();
    expect(bench.bytes[0x1ff7]).toBe(0);
  });
});

describe("direct gates", () => {
  const gate = {
    vector: 0x80,
    fromPrivilege: 3,
    frame: "hardware",
    codeSelector: RING1.code,
    target: 0x2000,
  } as const;
  const setStack = ({ vcpu }: Bench, pointer: number): void => {
    vcpu.gates.kernelStack = toLinearAddress(pointer);
    vcpu.gates.kernelStackSelector = RING1.data;
  };

  it("transfer to ring 1 with the frame of a trap gate, without an exit", () => {
    const bench = createBench(3);
    setStack(bench, 0x8000);
    bench.vcpu.setDirectGate(0x80, gate);
    bench.load("cd 80");
    bench.bytes.set(bytesOf("40 cd 82"), 0x2000);
    expect(bench.run()).toMatchObject({ kind: EXIT.interrupt, vector: 0x82, retired: 3 });
    const { context } = bench.vcpu;
    expect(context.privilege).toBe(1);
    expect(context.register(rsp)).toBe(0x8000 - 20);
    const frame = [0, 4, 8, 12, 16].map((at) =>
      new DataView(bench.bytes.buffer).getUint32(0x8000 - 20 + at, true),
    );
    expect(frame).toEqual([CODE + 2, RING3.code, FLAG.if | FLAG.fixed, STACK, RING3.data]);
  });

  it("are for the privilege they name only, and go when they are removed", () => {
    const bench = createBench(1);
    bench.vcpu.setDirectGate(0x80, gate);
    bench.load("cd 80");
    expect(bench.run()).toMatchObject({ kind: EXIT.interrupt, vector: 0x80 });
    const user = createBench(3);
    user.vcpu.setDirectGate(0x80, gate);
    user.vcpu.setDirectGate(0x80, null);
    user.load("cd 80");
    expect(user.run()).toMatchObject({ kind: EXIT.interrupt, vector: 0x80 });
  });

  it("find the stack that a kernel has set by the call for that, without an exit", () => {
    const bench = createBench(1);
    Object.assign(bench.vcpu.gates, { isOpen: true, callVector: 0x82, stackCall: 3, answeredCall: 17 });
    bench.vcpu.context.setRegister(rax, 3);
    bench.vcpu.context.setRegister(REGISTER.rbx, RING1.data);
    bench.vcpu.context.setRegister(rcx, 0x8000);
    bench.load("cd 82 eb fe");
    expect(bench.run()).toMatchObject({ kind: EXIT.budget, retired: 100 });
    expect(bench.vcpu.context.register(rax)).toBe(0);
    expect(bench.vcpu.gates).toMatchObject({
      changes: GATE_CHANGE.kernelStack,
      kernelStack: 0x8000,
      kernelStackSelector: RING1.data,
    });
  });

  it("leave everything as it was when the frame cannot be written", () => {
    const bench = createBench(3);
    setStack(bench, 0xf000_0000);
    bench.vcpu.setDirectGate(0x80, gate);
    bench.load("cd 80");
    expect(bench.run()).toMatchObject({ kind: EXIT.interrupt, vector: 0x80, software: true });
    expect(bench.vcpu.context.privilege).toBe(3);
    expect(bench.vcpu.context.register(rsp)).toBe(STACK);
  });
});
