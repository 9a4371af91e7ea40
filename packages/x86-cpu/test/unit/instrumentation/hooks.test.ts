import { EXIT } from "@xenolith/machine-interface";
import { REGISTER } from "@xenolith/x86-architecture";
import { describe, expect, it } from "vitest";
import { CODE, STACK } from "../../support/engine-bench.ts";
import { createInstrumentedBench } from "../../support/instrumented-bench.ts";

/** mov ecx, 5; l: mov [0x8000], ecx; mov eax, [0x8000]; push eax; pop edx; loop l; hlt */
const LOOP = "b905000000 890d00800000 a100800000 50 5a e2f1 f4";
const AT_STORE = CODE + 5;
const AT_LOAD = CODE + 11;
const AT_PUSH = CODE + 16;
const AT_LOOP = CODE + 18;
const AT_HALT = CODE + 20;

describe("breakpoints", () => {
  it("end a run before the instruction, and let the next run pass", () => {
    const { vcpu, load } = createInstrumentedBench();
    load(LOOP);
    vcpu.addBreakpoint(AT_LOAD);
    for (let pass = 0; pass < 5; pass++) {
      const exit = vcpu.run(1000);
      expect([exit.kind, exit.retired]).toEqual([EXIT.request, pass === 0 ? 2 : 5]);
      expect(vcpu.stopReason).toEqual({ kind: "breakpoint", address: AT_LOAD });
      expect(vcpu.context.instructionPointer).toBe(AT_LOAD);
    }
    expect(vcpu.run(1000).kind).toBe(EXIT.halt);
    expect(vcpu.stopReason).toBeNull();
  });

  it("are gone when they are removed, also the second of two", () => {
    const { vcpu, load } = createInstrumentedBench();
    load(LOOP);
    const first = vcpu.addBreakpoint(AT_PUSH);
    const second = vcpu.addBreakpoint(AT_PUSH);
    first.remove();
    first.remove();
    expect(vcpu.run(1000).kind).toBe(EXIT.request);
    second.remove();
    expect(vcpu.run(1000).kind).toBe(EXIT.halt);
  });

  it("are met where code has run before they were set", () => {
    const { vcpu, load } = createInstrumentedBench();
    load(LOOP);
    vcpu.run(7);
    vcpu.addBreakpoint(AT_LOOP);
    expect(vcpu.run(1000).kind).toBe(EXIT.request);
    expect(vcpu.context.instructionPointer).toBe(AT_LOOP);
  });

  it("do not change what retires", () => {
    const { vcpu, load } = createInstrumentedBench();
    load(LOOP);
    vcpu.addBreakpoint(AT_STORE);
    vcpu.addBreakpoint(AT_HALT);
    let retired = 0;
    for (;;) {
      const exit = vcpu.run(1000);
      retired += exit.retired;
      if (exit.kind === EXIT.halt) break;
    }
    expect(retired).toBe(1 + 5 * 5 + 1);
  });
});

describe("execution hooks", () => {
  it("are called before each instruction of a range, with its text", () => {
    const { vcpu, load } = createInstrumentedBench();
    load(LOOP);
    const seen: string[] = [];
    vcpu.onExecute({ start: AT_LOAD, end: AT_LOOP }, ({ address, text }) => {
      seen.push(`${(address - CODE).toString(16)} ${text} ecx=${vcpu.context.register(REGISTER.rcx)}`);
    });
    expect(vcpu.run(1000).kind).toBe(EXIT.halt);
    expect(seen).toHaveLength(15);
    expect(seen.slice(0, 4)).toEqual([
      "b mov eax, dword ptr [0x8000] ecx=5",
      "10 push eax ecx=5",
      "11 pop edx ecx=5",
      "b mov eax, dword ptr [0x8000] ecx=4",
    ]);
  });

  it("may send the processor elsewhere and request an exit", () => {
    const { vcpu, load } = createInstrumentedBench();
    load(LOOP);
    const { context } = vcpu;
    vcpu.onExecute({ start: AT_STORE, end: AT_STORE + 1 }, () => {
      context.instructionPointer = AT_HALT;
    });
    const hook = vcpu.onExecute({ start: AT_HALT, end: AT_HALT + 1 }, () => vcpu.requestExit());
    expect(vcpu.run(1000)).toMatchObject({ kind: EXIT.request, retired: 1 });
    expect([context.instructionPointer, vcpu.stopReason]).toEqual([AT_HALT, null]);
    hook.remove();
    expect(vcpu.run(1000)).toMatchObject({ kind: EXIT.halt, retired: 1 });
  });

  it("are called again when the processor was sent elsewhere in between", () => {
    const { vcpu, load } = createInstrumentedBench();
    load(LOOP);
    let calls = 0;
    vcpu.onExecute({ start: AT_HALT, end: AT_HALT + 1 }, () => {
      calls += 1;
      vcpu.requestExit();
    });
    for (const expected of [1, 2]) {
      vcpu.context.instructionPointer = CODE;
      expect(vcpu.run(1000).kind).toBe(EXIT.request);
      expect(calls).toBe(expected);
    }
  });

  it("are called once for a repeated string instruction", () => {
    const { vcpu, load, memory } = createInstrumentedBench();
    // mov ecx, 9; mov edi, 0x8000; rep stosb; hlt
    load("b909000000 bf00800000 f3aa f4");
    let calls = 0;
    vcpu.onExecute({ start: CODE + 10, end: CODE + 11 }, () => {
      calls += 1;
    });
    vcpu.context.setRegister(REGISTER.rax, 7);
    expect(vcpu.run(1000)).toMatchObject({ kind: EXIT.halt, retired: 12 });
    expect([calls, memory.bytes[0x8008], memory.bytes[0x8009]]).toEqual([1, 7, 0]);
  });
});

describe("memory hooks", () => {
  it("see reads and writes of a range and nothing else", () => {
    const { vcpu, load } = createInstrumentedBench();
    load(LOOP);
    const seen: string[] = [];
    vcpu.onWrite(
      { start: 0x8000, end: 0x8001 },
      ({ kind, address, sizeBytes, value, instructionPointer }) => {
        seen.push(`${kind} ${address.toString(16)} ${sizeBytes} ${value} ${instructionPointer - CODE}`);
      },
    );
    vcpu.onRead({ start: 0x8003, end: 0x8004 }, ({ kind, address, sizeBytes, instructionPointer }) => {
      seen.push(`${kind} ${address.toString(16)} ${sizeBytes} ${instructionPointer - CODE}`);
    });
    expect(vcpu.run(1000)).toMatchObject({ kind: EXIT.halt, retired: 27 });
    expect(seen.slice(0, 4)).toEqual([
      "write 8000 4 5 5",
      "read 8000 4 11",
      "write 8000 4 4 5",
      "read 8000 4 11",
    ]);
    expect(seen).toHaveLength(10);
  });

  it("see the stack", () => {
    const { vcpu, load } = createInstrumentedBench();
    load(LOOP);
    const seen: string[] = [];
    vcpu.onWrite({ start: STACK - 16, end: STACK }, ({ address, value }) => {
      seen.push(`${address.toString(16)} ${value}`);
    });
    vcpu.run(1000);
    expect(seen).toEqual([5, 4, 3, 2, 1].map((value) => `${(STACK - 4).toString(16)} ${value}`));
  });

  it("let a handler provide what is read", () => {
    const { vcpu, load, memory } = createInstrumentedBench();
    // mov eax, [0x8ffe] (crosses a page); mov ebx, [0x8100]; hlt
    load("a1fe8f0000 8b1d00810000 f4");
    vcpu.onRead({ start: 0x8100, end: 0x8104 }, ({ machineAddress }) => {
      memory.view.setUint32(machineAddress, 0x1234_5678, true);
    });
    memory.view.setUint32(0x8ffe, 0xaabb_ccdd, true);
    vcpu.run(1000);
    expect(vcpu.context.register(REGISTER.rax)).toBe(0xaabb_ccdd);
    expect(vcpu.context.register(REGISTER.rbx)).toBe(0x1234_5678);
  });

  it("see repeated moves one by one, and accesses that cross pages whole", () => {
    const { vcpu, load } = createInstrumentedBench();
    // mov ecx, 3; mov edi, 0x8ff9; mov eax, 0x01020304; rep stosd; hlt
    load("b903000000 bff98f0000 b804030201 f3ab f4");
    const seen: string[] = [];
    vcpu.onWrite({ start: 0x8000, end: 0xa000 }, ({ address, value }) => {
      seen.push(`${address.toString(16)} ${value.toString(16)}`);
    });
    expect(vcpu.run(1000)).toMatchObject({ kind: EXIT.halt, retired: 7 });
    expect(seen).toEqual(["8ff9 1020304", "8ffd 1020304", "9001 1020304"]);
  });

  it("see what the processor does by itself", () => {
    const { vcpu, load, memory } = createInstrumentedBench();
    // lidt [0x9000]; int 0x21 … 0x1100: hlt
    load("0f011d00900000 cd21");
    memory.bytes[0x1100] = 0xf4;
    memory.view.setUint16(0x9000, 0x7ff, true);
    memory.view.setUint32(0x9002, 0xa000, true);
    memory.view.setUint32(0xa108, 0x0008_1100, true);
    memory.view.setUint32(0xa10c, 0x8e00, true);
    memory.view.setUint32(0xb008, 0x0000_ffff, true);
    memory.view.setUint32(0xb00c, 0x00cf_9b00, true);
    // The descriptor table is set up by hand: lgdt would do.
    load("0f011500b10000 0f011d00900000 cd21");
    memory.view.setUint16(0xb100, 0xff, true);
    memory.view.setUint32(0xb102, 0xb000, true);
    const seen: string[] = [];
    vcpu.onWrite({ start: STACK - 12, end: STACK }, ({ address, value }) => {
      seen.push(`${(STACK - address).toString()} ${value.toString(16)}`);
    });
    expect(vcpu.run(1000).kind).toBe(EXIT.halt);
    expect(seen.toSorted()).toEqual(["12 1010", "4 2", "8 8"]);
  });
});

describe("watchpoints", () => {
  it("end a run after the access, with what was accessed", () => {
    const { vcpu, load } = createInstrumentedBench();
    load(LOOP);
    const watch = vcpu.addWatchpoint({ start: 0x8000, end: 0x8004 }, "write");
    expect(vcpu.run(1000)).toMatchObject({ kind: EXIT.request, retired: 2 });
    expect(vcpu.context.instructionPointer).toBe(AT_LOAD);
    expect(vcpu.stopReason).toEqual({
      kind: "watchpoint",
      access: { kind: "write", address: 0x8000, sizeBytes: 4, value: 5n, instructionPointer: AT_STORE },
    });
    watch.remove();
    vcpu.addWatchpoint({ start: 0x8000, end: 0x8004 }, "read");
    expect(vcpu.run(1000)).toMatchObject({ kind: EXIT.request, retired: 1 });
    vcpu.addWatchpoint({ start: 0x8000, end: 0x8004 }, "any");
    expect(vcpu.run(1000)).toMatchObject({ kind: EXIT.request, retired: 4 });
  });
});

describe("tracing", () => {
  it("tells of every instruction what it changed and accessed", () => {
    const { vcpu, load } = createInstrumentedBench();
    load(LOOP);
    const seen: string[] = [];
    const hook = vcpu.onInstruction(({ text, changes, accesses, hasRetired }) => {
      const changed = changes.map(({ name, after }) => `${name}=${after}`).join(" ");
      const accessed = accesses.map(({ kind, address }) => `${kind} ${address.toString(16)}`).join(" ");
      seen.push(`${text}; ${changed}; ${accessed}; ${hasRetired}`);
    });
    expect(vcpu.run(6)).toMatchObject({ kind: EXIT.budget, retired: 6 });
    expect(seen).toEqual([
      "mov ecx, 5; rcx=5; ; true",
      "mov dword ptr [0x8000], ecx; ; write 8000; true",
      "mov eax, dword ptr [0x8000]; rax=5; read 8000; true",
      `push eax; rsp=${STACK - 4}; write ${(STACK - 4).toString(16)}; true`,
      `pop edx; rdx=5 rsp=${STACK}; read ${(STACK - 4).toString(16)}; true`,
      "loop 0x1005; rcx=4; ; true",
    ]);
    hook.remove();
    expect(vcpu.run(1000)).toMatchObject({ kind: EXIT.halt, retired: 21 });
    expect(seen).toHaveLength(6);
  });
});
