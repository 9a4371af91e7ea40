import { HostError } from "@xenolith/machine-interface";
import { REGISTER } from "@xenolith/x86-architecture";
import { I686_MODEL } from "@xenolith/x86-cpu";
import { describe, expect, it } from "vitest";
import { createFlatMachine } from "../../src/index.ts";
import { fromHex } from "../support/image.ts";

describe("a flat machine of 32-bit code", () => {
  it("calls functions with arguments on the stack", () => {
    const machine = createFlatMachine({ mode: "protected-flat", model: I686_MODEL });
    // mov eax, [esp+4]; imul eax, [esp+8]; ret
    machine.write(0x1000, fromHex("8b442404 0faf442408 c3"));
    const before = machine.context.wideRegister(REGISTER.rsp);
    expect(machine.call(0x1000, [6, 7])).toEqual({ kind: "returned", value: 42n });
    expect(machine.call(0x1000, [-1, 5n])).toEqual({ kind: "returned", value: 0xffff_fffbn });
    expect(machine.context.wideRegister(REGISTER.rsp)).toBeLessThan(before);
  });

  it("reports exceptions with registers as they were", () => {
    const machine = createFlatMachine({ mode: "protected-flat" });
    // mov ebx, 3; xor ecx, ecx; div ecx
    machine.write(0x1000, fromHex("bb03000000 31c9 f7f1"));
    machine.context.setRegister(REGISTER.rsp, 0x8000);
    machine.context.instructionPointer = 0x1000;
    expect(machine.run()).toEqual({ kind: "exception", vector: 0, errorCode: null, address: null });
    expect(machine.context.instructionPointer).toBe(0x1007);
    expect([machine.context.register(REGISTER.rbx), machine.context.register(REGISTER.rsp)]).toEqual([
      3, 0x8000,
    ]);
    // jmp far 0x1234:0
    machine.write(0x1000, fromHex("ea 00000000 3412"));
    machine.context.instructionPointer = 0x1000;
    expect(machine.run()).toMatchObject({ kind: "exception", vector: 13, errorCode: 0x1234 });
  });

  it("stops for budget, HLT, and an exception that cannot be delivered", () => {
    const machine = createFlatMachine({ mode: "protected-flat" });
    machine.write(0x1000, fromHex("ebfe"));
    machine.context.instructionPointer = 0x1000;
    expect(machine.run(1000)).toEqual({ kind: "budget" });
    machine.write(0x1000, fromHex("f4"));
    expect(machine.run()).toEqual({ kind: "halted" });
    const other = createFlatMachine({ mode: "protected-flat" });
    // lidt [0x3000] (a limit of 0); ud2
    other.write(0x1000, fromHex("0f011d00300000 0f0b"));
    other.context.instructionPointer = 0x1000;
    expect(other.run()).toEqual({ kind: "shutdown" });
  });
});

describe("a flat machine of 64-bit code", () => {
  it("calls functions with arguments in registers", () => {
    const machine = createFlatMachine({ mode: "long-flat", memoryMib: 8 });
    // lea rax, [rdi+rsi*2]; add rax, r9; ret
    machine.write(0x1000, fromHex("488d0477 4c01c8 c3"));
    expect(machine.call(0x1000, [1n << 40n, 5, 0, 0, 0, 3])).toEqual({
      kind: "returned",
      value: (1n << 40n) + 13n,
    });
    expect(() => machine.call(0x1000, [1, 2, 3, 4, 5, 6, 7])).toThrow(HostError);
  });

  it("reports page faults", () => {
    const machine = createFlatMachine({ mode: "long-flat", memoryMib: 8 });
    // mov rax, [0x40000000]
    machine.write(0x2000, fromHex("488b042500000040"));
    expect(machine.call(0x2000)).toEqual({
      kind: "exception",
      vector: 14,
      errorCode: 0,
      address: 0x4000_0000,
    });
    expect(machine.context.instructionPointer).toBe(0x2000);
  });

  it("needs a model that has it", () => {
    expect(() => createFlatMachine({ mode: "long-flat", model: I686_MODEL })).toThrow(
      /i686 has no long-flat/,
    );
  });

  it("goes on after it was saved and restored in another machine", () => {
    const from = createFlatMachine({ mode: "long-flat", memoryMib: 4 });
    const to = createFlatMachine({ mode: "long-flat", memoryMib: 4 });
    // mov ecx, 1000; l: add rax, rcx; loop l; hlt
    from.write(0x1000, fromHex("b9e8030000 4801c8 e2fb f4"));
    from.context.instructionPointer = 0x1000;
    expect(from.run(777).kind).toBe("budget");
    to.write(0, from.read(0, 4 << 20));
    to.processor.restore(from.processor.save());
    expect([from.run().kind, to.run().kind]).toEqual(["halted", "halted"]);
    expect(to.context.wideRegister(REGISTER.rax)).toBe(500_500n);
    expect(to.processor.save()).toEqual(from.processor.save());
  });
});

describe("a flat machine in real mode", () => {
  it("runs 16-bit code with segments at 0, and ports and model-specific registers lead outside", () => {
    const written: string[] = [];
    const machine = createFlatMachine({
      mode: "real",
      memoryMib: 1,
      ports: {
        read: () => 0x41,
        write: (port, sizeBytes, value) => written.push(`${port} ${sizeBytes} ${value}`),
      },
      msrs: { read: (index) => (index === 0x1234 ? 99n : null), write: () => false },
    });
    // in al, 0x60; inc ax; out 0x61, al; mov ecx, 0x1234; rdmsr; hlt
    machine.write(0x7c00, fromHex("e460 40 e661 66b934120000 0f32 f4"));
    machine.context.instructionPointer = 0x7c00;
    expect(machine.run()).toEqual({ kind: "halted" });
    expect(written).toEqual(["97 1 66"]);
    expect(machine.context.register(REGISTER.rax)).toBe(99);
    expect(() => machine.call(0x7c00)).toThrow(HostError);
    expect(() => machine.write(2 ** 20 - 1, new Uint8Array(2))).toThrow(/not all RAM/);
    expect(() => createFlatMachine({ mode: "real", memoryMib: 0 })).toThrow(/1 to/);
  });
});
