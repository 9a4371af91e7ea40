import { createMachineMemory } from "@xenolith/machine";
import { EXIT, toMfn } from "@xenolith/machine-interface";
import { createAddressTranslator } from "@xenolith/mmu";
import { type BareVcpu, createBareProcessor, I686_MODEL } from "@xenolith/x86-cpu";
import { describe, expect, it } from "vitest";
import { biosImage } from "./bios-image.ts";

const MIB = 2 ** 20;
const FIRMWARE_FRAME = 0xff;

/** A machine of 2 MiB with the firmware at the end of the first MiB and below 4 GiB. */
const createMachine = (): { readonly vcpu: BareVcpu; readonly text: () => string } => {
  const memory = createMachineMemory({ ramBytes: 2 * MIB, reserveBytes: 32 * MIB });
  const { physicalAddressBits } = I686_MODEL;
  let text = "";
  memory.bytes.set(biosImage(), FIRMWARE_FRAME * 4096);
  const vcpu = createBareProcessor({
    memory,
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

/** The steps of `bios.asm`. */
const STEPS = "rwslp" + "v@gggbx" + "Rus";

describe("firmware", () => {
  it("runs from the reset vector through every mode of a 32-bit processor", () => {
    const { vcpu, text } = createMachine();
    expect(vcpu.run(10_000).kind).toBe(EXIT.halt);
    expect(text()).toBe(STEPS);
  });

  it("does the same one instruction at a time", () => {
    const { vcpu, text } = createMachine();
    for (let count = 0; count < 1000 && vcpu.run(1).kind === EXIT.budget; count++);
    expect(text()).toBe(STEPS);
  });
});
