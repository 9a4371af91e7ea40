import { createFlatMachine, type FlatMachine } from "@xenolith/bare-machine";
import { CR0, PTE, REGISTER } from "@xenolith/x86-architecture";
import { describe, expect, it } from "vitest";

const [ROOT, FIRST_TABLE] = [0x4_0000, 0x5_0000];
const [CALLER, FUNCTION] = [0x1_0000, 0x2_0010];
/** Where the page of the function is mapped this many times. */
const MAPPINGS_START = 0x1000_0000;
const MAPPINGS = 5000;
const FLAGS = PTE.present | PTE.writable | PTE.accessed | PTE.dirty;

/** inc esi ; ret, and what becomes of it: inc edi ; ret */
const [FIRST_FUNCTION, SECOND_FUNCTION] = [
  [0x46, 0xc3],
  [0x47, 0xc3],
];
/** l: call eax ; add eax, 4096 ; mov [FUNCTION + 0x40], al ; dec ecx ; jnz l */
const CALLS = [0xff, 0xd0, 0x05, 0, 0x10, 0, 0, 0xa2, 0x50, 0, 0x02, 0, 0x49, 0x75, 0xf1];
const INSTRUCTIONS_PER_CALL = 7;

const setEntry = (machine: FlatMachine, at: number, value: number): void => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  machine.write(at, bytes);
};

/** A machine with RAM at 0, and one page of it at many other addresses. */
const createMachine = (engine: "auto" | "interpreter"): FlatMachine => {
  const machine = createFlatMachine({ mode: "protected-flat", memoryMib: 4, engine });
  for (let page = 0; page < 1024; page++) setEntry(machine, FIRST_TABLE + 4 * page, (page << 12) | FLAGS);
  setEntry(machine, ROOT, FIRST_TABLE | FLAGS);
  for (let n = 0; n < MAPPINGS; n++) {
    const page = (MAPPINGS_START >>> 12) + n;
    const table = FIRST_TABLE + 0x1000 * (1 + (n >> 10));
    setEntry(machine, ROOT + 4 * (page >> 10), table | FLAGS);
    setEntry(machine, table + 4 * (page & 0x3ff), (FUNCTION & -0x1000) | FLAGS);
  }
  machine.write(CALLER, Uint8Array.from(CALLS));
  const { context } = machine;
  context.setControl(3, ROOT);
  context.setControl(0, (context.control(0) | CR0.pg) >>> 0);
  return machine;
};

/** Calls the function at each of its addresses. @returns how often its first and its second version were executed so far */
const callAll = (machine: FlatMachine, code: readonly number[]): readonly number[] => {
  const { context, processor } = machine;
  machine.write(FUNCTION, Uint8Array.from(code));
  context.setRegister(REGISTER.rax, MAPPINGS_START + (FUNCTION & 0xfff));
  context.setRegister(REGISTER.rcx, MAPPINGS);
  context.instructionPointer = CALLER;
  const instructions = INSTRUCTIONS_PER_CALL * MAPPINGS;
  expect(processor.run(instructions).retired).toBe(instructions);
  return [context.register(REGISTER.rsi), context.register(REGISTER.rdi)];
};

describe.each(["auto", "interpreter"] as const)(
  "a page that is mapped at very many addresses, by %s",
  (engine) => {
    it("is what lies there at each of them, whenever that changes", () => {
      const machine = createMachine(engine);
      machine.context.setRegister(REGISTER.rsi, 0);
      machine.context.setRegister(REGISTER.rdi, 0);
      expect(callAll(machine, FIRST_FUNCTION)).toEqual([MAPPINGS, 0]);
      expect(callAll(machine, SECOND_FUNCTION)).toEqual([MAPPINGS, MAPPINGS]);
      expect(callAll(machine, FIRST_FUNCTION)).toEqual([2 * MAPPINGS, MAPPINGS]);
    });
  },
);
