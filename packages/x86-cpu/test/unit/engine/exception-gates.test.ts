import { ACCESS, EXIT, type Exit, toLinearAddress, toMachineAddress } from "@xenolith/machine-interface";
import { createFakeMemory, createIdentityTranslator } from "@xenolith/machine-interface/testing";
import {
  type ExceptionHandler,
  FLAG,
  GATE_CHANGE,
  PAGE_FAULT,
  REGISTER,
  SEGMENT,
  VECTOR,
  type X86Vcpu,
} from "@xenolith/x86-architecture";
import { describe, expect, it } from "vitest";
import { createMonitoredProcessor } from "../../../src/index.ts";
import { createDescriptorTable, flatSegment } from "../../support/descriptor-table.ts";
import { placeCode } from "../../support/engine-bench.ts";

const CODE = 0x1000;
const HANDLER = 0x2000;
const STACK = 0x9008;
const KERNEL_STACK = 0xa004;
/** Pages of what is kept for the kernel: two bytes about events, and the address of a fault. */
const PENDING = 0x6000;
const MASK = 0x6001;
const FAULT_ADDRESS = 0x6010;
const COST = 501;
const SELECTOR = { code: 0x0b, data: 0x13 } as const;
const { rbx, rcx, rsp } = REGISTER;
/** `xor %ecx, %ecx; div %ecx` */
const DIVIDE = "31 c9 f7 f1";
/** `mov -0x1000, %eax` and `mov %eax, 0x7000` */
const LOAD_ABSENT = "8b 04 25 00 f0 ff ff";
const STORE = "89 04 25 00 70 00 00";
/** `inc %ebx; jmp .` */
const COUNT = "ff c3 eb fe";

const descriptors = createDescriptorTable([[0, 0], ...[0xa0fb, 0xc0f3].map(flatSegment)]);

const handlerAt = (address: number, masksEvents: boolean): ExceptionHandler => ({
  address: toLinearAddress(address),
  codeSelector: 0,
  masksEvents,
});

interface Bench {
  readonly vcpu: X86Vcpu;
  readonly view: DataView;
  run(budget?: number): Exit;
  denyWrite(page: number): void;
}

const createBench = (code: string, isKernelSide: boolean, reference = false): Bench => {
  const memory = createFakeMemory({ reserveBytes: 16 << 20 });
  const translator = createIdentityTranslator(memory);
  const processor = createMonitoredProcessor({ memory, translator, recordBytes: 1 << 18, reference });
  const vcpu = processor.createVcpu({ descriptors, timestamp: (retired) => retired, longMode: true });
  vcpu.space = translator.space;
  const { context, gates } = vcpu;
  expect(context.loadSegment(SEGMENT.cs, SELECTOR.code)).toBe(0);
  expect(context.loadSegment(SEGMENT.ss, SELECTOR.data)).toBe(0);
  context.setRegister(rsp, STACK);
  context.flags = FLAG.if | FLAG.fixed;
  context.instructionPointer = CODE;
  placeCode(memory, code, CODE);
  placeCode(memory, COUNT, HANDLER);
  Object.assign(gates, {
    isOpen: true,
    eventPending: toMachineAddress(PENDING),
    eventMask: toMachineAddress(MASK),
    faultAddress: toMachineAddress(FAULT_ADDRESS),
    faultCost: COST,
    kernelStack: toLinearAddress(KERNEL_STACK),
    codeSelector: SELECTOR.code,
    stackSelector: SELECTOR.data,
    kernelSpace: translator.space,
    userSpace: translator.space,
    isKernelSide,
    otherBase: toLinearAddress(0x5000),
  });
  gates.setHandler(VECTOR.divideError, handlerAt(HANDLER, true));
  return {
    vcpu,
    view: memory.view,
    run: (budget = 2000) => ({ ...vcpu.run(budget) }),
    denyWrite: (page) => translator.deny(page, ACCESS.write),
  };
};

describe("a gate of an exception", () => {
  it("takes the run's budget, and no instruction for itself", () => {
    const { vcpu, run } = createBench(DIVIDE, false);
    expect(run()).toMatchObject({ kind: EXIT.budget, retired: 2000 - COST });
    expect(vcpu.gates.charged).toBe(COST);
    expect(vcpu.context.register(rbx)).toBe(1);
    expect(run()).toMatchObject({ kind: EXIT.budget, retired: 2000 });
    expect(vcpu.gates).toMatchObject({ charged: 0, changes: 0 });
  });

  it("ends a run whose budget it goes beyond", () => {
    const { vcpu, run } = createBench(DIVIDE, false);
    expect(run(COST)).toMatchObject({ kind: EXIT.budget, retired: 1 });
    expect(vcpu.context.instructionPointer).toBe(HANDLER);
    expect(vcpu.gates.charged).toBe(COST);
  });

  it("enters the kernel's side from the user's, on its stack", () => {
    const { vcpu, view, run } = createBench(DIVIDE, false);
    vcpu.context.setRegister(REGISTER.r11, 0x77);
    run();
    const { context, gates } = vcpu;
    const frame = (KERNEL_STACK & -16) - 56;
    expect(context.register(rsp)).toBe(frame);
    const words = Array.from({ length: 7 }, (_, index) => view.getUint32(frame + 8 * index, true));
    expect(words).toEqual([0, 0x77, CODE + 2, SELECTOR.code, expect.any(Number), STACK, SELECTOR.data]);
    expect(gates.isKernelSide).toBe(true);
    expect(gates.changes).toBe(GATE_CHANGE.side);
    expect(context.segment(SEGMENT.gs).base).toBe(0x5000);
    expect(view.getUint8(MASK)).toBe(1);
  });

  it("stays on the stack of the kernel's side, whose code shows with an RPL of 0", () => {
    const { vcpu, view, run } = createBench(DIVIDE, true);
    run();
    const frame = (STACK & -16) - 56;
    expect(vcpu.context.register(rsp)).toBe(frame);
    expect(view.getUint32(frame + 24, true)).toBe(SELECTOR.code & ~3);
    expect(vcpu.gates.changes).toBe(0);
  });

  it.each<[string, (bench: Bench) => void]>([
    ["the gates are closed", ({ vcpu }) => Object.assign(vcpu.gates, { isOpen: false })],
    ["there is no handler", ({ vcpu }) => vcpu.gates.setHandler(VECTOR.divideError, null)],
    [
      "an event waits that is not held back",
      ({ vcpu, view }) => {
        vcpu.gates.setHandler(VECTOR.divideError, handlerAt(HANDLER, false));
        view.setUint8(PENDING, 1);
      },
    ],
    ["the frame lies on two pages", ({ vcpu }) => Object.assign(vcpu.gates, { kernelStack: 0xa010 })],
    ["the frame lies with the events", ({ vcpu }) => Object.assign(vcpu.gates, { kernelStack: 0x6800 })],
    ["there is no space for the kernel", ({ vcpu }) => Object.assign(vcpu.gates, { kernelSpace: 0 })],
    [
      "the frame would be the monitor's",
      ({ vcpu }) => Object.assign(vcpu.gates, { reservedFirst: 0x9000, reservedBytes: 0x2000 }),
    ],
  ])("is refused where %s", (_name, prepare) => {
    const bench = createBench(DIVIDE, false);
    prepare(bench);
    expect(bench.run()).toMatchObject({ kind: EXIT.interrupt, vector: VECTOR.divideError, retired: 1 });
    const { context, gates } = bench.vcpu;
    expect([context.instructionPointer, context.register(rsp), context.register(rcx)]).toEqual([
      CODE + 2,
      STACK,
      0,
    ]);
    expect(gates).toMatchObject({ isKernelSide: false, charged: 0, changes: 0 });
    expect(bench.view.getUint8(MASK)).toBe(0);
  });

  it("leaves the address of a page fault, and its error code with the guest's mode", () => {
    for (const isKernelSide of [false, true]) {
      const bench = createBench(LOAD_ABSENT, isKernelSide);
      const { context, gates } = bench.vcpu;
      gates.setHandler(VECTOR.pageFault, handlerAt(HANDLER, false));
      expect(bench.run()).toMatchObject({ kind: EXIT.budget });
      expect(gates.changes & GATE_CHANGE.faultAddress).toBe(GATE_CHANGE.faultAddress);
      expect(context.control(2)).toBe(-0x1000);
      expect(bench.view.getBigInt64(FAULT_ADDRESS, true)).toBe(-0x1000n);
      expect(bench.view.getUint32(context.register(rsp) + 16, true)).toBe(isKernelSide ? 0 : PAGE_FAULT.user);
    }
  });

  it("is refused for a kernel's write to a page that is there, and for no other", () => {
    const kinds = [false, true].map((isKernelSide) => {
      const bench = createBench(STORE, isKernelSide);
      bench.denyWrite(0x7);
      bench.vcpu.gates.setHandler(VECTOR.pageFault, handlerAt(HANDLER, false));
      return bench.run().kind;
    });
    expect(kinds).toEqual([EXIT.budget, EXIT.interrupt]);
  });

  it("is taken for what is not valid, unless it begins as what the monitor carries out", () => {
    const kinds = ["0f 0b 78 66", "0f 0b 78 65"].map((code) => {
      const { vcpu, run } = createBench(code, true);
      vcpu.gates.emulated = 0x6578_0b0f;
      vcpu.gates.setHandler(VECTOR.invalidOpcode, handlerAt(HANDLER, false));
      return run().kind;
    });
    expect(kinds).toEqual([EXIT.budget, EXIT.interrupt]);
  });

  it("is taken for INT3, which is charged for as an instruction and returns behind itself", () => {
    const { vcpu, view, run } = createBench("cc", false);
    vcpu.gates.setHandler(VECTOR.breakpoint, handlerAt(HANDLER, true));
    expect(run()).toMatchObject({ kind: EXIT.budget, retired: 2000 });
    expect(vcpu.gates.charged).toBe(0);
    expect(view.getUint32(vcpu.context.register(rsp) + 16, true)).toBe(CODE + 1);
    const { context } = vcpu;
    expect(context.register(rbx)).toBe(1);
  });

  it("is not taken for INT3 where it has no handler", () => {
    const { vcpu, run } = createBench("cc", false);
    expect(run()).toMatchObject({
      kind: EXIT.interrupt,
      vector: VECTOR.breakpoint,
      software: true,
      retired: 1,
    });
    expect(vcpu.context.instructionPointer).toBe(CODE + 1);
  });

  it("is not taken by a processor that is a reference", () => {
    expect(createBench(DIVIDE, false, true).run()).toMatchObject({ kind: EXIT.interrupt, retired: 1 });
  });
});
