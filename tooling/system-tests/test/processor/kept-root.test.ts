import { createFlatMachine, type FlatMachine } from "@xenolith/bare-machine";
import { CR0, CR4, PTE, REGISTER } from "@xenolith/x86-architecture";
import { describe, expect, it } from "vitest";

const ROOT = 0x2_0000;
const [DIRECTORY, OTHER_DIRECTORY] = [0x2_1000, 0x2_2000];
const CODE = 0x1_0000;
const [HERE, THERE] = [0x3_0000, 0x4_0000];
const FLAGS = PTE.present | PTE.writable | PTE.user;

const setEntry = (machine: FlatMachine, at: number, value: number): void => {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setUint32(0, value, true);
  machine.write(at, bytes);
};

/** A machine with PAE paging: RAM at 0, and the page at 1 GiB is that at `HERE`, by one directory, or at `THERE`. */
const createMachine = (): FlatMachine => {
  const machine = createFlatMachine({ mode: "protected-flat", memoryMib: 2 });
  setEntry(machine, ROOT, DIRECTORY | PTE.present);
  setEntry(machine, DIRECTORY, FLAGS | PTE.large);
  for (const [directory, table, page] of [
    [DIRECTORY + 0x2000, 0x2_4000, HERE],
    [OTHER_DIRECTORY + 0x3000, 0x2_6000, THERE],
  ] as const) {
    setEntry(machine, directory, table | FLAGS);
    setEntry(machine, table, page | FLAGS);
  }
  setEntry(machine, ROOT + 8, (DIRECTORY + 0x2000) | PTE.present);
  setEntry(machine, HERE, 1);
  setEntry(machine, THERE, 2);
  const { context } = machine;
  context.setControl(3, ROOT);
  context.setControl(4, CR4.pae);
  context.setControl(0, (context.control(0) | CR0.pg) >>> 0);
  return machine;
};

/** Runs one MOV EAX, [1 GiB], with nothing in the TLB. */
const look = (machine: FlatMachine): number => {
  // invlpg [1 GiB] ; mov eax, [1 GiB]
  machine.write(CODE, Uint8Array.from([0x0f, 0x01, 0x3d, 0, 0, 0, 0x40, 0xa1, 0, 0, 0, 0x40]));
  machine.context.instructionPointer = CODE;
  machine.processor.run(2);
  return machine.context.register(REGISTER.rax);
};

describe("root entries of PAE paging", () => {
  it("are those that were there when CR3 was loaded", () => {
    const machine = createMachine();
    expect(look(machine)).toBe(1);
    setEntry(machine, ROOT + 8, (OTHER_DIRECTORY + 0x3000) | PTE.present);
    expect(look(machine)).toBe(1);
    // mov eax, cr3 ; mov cr3, eax
    machine.write(CODE, Uint8Array.from([0x0f, 0x20, 0xd8, 0x0f, 0x22, 0xd8]));
    machine.context.instructionPointer = CODE;
    machine.processor.run(2);
    expect(look(machine)).toBe(2);
  });

  it("are saved and restored with the processor", () => {
    const machine = createMachine();
    const saved = machine.processor.save();
    setEntry(machine, ROOT + 8, 0);
    machine.context.setControl(3, ROOT);
    machine.processor.restore(saved);
    expect(look(machine)).toBe(1);
    expect(machine.context.control(3)).toBe(ROOT);
  });
});
