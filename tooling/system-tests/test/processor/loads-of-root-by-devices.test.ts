import { createFlatMachine, type FlatMachine } from "@xenolith/bare-machine";
import { CR0, PTE, REGISTER } from "@xenolith/x86-architecture";
import { describe, expect, it } from "vitest";

const [CODE, DATA] = [0x1_0000, 0x2_0000];
const [ROOT, TABLE] = [0x4_0000, 0x4_1000];
const FLAGS = PTE.present | PTE.writable | PTE.accessed | PTE.dirty;
const TURNS = 3000;

/**
 * l: out 0x80, al ; call f ; inc dword [ebx] ; dec ecx ; jnz l ; hlt, with the function in the next page: add esi, 3 ; ret.
 * Both pages are looked for anew after each OUT.
 */
const LOOP = [0xe6, 0x80, 0xe8, 0xf9, 0x0f, 0, 0, 0xff, 0x03, 0x49, 0x75, 0xf4, 0xf4];
const FUNCTION = [0x83, 0xc6, 0x03, 0xc3];

const ENGINES = [
  ["interpreted", { engine: "interpreter" }],
  ["translated when hot", {}],
  ["translated at once", { translateAfter: 0 }],
] as const;

describe("code goes on behind an OUT to a device that loads CR3", () => {
  it.each(ENGINES)("%s", (_, tuning) => {
    let written = 0;
    const write = (): void => {
      written += 1;
      machine.context.setControl(3, ROOT);
    };
    const ports = { read: () => 0, write };
    const machine: FlatMachine = createFlatMachine({
      mode: "protected-flat",
      memoryMib: 4,
      ports,
      ...tuning,
    });
    const table = new DataView(new ArrayBuffer(4096));
    for (let page = 0; page < 1024; page++) table.setUint32(4 * page, (page << 12) | FLAGS, true);
    machine.write(TABLE, new Uint8Array(table.buffer));
    table.setUint32(0, TABLE | FLAGS, true);
    machine.write(ROOT, new Uint8Array(table.buffer, 0, 4));
    machine.write(CODE, Uint8Array.from(LOOP));
    machine.write(CODE + 0x1000, Uint8Array.from(FUNCTION));
    const { context, processor } = machine;
    context.setControl(3, ROOT);
    context.setControl(0, (context.control(0) | CR0.pg) >>> 0);
    for (const [register, value] of [
      [REGISTER.rbx, DATA],
      [REGISTER.rcx, TURNS],
      [REGISTER.rsi, 0],
      [REGISTER.rsp, DATA + 0x1000],
    ] as const)
      context.setRegister(register, value);
    context.instructionPointer = CODE;
    expect(processor.run(7 * TURNS).retired).toBe(7 * TURNS);
    expect(written).toBe(TURNS);
    expect(context.register(REGISTER.rsi)).toBe(3 * TURNS);
    const [low = 0, high = 0] = machine.read(DATA, 2);
    expect(low + 256 * high).toBe(TURNS);
  });
});
