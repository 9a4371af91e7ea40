import { EXIT } from "@xenolith/machine-interface";
import { FLAG, REGISTER, segmentHigh, segmentLow } from "@xenolith/x86-architecture";
import { describe, expect, it } from "vitest";
import { CODE, createEngineBench, type EngineBench } from "../../support/engine-bench.ts";

const { rax, rbx } = REGISTER;
const GDT = 0x6000;
const IDT = 0x7000;
const HANDLER = 0x5000;

/** A bench with a GDT, an IDT whose gates all lead to a handler, and a line that a port write raises. */
const createInterruptBench = (): {
  readonly bench: EngineBench;
  raise(): void;
  readonly taken: () => number;
} => {
  let requested = false;
  let taken = 0;
  const bench = createEngineBench({
    ports: {
      read: () => 0,
      write: () => {
        requested = true;
      },
    },
    interrupts: {
      get isRequested() {
        return requested;
      },
      acknowledge: () => {
        requested = false;
        taken += 1;
        return 0x20;
      },
    },
  });
  const { view } = bench.memory;
  view.setUint32(GDT + 8, segmentLow(0, 0xfffff), true);
  view.setUint32(GDT + 12, segmentHigh(0, 0xfffff, 0xc09b), true);
  view.setUint32(GDT + 16, segmentLow(0, 0xfffff), true);
  view.setUint32(GDT + 20, segmentHigh(0, 0xfffff, 0xc093), true);
  for (let vector = 0; vector < 64; vector++) {
    view.setUint32(IDT + 8 * vector, (8 << 16) | HANDLER, true);
    view.setUint32(IDT + 8 * vector + 4, 0x8e00, true);
  }
  // lgdt [0x6100] ; lidt [0x6108]
  view.setUint16(0x6100, 0x17, true);
  view.setUint32(0x6102, GDT, true);
  view.setUint16(0x6108, 0x1ff, true);
  view.setUint32(0x610a, IDT, true);
  bench.load("0f 01 15 00 61 00 00 0f 01 1d 08 61 00 00", 0x4000);
  bench.run(2);
  bench.place("43 cf", HANDLER);
  return {
    bench,
    raise: () => {
      requested = true;
    },
    taken: () => taken,
  };
};

describe("external interrupts", () => {
  it("wait for IF", () => {
    const { bench, raise, taken } = createInterruptBench();
    bench.load("40 40 fb 40 40 40 f4");
    raise();
    bench.run(2);
    expect(taken()).toBe(0);
    // STI shadows one instruction: STI, INC, then the handler (INC EBX, IRET)
    bench.run(4);
    expect(taken()).toBe(1);
    expect(bench.context.register(rax)).toBe(3);
    expect(bench.context.register(rbx)).toBe(1);
    expect(bench.context.instructionPointer).toBe(CODE + 4);
  });

  it("are taken after the instruction that raised them", () => {
    const { bench, taken } = createInterruptBench();
    bench.context.flags = FLAG.if | FLAG.fixed;
    bench.load("40 e6 70 40 40 f4");
    bench.run(4);
    expect(taken()).toBe(1);
    expect(bench.context.register(rax)).toBe(1);
    expect(bench.context.instructionPointer).toBe(CODE + 3);
  });

  it("wake a halted processor", () => {
    const { bench, raise } = createInterruptBench();
    bench.context.flags = FLAG.if | FLAG.fixed;
    bench.load("f4 40 f4");
    expect(bench.run(10).kind).toBe(EXIT.halt);
    raise();
    expect(bench.run(10)).toMatchObject({ kind: EXIT.halt, retired: 4 });
    expect(bench.context.register(rax)).toBe(1);
  });

  it("are held off between MOV SS and the instruction behind it, however runs are cut", () => {
    const { bench, raise, taken } = createInterruptBench();
    bench.context.flags = FLAG.if | FLAG.fixed;
    // mov eax, ss ; mov ss, eax ; mov esp, 0x8000 ; hlt
    bench.load("8c d0 8e d0 bc 00 80 00 00 f4");
    bench.run(2);
    raise();
    expect(taken()).toBe(0);
    bench.run(1);
    // The frame lies on the new stack: MOV ESP came first.
    expect(taken()).toBe(1);
    expect(bench.context.register(REGISTER.rsp)).toBe(0x8000 - 12);
    expect(bench.memory.view.getUint32(0x8000 - 12, true)).toBe(CODE + 9);
  });
});

describe("the trap flag", () => {
  it("raises #DB after each instruction but the one that sets it", () => {
    const { bench } = createInterruptBench();
    // pushf ; or dword [esp], 0x100 ; popf ; inc eax ; inc eax ; hlt
    bench.load("9c 81 0c 24 00 01 00 00 9d 40 40 f4");
    bench.run(4);
    expect(bench.context.register(rax)).toBe(1);
    expect(bench.context.instructionPointer).toBe(HANDLER);
    expect(bench.context.debug(6) & 0x4000).toBe(0x4000);
    bench.run(3);
    expect(bench.context.register(rbx)).toBe(1);
    expect(bench.context.register(rax)).toBe(2);
    expect(bench.context.instructionPointer).toBe(HANDLER);
  });
});
