import { createMachineMemory } from "@xenolith/machine";
import { EXIT, toMfn } from "@xenolith/machine-interface";
import { createAddressTranslator } from "@xenolith/mmu";
import {
  type BareVcpu,
  createBareProcessor,
  I686_MODEL,
  type ProcessorModel,
  X86_64_MODEL,
} from "@xenolith/x86-cpu";
import { describe, expect, it } from "vitest";
import { biosImage } from "./bios-image.ts";
import { longModeImage } from "./long-mode-image.ts";

const MIB = 2 ** 20;
const FIRMWARE_FRAME = 0xff;

/** A machine of 2 MiB with firmware at the end of the first MiB and below 4 GiB. */
const createMachine = (
  image: Uint8Array,
  model: ProcessorModel,
): { readonly vcpu: BareVcpu; readonly text: () => string } => {
  const memory = createMachineMemory({ ramBytes: 2 * MIB, reserveBytes: 32 * MIB });
  const { physicalAddressBits } = model;
  let text = "";
  memory.bytes.set(image, FIRMWARE_FRAME * 4096);
  const vcpu = createBareProcessor({
    memory,
    model,
    translator: createAddressTranslator({ memory, physicalAddressBits }),
    firmware: [toMfn(FIRMWARE_FRAME)],
    ports: {
      read: () => 0xff,
      write: (port, _sizeBytes, value) => {
        text += port === 0xe9 ? String.fromCharCode(value) : "?";
      },
    },
  });
  return { vcpu, text: () => text };
};

/** Steps of `bios.asm` and `long-mode.asm`. */
const STEPS = `rwslp${"v@gggbx"}Rus`;
const LONG_MODE_STEPS = `rLH${"12ufgcw3x"}nR`;

describe.each([
  ["every mode of a 32-bit processor", biosImage, I686_MODEL, STEPS],
  ["IA-32e mode, 64-bit and compatible, and back", longModeImage, X86_64_MODEL, LONG_MODE_STEPS],
])("firmware runs from the reset vector through %s", (_name, image, model, steps) => {
  it("at once", () => {
    const { vcpu, text } = createMachine(image(), model);
    expect(vcpu.run(10_000).kind).toBe(EXIT.halt);
    expect(text()).toBe(steps);
  });

  it("one instruction at a time", () => {
    const { vcpu, text } = createMachine(image(), model);
    for (let count = 0; count < 1000 && vcpu.run(1).kind === EXIT.budget; count++);
    expect(text()).toBe(steps);
  });
});
