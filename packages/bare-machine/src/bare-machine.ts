import { ELF_MACHINE, type ElfImage, parseElf } from "@xenolith/elf";
import { createMachineMemory } from "@xenolith/machine";
import { EXIT, HostError, type MachineMemory } from "@xenolith/machine-interface";
import { createAddressTranslator } from "@xenolith/mmu";
import { CR0, REGISTER, SEGMENT, type VcpuContext } from "@xenolith/x86-architecture";
import {
  type BareVcpu,
  createBareProcessor,
  type EngineChoice,
  type ProcessorModel,
  X86_64_V2_MODEL,
} from "@xenolith/x86-cpu";
import { BOOT_MAGIC, type BootProblem, loadMultiboot } from "./multiboot.ts";
import { createPortSpace } from "./port-space.ts";
import { createSerialPort } from "./serial-port.ts";

const MIB = 2 ** 20;

/** Room above RAM for the engine: TLB, decoded code, state. */
const RESERVE_BYTES = 64 * MIB;

/** Most RAM in MiB: RAM and reserve lie below 4 GiB. */
export const MAX_MEMORY_MIB = 3840;

/** Instructions between two looks at the host. */
const SLICE = 10_000_000;

/** What a bare machine is made with. */
export interface BareMachineOptions {
  /** RAM in MiB, 1 to {@link MAX_MEMORY_MIB}. */
  readonly memoryMib: number;
  /** Called with every byte the guest sends through COM1, as it is sent. */
  readonly onSerialByte: (byte: number) => void;
  /** The processor that it has. Default: x86-64-v2. */
  readonly model?: ProcessorModel;
  /** How code is executed. Default `auto`. */
  readonly engine?: EngineChoice;
}

/**
 * Why a machine stopped.
 * - `exited`: the guest wrote `value` to the exit port.
 * - `halted`: it halts with nothing that could wake it.
 * - `shutdown`: triple fault at `instructionPointer`.
 */
export type BareStop =
  | { readonly kind: "exited"; readonly value: number }
  | { readonly kind: "halted" }
  | { readonly kind: "shutdown"; readonly instructionPointer: number };

/** An x86 machine without a hypervisor: RAM, one processor that starts in ring 0, a serial port and an exit port. */
export interface BareMachine {
  readonly memory: MachineMemory;
  readonly context: VcpuContext;
  /** Instructions retired so far. They are the time-stamp counter too. */
  readonly retired: number;
  /**
   * Loads a multiboot ELF image of 32 or 64 bits (the entry point is 32-bit code in both), resets the processor and puts it at the entry point. May be called again; RAM that the
   * image does not cover stays as it is.
   * @returns null, or why it cannot be booted; then the processor is as it was.
   */
  boot(file: Uint8Array, commandLine: string): BootProblem | null;
  /** Runs at most `budget` instructions. Null: all of them retired and the machine can go on. */
  run(budget: number): BareStop | null;
  /** Runs until the machine stops. */
  runToStop(): BareStop;
}

/** Flat 4 GiB segments of ring 0, as multiboot wants them: selectors as in most loaders. [MULTIBOOT 3.2] */
const FLAT_CODE = { selector: 0x08, base: 0, limit: 0xffff_ffff, attributes: 0xc09b };
const FLAT_DATA = { selector: 0x10, base: 0, limit: 0xffff_ffff, attributes: 0xc093 };

const enterProtectedMode = (context: VcpuContext, entry: number, informationAddress: number): void => {
  context.setControl(0, CR0.pe | CR0.et);
  context.setSegment(SEGMENT.cs, FLAT_CODE);
  for (const index of [SEGMENT.ss, SEGMENT.ds, SEGMENT.es, SEGMENT.fs, SEGMENT.gs]) {
    context.setSegment(index, FLAT_DATA);
  }
  context.setRegister(REGISTER.rax, BOOT_MAGIC);
  context.setRegister(REGISTER.rbx, informationAddress);
  context.flags = 0;
  context.instructionPointer = entry;
};

/** Images of either width: multiboot enters both in 32-bit protected mode. */
const isForThisMachine = ({ wordBits, machine }: ElfImage): boolean =>
  wordBits === 32 ? machine === ELF_MACHINE.i386 : machine === ELF_MACHINE.x86_64;

class Machine implements BareMachine {
  readonly memory: MachineMemory;
  retired = 0;
  readonly #vcpu: BareVcpu;
  #exitValue: number | null = null;

  constructor(options: BareMachineOptions) {
    const { memoryMib, onSerialByte, model = X86_64_V2_MODEL, engine = "auto" } = options;
    this.memory = createMachineMemory({ ramBytes: memoryMib * MIB, reserveBytes: RESERVE_BYTES });
    const translator = createAddressTranslator({
      memory: this.memory,
      physicalAddressBits: model.physicalAddressBits,
    });
    const ports = createPortSpace(createSerialPort(onSerialByte), (value) => {
      this.#exitValue = value;
      this.#vcpu.requestExit();
    });
    this.#vcpu = createBareProcessor({
      memory: this.memory,
      translator,
      model,
      engine,
      ports,
      timestamp: (retiredInRun) => this.retired + retiredInRun,
    });
  }

  get context(): VcpuContext {
    return this.#vcpu.context;
  }

  boot(file: Uint8Array, commandLine: string): BootProblem | null {
    const image = parseElf(file);
    if (image.kind === "problem") return image;
    if (!isForThisMachine(image))
      return { kind: "problem", message: "is not an ELF image for i386 or x86-64" };
    const state = loadMultiboot(this.memory, file, image, commandLine);
    if (state.kind === "problem") return state;
    this.#vcpu.reset();
    this.#exitValue = null;
    enterProtectedMode(this.context, state.entry, state.informationAddress);
    return null;
  }

  run(budget: number): BareStop | null {
    const exit = this.#vcpu.run(budget);
    this.retired += exit.retired;
    if (this.#exitValue !== null) return { kind: "exited", value: this.#exitValue };
    switch (exit.kind) {
      case EXIT.halt:
        return { kind: "halted" };
      case EXIT.shutdown:
        return { kind: "shutdown", instructionPointer: this.context.instructionPointer };
      default:
        return null;
    }
  }

  runToStop(): BareStop {
    for (;;) {
      const stop = this.run(SLICE);
      if (stop !== null) return stop;
    }
  }
}

/**
 * Makes a bare machine.
 * @throws HostError `memory-size` when the size is out of range.
 */
export const createBareMachine = (options: BareMachineOptions): BareMachine => {
  const { memoryMib } = options;
  if (!Number.isInteger(memoryMib) || memoryMib < 1 || memoryMib > MAX_MEMORY_MIB) {
    throw new HostError("memory-size", `memory must be 1 to ${MAX_MEMORY_MIB} MiB, got ${memoryMib}`);
  }
  return new Machine(options);
};
