import { EXIT } from "@xenolith/machine-interface";
import { CR0, CR4, FLAG, REGISTER, SEGMENT, segmentHigh, segmentLow } from "@xenolith/x86-architecture";
import { describe, expect, it } from "vitest";
import { type BareVcpu, MAX_MODEL } from "../../../src/index.ts";
import {
  CODE,
  createEngineBench,
  type EngineBench,
  type EngineBenchOptions,
} from "../../support/engine-bench.ts";

const { rax, rbx, rcx, rsp, rsi, rdi } = REGISTER;
const GDT = 0x6000;
const IDT = 0x7000;
const HANDLER = 0x5000;
const DATA = 0x3000;

/** Fields of DR7 for a breakpoint. */
const ARM = { execute: 0, write: 1, port: 2, access: 3 } as const;
const arm = (number: number, kind: number, length: 1 | 2 | 4): number =>
  (1 << (2 * number)) | ((((length - 1) << 2) | kind) << (16 + 4 * number));

/** A bench whose handlers only return: vectors 0-31 to IRET, those with an error code behind an ADD ESP, 4. */
const createDebugBench = (options: EngineBenchOptions = {}): EngineBench => {
  const bench = createEngineBench(options);
  const { view } = bench.memory;
  const describe = (selector: number, attributes: number): void => {
    view.setUint32(GDT + selector, segmentLow(0, 0xfffff), true);
    view.setUint32(GDT + selector + 4, segmentHigh(0, 0xfffff, attributes), true);
  };
  describe(8, 0xc09b);
  describe(16, 0xc093);
  describe(24, 0xc0fb);
  describe(32, 0xc0f3);
  view.setUint32(GDT + 40, segmentLow(0x2000, 0x67), true);
  view.setUint32(GDT + 44, segmentHigh(0x2000, 0x67, 0x89), true);
  view.setUint32(0x2004, 0x9000, true);
  view.setUint32(0x2008, 16, true);
  for (let vector = 0; vector < 64; vector++) {
    const withCode = vector === 17 || vector === 13;
    view.setUint32(IDT + 8 * vector, (8 << 16) | (withCode ? HANDLER + 0x10 : HANDLER), true);
    view.setUint32(IDT + 8 * vector + 4, 0xee00, true);
  }
  view.setUint16(0x6100, 0x2f, true);
  view.setUint32(0x6102, GDT, true);
  view.setUint16(0x6108, 0x1ff, true);
  view.setUint32(0x610a, IDT, true);
  // lgdt [0x6100] ; lidt [0x6108] ; mov ax, 0x28 ; ltr ax
  bench.load("0f 01 15 00 61 00 00 0f 01 1d 08 61 00 00 66 b8 28 00 0f 00 d8", 0x4000);
  bench.run(4);
  // nop ; iret, and nop ; add esp, 4 ; iret
  bench.place("90 cf", HANDLER);
  bench.place("90 83 c4 04 cf", HANDLER + 0x10);
  bench.context.setRegister(rax, 0);
  return bench;
};

/** Whether the processor is at the first two instructions of a handler, or later in it. */
const isInHandler = (bench: EngineBench): boolean =>
  Math.floor(bench.context.instructionPointer / 0x100) === HANDLER / 0x100;

/** Runs out of a handler, then until the next one begins; the address that it would return to, or -1 after so many steps. */
const runToHandler = (bench: EngineBench, most = 50): number => {
  const { context } = bench;
  while (isInHandler(bench)) bench.run(1);
  for (let count = 0; count < most; count++) {
    bench.run(1);
    if (!isInHandler(bench)) continue;
    const hasCode = context.instructionPointer >= HANDLER + 0x10;
    return bench.memory.view.getUint32(context.register(rsp) + (hasCode ? 4 : 0), true);
  }
  return -1;
};

describe("code breakpoints", () => {
  it("come before the instruction, and RF lets it run", () => {
    const bench = createDebugBench();
    bench.context.setDebug(0, CODE + 1);
    bench.context.setDebug(7, arm(0, ARM.execute, 1));
    bench.load("40 40 40 f4");
    expect(runToHandler(bench)).toBe(CODE + 1);
    expect([bench.context.register(rax), bench.context.debug(6) & 15]).toEqual([1, 1]);
    // The handler sets RF in the image, as a debugger does.
    const { view } = bench.memory;
    const image = bench.context.register(rsp) + 8;
    view.setUint32(image, view.getUint32(image, true) | FLAG.rf, true);
    expect(bench.run(100)).toMatchObject({ kind: EXIT.halt });
    expect([bench.context.register(rax), bench.context.flags & FLAG.rf]).toEqual([3, 0]);
  });

  it("let a repeated instruction run to its end with RF", () => {
    const bench = createDebugBench();
    bench.context.setDebug(0, CODE);
    bench.context.setDebug(7, arm(0, ARM.execute, 1));
    bench.context.setRegister(rdi, DATA);
    bench.context.setRegister(rcx, 5);
    bench.load("f3 aa 40 f4");
    bench.context.flags = FLAG.rf | FLAG.fixed;
    expect(bench.run(100).kind).toBe(EXIT.halt);
    expect([bench.context.register(rcx), bench.context.register(rax)]).toEqual([0, 1]);
    expect(bench.context.flags & FLAG.rf).toBe(0);
  });

  it("come again and again without RF", () => {
    const bench = createDebugBench();
    bench.context.setDebug(3, CODE + 1);
    bench.context.setDebug(7, arm(3, ARM.execute, 1));
    bench.load("40 40 f4");
    for (let count = 0; count < 3; count++) expect(runToHandler(bench)).toBe(CODE + 1);
    expect(bench.context.register(rax)).toBe(1);
  });

  it("are not raised behind a load of SS, nor when only other addresses match", () => {
    const bench = createDebugBench();
    bench.context.setDebug(0, CODE + 4);
    bench.context.setDebug(1, CODE + 1);
    bench.context.setDebug(7, arm(0, ARM.execute, 1) | arm(1, ARM.execute, 1));
    // mov ecx, ss ; mov ss, ecx ; inc eax ; hlt
    bench.load("8c d1 8e d1 40 f4");
    expect(bench.run(10).kind).toBe(EXIT.halt);
    expect(bench.context.register(rax)).toBe(1);
  });

  it("reach code that was hot before they were set", () => {
    const bench = createDebugBench();
    // mov ecx, 20000 ; l: inc eax ; loop l ; mov dr0, ebx ; mov dr7, edx ; jmp l
    bench.load("b9 20 4e 00 00 40 e2 fd 0f 23 c3 0f 23 fa eb f5");
    bench.context.setRegister(rbx, CODE + 5);
    bench.context.setRegister(REGISTER.rdx, arm(0, ARM.execute, 1));
    bench.run(1 + 40_000 + 2);
    expect(runToHandler(bench)).toBe(CODE + 5);
  });
});

describe("data breakpoints", () => {
  it.each([
    ["a store", "a3 00 30 00 00", ARM.write, 4, true],
    ["a store to its last byte", "a2 03 30 00 00", ARM.write, 4, true],
    ["a store behind it", "a2 04 30 00 00", ARM.write, 4, false],
    ["a wide store that only touches it", "a3 fd 2f 00 00", ARM.write, 1, true],
    ["a load, where stores are wanted", "a1 00 30 00 00", ARM.write, 4, false],
    ["a load, where all are", "a1 00 30 00 00", ARM.access, 4, true],
    ["a compare", "83 3d 00 30 00 00 07", ARM.access, 2, true],
    ["a compare, where stores are wanted", "83 3d 00 30 00 00 07", ARM.write, 2, false],
    ["an exchange in memory", "ff 05 00 30 00 00", ARM.write, 2, true],
    ["LEA", "8d 05 00 30 00 00", ARM.access, 4, false],
    ["PUSH", "53", ARM.write, 4, true],
    ["POP", "5b", ARM.access, 4, false],
    ["PUSHA", "60", ARM.write, 4, true],
    ["CALL", "e8 00 00 00 00", ARM.write, 1, true],
    ["MOVS", "a4", ARM.write, 4, true],
    ["MOVS, its source", "a5", ARM.access, 4, true],
    ["STOS", "ab", ARM.write, 4, true],
  ] as const)("are raised behind the instruction: %s", (_name, code, kind, length, isHit) => {
    const bench = createDebugBench();
    bench.context.setDebug(2, DATA);
    bench.context.setDebug(7, arm(2, kind, length));
    bench.context.setRegister(rsp, DATA + 4);
    bench.context.setRegister(rsi, DATA);
    bench.context.setRegister(rdi, DATA);
    const bytes = code.replaceAll(" ", "").length / 2;
    bench.load(`${code} f4`);
    const at = runToHandler(bench, 2);
    expect(at).toBe(isHit ? CODE + bytes : -1);
    if (isHit) expect(bench.context.debug(6) & 0xf00f).toBe(4);
  });

  it("stop a repeated move after the iteration that meets them", () => {
    const bench = createDebugBench();
    bench.context.setDebug(0, DATA + 8);
    bench.context.setDebug(7, arm(0, ARM.write, 4));
    bench.context.setRegister(rdi, DATA);
    bench.context.setRegister(rcx, 10);
    bench.load("f3 ab f4");
    expect(runToHandler(bench)).toBe(CODE);
    expect([bench.context.register(rcx), bench.context.register(rdi)]).toEqual([7, DATA + 12]);
  });

  it("met by a load of SS come one instruction later", () => {
    const bench = createDebugBench();
    bench.memory.view.setUint16(DATA, 16, true);
    bench.context.setDebug(0, DATA);
    bench.context.setDebug(7, arm(0, ARM.access, 2));
    // mov ss, [0x3000] ; inc eax ; inc eax
    bench.load("8e 15 00 30 00 00 40 40 f4");
    expect(runToHandler(bench)).toBe(CODE + 7);
    expect(bench.context.debug(6) & 15).toBe(1);
  });

  it("of an instruction that faults are not raised", () => {
    const bench = createDebugBench();
    bench.context.setDebug(0, DATA);
    bench.context.setDebug(7, arm(0, ARM.access, 4));
    bench.context.setSegment(SEGMENT.fs, { selector: 0, base: 0, limit: 0, attributes: 0 });
    bench.load("64 a1 00 30 00 00 f4");
    expect(runToHandler(bench)).toBe(CODE);
    expect(bench.context.debug(6) & 15).toBe(0);
  });

  it("on ports need CR4.DE", () => {
    for (const control4 of [0, CR4.de]) {
      const bench = createDebugBench();
      bench.context.setControl(4, control4);
      bench.context.setDebug(0, 0x71);
      bench.context.setDebug(7, arm(0, ARM.port, 2));
      bench.load("e6 70 e6 71 f4");
      expect(runToHandler(bench, 5)).toBe(control4 === 0 ? -1 : CODE + 2);
    }
  });
});

describe("data breakpoints on what the processor accesses by itself", () => {
  const watching = (at: number, kind: number, code: string): EngineBench => {
    const bench = createDebugBench();
    bench.context.setDebug(1, at);
    bench.context.setDebug(7, arm(1, kind, 4));
    bench.load(code);
    return bench;
  };
  const reported = (bench: EngineBench): number => bench.context.debug(6) & 15;

  it("see the descriptor that a load of a segment reads", () => {
    // mov cx, 0x10 ; mov es, cx ; nop ; hlt
    const bench = watching(GDT + 16, ARM.access, "66 b9 10 00 8e c1 90 f4");
    expect(runToHandler(bench)).toBe(CODE + 6);
    expect(reported(bench)).toBe(2);
    const writes = watching(GDT + 16, ARM.write, "66 b9 10 00 8e c1 90 f4");
    expect(runToHandler(writes)).toBe(-1);
  });

  it("see the bit that marks a descriptor as accessed", () => {
    const bench = watching(GDT + 20, ARM.write, "66 b9 10 00 8e c1 90 f4");
    bench.memory.view.setUint8(GDT + 21, 0x92);
    expect(runToHandler(bench)).toBe(CODE + 6);
  });

  it.each([
    ["a gate", IDT + 8 * 0x30, ARM.access],
    ["the frame on the stack", 0x9000 - 8, ARM.write],
  ] as const)("see what INT n accesses, before its handler begins: %s", (_name, at, kind) => {
    const bench = watching(at, kind, "cd 30 f4");
    bench.context.setRegister(rsp, 0x9000);
    bench.run(1);
    expect(bench.context.instructionPointer).toBe(HANDLER);
    expect(bench.memory.view.getUint32(bench.context.register(rsp), true)).toBe(HANDLER);
    expect(reported(bench)).toBe(2);
  });

  it("see the frame of a fault, but nothing that the faulting instruction had accessed", () => {
    const bench = watching(0x9000 - 4, ARM.write, "0f 0b f4");
    bench.context.setRegister(rsp, 0x9000);
    bench.run(1);
    expect(bench.memory.view.getUint32(bench.context.register(rsp), true)).toBe(HANDLER);
    expect(reported(bench)).toBe(2);
    // A far jump to a data segment reads the descriptor, and faults.
    const fault = watching(GDT + 16, ARM.access, "ea 00 00 00 00 10 00");
    expect(runToHandler(fault)).toBe(CODE);
    expect(reported(fault)).toBe(0);
  });

  it("see the frame of an interrupt", () => {
    const line = { isRequested: false, acknowledge: () => 0x30 };
    const bench = createDebugBench({ interrupts: line });
    bench.context.setRegister(rsp, 0x9000);
    bench.context.setDebug(1, 0x9000 - 4);
    bench.context.setDebug(7, arm(1, ARM.write, 4));
    bench.load("90 90 f4");
    bench.context.flags = FLAG.if | FLAG.fixed;
    line.isRequested = true;
    bench.vcpu.run(0);
    expect(bench.memory.view.getUint32(bench.context.register(rsp), true)).toBe(HANDLER);
    expect(reported(bench)).toBe(2);
  });
});

describe("single steps", () => {
  const stepping = (code: string, flags: number = FLAG.tf): EngineBench => {
    const bench = createDebugBench();
    bench.context.flags = flags | FLAG.fixed;
    bench.load(code);
    return bench;
  };

  it("are reported after the instruction behind a load of SS, not after the load", () => {
    // mov ecx, ss ; mov ss, ecx ; inc eax ; hlt
    const bench = stepping("8c d1 8e d1 40 f4");
    expect(runToHandler(bench)).toBe(CODE + 2);
    expect(runToHandler(bench)).toBe(CODE + 5);
    expect(bench.context.debug(6) & 0x4000).toBe(0x4000);
  });

  it("are reported after STI", () => {
    expect(runToHandler(stepping("fb 40 f4"))).toBe(CODE + 1);
  });

  it("are not reported after INT n, which clears TF", () => {
    const bench = stepping("cd 30 40 f4");
    bench.run(1);
    expect(bench.context.instructionPointer).toBe(HANDLER);
    expect([bench.memory.view.getUint32(bench.context.register(rsp), true), bench.context.debug(6)]).toEqual([
      CODE + 2,
      0xffff_0ff0,
    ]);
    expect(runToHandler(bench)).toBe(CODE + 3);
  });

  it("wake a halted processor", () => {
    const bench = stepping("f4 40 f4");
    expect(runToHandler(bench)).toBe(CODE + 1);
    expect(runToHandler(bench)).toBe(CODE + 2);
  });

  it("report each iteration of a repeated instruction", () => {
    const bench = stepping("f3 aa f4");
    bench.context.setRegister(rdi, DATA);
    bench.context.setRegister(rcx, 2);
    expect([runToHandler(bench), runToHandler(bench)]).toEqual([CODE, CODE + 2]);
  });

  it("are reported together with data breakpoints", () => {
    const bench = stepping("a3 00 30 00 00 f4");
    bench.context.setDebug(0, DATA);
    bench.context.setDebug(7, arm(0, ARM.write, 4));
    expect(runToHandler(bench)).toBe(CODE + 5);
    expect(bench.context.debug(6) & 0x400f).toBe(0x4001);
  });
});

describe("alignment checks", () => {
  const user = (code: string, control0: number = CR0.am, flags: number = FLAG.ac): EngineBench => {
    const bench = createDebugBench({ model: MAX_MODEL });
    bench.context.setControl(0, CR0.pe | CR0.et | control0);
    bench.context.setControl(4, CR4.osfxsr);
    bench.context.setSegment(SEGMENT.cs, { selector: 27, base: 0, limit: 0xffff_ffff, attributes: 0xc0fb });
    for (const index of [SEGMENT.ss, SEGMENT.ds, SEGMENT.es]) {
      bench.context.setSegment(index, { selector: 35, base: 0, limit: 0xffff_ffff, attributes: 0xc0f3 });
    }
    bench.context.flags = flags | FLAG.fixed;
    bench.context.setRegister(rbx, DATA + 1);
    bench.load(code);
    return bench;
  };

  it.each([
    ["a word", "66 8b 03", true],
    ["a doubleword", "8b 03", true],
    ["a byte", "8a 03", false],
    ["an aligned one", "8b 43 03", false],
    ["an address", "8d 03", false],
    ["a store", "89 43 01", true],
    ["a far pointer", "c4 03", true],
    ["16 bytes that need not be aligned", "0f 10 03", true],
    ["16 bytes at a multiple of 8", "0f 10 43 07", false],
  ] as const)("of %s", (_name, code, isHit) => {
    const bench = user(code);
    bench.memory.view.setUint16(DATA + 5, 35, true);
    bench.run(1);
    expect(isInHandler(bench)).toBe(isHit);
    if (isHit) expect(bench.memory.view.getUint32(bench.context.register(rsp), true)).toBe(0);
  });

  it("of the stack and of strings", () => {
    const stack = user("50");
    stack.context.setRegister(rsp, 0x8002);
    expect(runToHandler(stack, 1)).toBe(CODE);
    const string = user("a5");
    string.context.setRegister(rsi, DATA);
    string.context.setRegister(rdi, DATA + 2);
    expect(runToHandler(string, 1)).toBe(CODE);
  });

  it("are made in ring 3 with both CR0.AM and EFLAGS.AC alone", () => {
    for (const bench of [user("8b 03", 0), user("8b 03", CR0.am, 0)]) {
      expect(bench.run(1)).toMatchObject({ kind: EXIT.budget, retired: 1 });
      expect(bench.context.instructionPointer).toBe(CODE + 2);
    }
    const inner = createDebugBench();
    inner.context.setControl(0, CR0.pe | CR0.et | CR0.am);
    inner.context.flags = FLAG.ac | FLAG.fixed;
    inner.context.setRegister(rbx, DATA + 1);
    inner.load("8b 03 f4");
    expect(inner.run(2).kind).toBe(EXIT.halt);
  });
});

describe("non-maskable interrupts", () => {
  const setUp = (code: string): { readonly bench: EngineBench; readonly vcpu: BareVcpu } => {
    const bench = createDebugBench();
    bench.load(code);
    return { bench, vcpu: bench.vcpu as BareVcpu };
  };

  it("do not ask for IF, and wait for the IRET of the one before", () => {
    const { bench, vcpu } = setUp("40 40 40 f4");
    bench.place("43 43 cf", HANDLER);
    bench.run(1);
    vcpu.raiseNmi();
    bench.run(1);
    expect([bench.context.register(rbx), bench.context.instructionPointer]).toEqual([1, HANDLER + 1]);
    vcpu.raiseNmi();
    bench.run(1);
    expect(bench.context.register(rbx)).toBe(2);
    bench.run(2);
    expect([bench.context.register(rbx), bench.context.register(rax)]).toEqual([3, 1]);
    expect(bench.run(100).kind).toBe(EXIT.halt);
    expect([bench.context.register(rbx), bench.context.register(rax)]).toEqual([4, 3]);
  });

  it("wake a halted processor and wait behind a load of SS", () => {
    const { bench, vcpu } = setUp("f4 8c d1 8e d1 40 f4");
    expect(bench.run(5).kind).toBe(EXIT.halt);
    vcpu.raiseNmi();
    bench.run(2);
    expect(bench.context.instructionPointer).toBe(CODE + 1);
    bench.run(2);
    vcpu.raiseNmi();
    expect(runToHandler(bench)).toBe(CODE + 6);
    expect(bench.context.register(rax)).toBe(1);
  });

  it("are those of one processor, gone with its reset", () => {
    const { bench, vcpu } = setUp("40 f4");
    vcpu.raiseNmi();
    vcpu.reset();
    expect(bench.context.instructionPointer).toBe(0xfff0);
  });
});
