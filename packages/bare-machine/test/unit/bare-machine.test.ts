import { HostError } from "@xenolith/machine-interface";
import { REGISTER } from "@xenolith/x86-architecture";
import { describe, expect, it } from "vitest";
import { type BareMachine, createBareMachine } from "../../src/index.ts";
import { exitWith, makeImage } from "../support/image.ts";

interface Run {
  readonly machine: BareMachine;
  readonly output: () => string;
}

const boot = (code: string, commandLine = "", memoryMib = 4): Run => {
  let output = "";
  const machine = createBareMachine({
    memoryMib,
    onSerialByte: (byte) => {
      output += String.fromCharCode(byte);
    },
  });
  expect(machine.boot(makeImage({ code }), commandLine)).toBeNull();
  return { machine, output: () => output };
};

/** `mov edx, 0x3f8; out dx, al` for each character of a text. */
const print = (text: string): string =>
  `baf8030000${[...text].map((character) => `b0${character.charCodeAt(0).toString(16)}ee`).join("")}`;

describe("a bare machine", () => {
  it("starts an image as multiboot says: magic, information, flat protected mode without interrupts", () => {
    const { machine } = boot("f4", "one two");
    const { context, memory } = machine;
    expect(context.register(REGISTER.rax)).toBe(0x2bad_b002);
    const information = context.register(REGISTER.rbx);
    const word = (offset: number): number => memory.view.getUint32(information + offset, true);
    expect(word(0)).toBe(0x245);
    expect([word(4), word(8)]).toEqual([639, 3 * 1024]);
    const text = memory.bytes.subarray(word(16), word(16) + 8);
    expect(new TextDecoder().decode(text)).toBe("one two\0");
    expect([word(44), memory.view.getUint32(word(48) + 24 + 4, true)]).toEqual([48, 0x10_0000]);
    expect([context.privilege, context.flags, context.instructionPointer]).toEqual([0, 2, 0x10_0000]);
  });

  it("starts a 64-bit image in 32-bit protected mode too", () => {
    const machine = createBareMachine({ memoryMib: 4, onSerialByte: () => {}, engine: "interpreter" });
    const file = makeImage({ code: exitWith(5), wordBits: 64, machine: 62 });
    expect(machine.boot(file, "")).toBeNull();
    expect(machine.runToStop()).toEqual({ kind: "exited", value: 5 });
    const high = makeImage({ code: exitWith(5), wordBits: 64, machine: 62, entry: 2 ** 32 });
    expect(machine.boot(high, "")?.message).toMatch(/above 4 GiB/);
  });

  it("sends what the guest writes to COM1 and ends with what it writes to port 0xF4", () => {
    const { machine, output } = boot(`${print("Hi!")}${exitWith(7)}`);
    expect(machine.runToStop()).toEqual({ kind: "exited", value: 7 });
    expect(output()).toBe("Hi!");
  });

  it("says that the transmitter is empty, keeps scratch registers, and reads ones where nothing is", () => {
    // in al, line status; test 0x20; scratch = 0x5a; read it back into AH; read an empty port; pack into EBX
    const { machine } = boot(
      "bafd030000 ec 88c3 baff030000 b05a ee b000 ec 88c7 ba34120000 66ed c1e010 09c3 f4",
    );
    expect(machine.runToStop()).toEqual({ kind: "halted" });
    expect(machine.context.register(REGISTER.rbx)).toBe(0xffff_5a60);
  });

  it("hides the divisor behind the latch", () => {
    const { machine, output } = boot(
      `bafb030000 b080 ee baf8030000 b041 ee bafb030000 b003 ee ${print("B")} f4`,
    );
    machine.runToStop();
    expect(output()).toBe("B");
  });

  it("stops when it halts for ever, and at a triple fault", () => {
    expect(boot("f4").machine.runToStop()).toEqual({ kind: "halted" });
    expect(boot("90 0f0b").machine.runToStop()).toEqual({ kind: "shutdown", instructionPointer: 0x10_0001 });
  });

  it("retires exactly what it is told to, and counts time in instructions", () => {
    // nop; nop; rdtsc; jmp $
    const { machine } = boot("9090 0f31 ebfe");
    expect(machine.run(2)).toBeNull();
    expect([machine.retired, machine.context.instructionPointer]).toEqual([2, 0x10_0002]);
    expect(machine.run(1000)).toBeNull();
    expect([machine.retired, machine.context.register(REGISTER.rax)]).toEqual([1002, 2]);
  });

  it("zeroes what the file does not hold", () => {
    const machine = createBareMachine({ memoryMib: 4, onSerialByte: () => {} });
    machine.memory.bytes.fill(0xaa, 0x10_0000, 0x10_2000);
    expect(machine.boot(makeImage({ code: "f4", memoryBytes: 0x1000 }), "")).toBeNull();
    expect(machine.memory.bytes.subarray(0x10_0001, 0x10_1000).every((byte) => byte === 0)).toBe(true);
    expect(machine.memory.bytes[0x10_1000]).toBe(0xaa);
  });

  it.each([0, 0.5, -1, 4096, Number.NaN])("cannot be made with %d MiB", (memoryMib) => {
    expect(() => createBareMachine({ memoryMib, onSerialByte: () => {} })).toThrow(HostError);
  });
});

describe("an image that cannot be booted is refused with a reason", () => {
  const problem = (file: Uint8Array, commandLine = ""): string =>
    createBareMachine({ memoryMib: 2, onSerialByte: () => {} }).boot(file, commandLine)?.message ?? "booted";

  it.each([
    ["text", new TextEncoder().encode("#!/bin/sh\n"), /ELF/],
    ["another machine", makeImage({ code: "f4", machine: 40 }), /i386/],
    ["no multiboot header", makeImage({ code: "f4", plain: true }), /no multiboot header/],
    ["features nobody knows", makeImage({ code: "f4", multibootFlags: 7 }), /0x4/],
    ["more memory than there is", makeImage({ code: "f4", memoryBytes: 0x40_0000 }), /needs 5 MiB .* has 2/],
    ["an address beyond memory", makeImage({ code: "f4", loadAddress: 0xffff_fff0 }), /needs 4096 MiB/],
    ["a truncated file", makeImage({ code: "f4" }).subarray(0, 0x1000), /./],
  ] as const)("%s", (_name, file, reason) => {
    expect(problem(file)).toMatch(reason);
  });

  it("with a command line that is too long", () => {
    expect(problem(makeImage({ code: "f4" }), "x".repeat(5000))).toMatch(/4096/);
  });

  it("puts the information elsewhere where the image lies in its place", () => {
    const machine = createBareMachine({ memoryMib: 2, onSerialByte: () => {} });
    expect(machine.boot(makeImage({ code: "f4", loadAddress: 0x9_0000 }), "text")).toBeNull();
    expect(machine.context.register(REGISTER.rbx)).toBe(0x9_1000);
    expect(machine.memory.bytes[0x9_0000]).toBe(0xf4);
  });
});
