import { createMachineMemory } from "@xenolith/machine";
import { EXIT, HostError, type MachineMemory } from "@xenolith/machine-interface";
import { createAddressTranslator } from "@xenolith/mmu";
import { CR0, hasErrorCode, REGISTER, SEGMENT, type VcpuContext, VECTOR } from "@xenolith/x86-architecture";
import {
  createInstrumentedProcessor,
  type EngineTuning,
  type InstrumentedVcpu,
  type InterruptLine,
  type MsrHandlers,
  type PortHandlers,
  type ProcessorModel,
  type StopReason,
  X86_64_V2_MODEL,
} from "@xenolith/x86-cpu";
import { copyIn } from "./copy-in.ts";
import {
  FLAT_AREA_BYTES,
  FLAT_SELECTOR,
  type FlatArea,
  type FlatMode,
  writeFlatArea,
} from "./flat-layout.ts";
import { popExceptionFrame, pushCall } from "./flat-stack.ts";

const MIB = 2 ** 20;
const RESERVE_BYTES = 64 * MIB;
const MOST_MIB = 3840;
const DEFAULT_MIB = 16;
/** Instructions of a call or a run unless more are asked for: a few seconds. */
const DEFAULT_BUDGET = 1_000_000_000;
const SWITCH_BUDGET = 100;

/** What a flat machine is made with. Everything has a default but the mode. */
export interface FlatMachineOptions extends EngineTuning {
  readonly mode: FlatMode;
  /** RAM in MiB. Default 16. The last 64 KiB hold descriptor and page tables, but for `real`. */
  readonly memoryMib?: number;
  /** Default x86-64-v2. */
  readonly model?: ProcessorModel;
  /** Default: reads give ones, writes get lost. */
  readonly ports?: PortHandlers;
  readonly msrs?: MsrHandlers;
  readonly interrupts?: InterruptLine;
}

/**
 * Why a run ended.
 * - `returned`: the function that was called did; `value` is RAX (EAX, AX).
 * - `exception`: registers are those before the instruction, or behind it for a trap.
 * - `stopped`: at a breakpoint or watchpoint; `reason` null: `requestExit` was called.
 * - `budget`: as many instructions have retired as were allowed.
 * - `halted`: HLT, and nothing that would wake it. `shutdown`: an exception that could not be delivered.
 */
export type FlatStop =
  | { readonly kind: "returned"; readonly value: bigint }
  | {
      readonly kind: "exception";
      readonly vector: number;
      /** What the processor pushed, or null for vectors without. */
      readonly errorCode: number | null;
      /** Linear address of a page fault, else null. */
      readonly address: number | null;
    }
  | { readonly kind: "stopped"; readonly reason: StopReason | null }
  | { readonly kind: "budget" | "halted" | "shutdown" };

/** A processor and memory, ready to run code. */
export interface FlatMachine {
  readonly processor: InstrumentedVcpu;
  readonly context: VcpuContext;
  readonly memory: MachineMemory;
  /** Copies bytes into RAM; code that was there is forgotten. */
  write(address: number, bytes: Uint8Array): void;
  /** A copy of bytes of RAM. */
  read(address: number, lengthBytes: number): Uint8Array;
  /**
   * Calls a function and runs until it returns or something else happens. Integer arguments are passed as C does on Linux: on
   * the stack in 32-bit code, in RDI RSI RDX RCX R8 R9 in 64-bit code (at most six). Not in `real` mode.
   */
  call(address: number, args?: readonly (number | bigint)[], budget?: number): FlatStop;
  /** Runs from where the instruction pointer is. */
  run(budget?: number): FlatStop;
}

const NO_PORTS: PortHandlers = { read: (_port, sizeBytes) => 2 ** (8 * sizeBytes) - 1, write: () => {} };
const FLAT = { base: 0, limit: 0xffff_ffff };

class Machine implements FlatMachine {
  readonly processor: InstrumentedVcpu;
  readonly memory: MachineMemory;
  readonly #mode: FlatMode;
  readonly #area: FlatArea | null;
  /** Vector of the exception that has been raised. */
  #vector: number | null = null;

  constructor(options: FlatMachineOptions) {
    const { mode, memoryMib = DEFAULT_MIB, ...processorOptions } = options;
    const { model = X86_64_V2_MODEL, ports = NO_PORTS } = options;
    this.#mode = mode;
    this.memory = createMachineMemory({ ramBytes: memoryMib * MIB, reserveBytes: RESERVE_BYTES });
    const { physicalAddressBits } = model;
    this.processor = createInstrumentedProcessor({
      ...processorOptions,
      memory: this.memory,
      translator: createAddressTranslator({ memory: this.memory, physicalAddressBits }),
      model,
      ports,
    });
    this.#area = mode === "real" ? null : this.#enter(model);
    if (mode === "real") this.#enterRealMode();
    this.context.setRegister(REGISTER.rsp, mode === "real" ? 0xfff0 : this.memory.ramBytes - FLAT_AREA_BYTES);
  }

  get context(): VcpuContext {
    return this.processor.context;
  }

  /** Segments at 0, so that addresses below 64 KiB are what they say. */
  #enterRealMode(): void {
    const { context } = this;
    for (const index of [SEGMENT.es, SEGMENT.cs, SEGMENT.ss, SEGMENT.ds, SEGMENT.fs, SEGMENT.gs]) {
      const attributes = index === SEGMENT.cs ? 0x9b : 0x93;
      context.setSegment(index, { selector: 0, base: 0, limit: 0xffff, attributes });
    }
  }

  #enter(model: ProcessorModel): FlatArea {
    const { context, processor } = this;
    const hasVectors = model.features.has("fxsr");
    const area = writeFlatArea(this.memory.view, this.memory.ramBytes, { mode: this.#mode, hasVectors });
    context.setControl(0, CR0.pe | CR0.et);
    context.setSegment(SEGMENT.cs, { ...FLAT, selector: FLAT_SELECTOR.code32, attributes: 0xc09b });
    for (const index of [SEGMENT.ss, SEGMENT.ds, SEGMENT.es, SEGMENT.fs, SEGMENT.gs]) {
      context.setSegment(index, { ...FLAT, selector: FLAT_SELECTOR.data, attributes: 0xc093 });
    }
    context.instructionPointer = area.code;
    const arrived = processor.addBreakpoint(area.codeEnd);
    const exit = processor.run(SWITCH_BUDGET);
    arrived.remove();
    if (exit.kind !== EXIT.request) {
      throw new HostError("processor-mode", `the model ${model.name} has no ${this.#mode} mode`);
    }
    for (const index of [REGISTER.rax, REGISTER.rcx, REGISTER.rdx]) context.setRegister(index, 0);
    context.floatingPoint.control = 0x37f;
    context.floatingPoint.tags = 0;
    processor.onExecute({ start: area.handlers, end: area.handlers + 256 }, ({ address }) => {
      this.#vector = address - area.handlers;
      processor.requestExit();
    });
    return area;
  }

  write(address: number, bytes: Uint8Array): void {
    if (address < 0 || address + bytes.length > this.memory.ramBytes) {
      throw new HostError("memory-range", `${bytes.length} bytes at ${address} are not all RAM`);
    }
    copyIn(this.memory, address, bytes);
  }

  read(address: number, lengthBytes: number): Uint8Array {
    return this.memory.bytes.slice(address, Math.min(address + lengthBytes, this.memory.ramBytes));
  }

  call(address: number, args: readonly (number | bigint)[] = [], budget: number = DEFAULT_BUDGET): FlatStop {
    const area = this.#area;
    if (area === null) throw new HostError("processor-mode", "functions cannot be called in real mode");
    // The byte behind the code that switches modes is nobody's: a return address that cannot be mistaken.
    const returnTo = area.codeEnd;
    pushCall(
      { context: this.context, memory: this.memory, isWide: this.#mode === "long-flat" },
      args,
      returnTo,
    );
    this.context.instructionPointer = address;
    const arrived = this.processor.addBreakpoint(returnTo);
    const stop = this.run(budget);
    arrived.remove();
    const isBack = stop.kind === "stopped" && this.context.instructionPointer === returnTo;
    if (!isBack) return stop;
    const value = this.context.wideRegister(REGISTER.rax);
    return { kind: "returned", value: this.#mode === "long-flat" ? value : BigInt.asUintN(32, value) };
  }

  run(budget: number = DEFAULT_BUDGET): FlatStop {
    const { processor } = this;
    this.#vector = null;
    const exit = processor.run(budget);
    switch (exit.kind) {
      case EXIT.halt:
        return { kind: "halted" };
      case EXIT.shutdown:
        return { kind: "shutdown" };
      case EXIT.budget:
        return { kind: "budget" };
      default:
        if (this.#vector !== null) return this.#exception(this.#vector);
        return { kind: "stopped", reason: processor.stopReason };
    }
  }

  #exception(vector: number): FlatStop {
    const stack = { context: this.context, memory: this.memory, isWide: this.#mode === "long-flat" };
    const errorCode = popExceptionFrame(stack, hasErrorCode(vector));
    const address = vector === VECTOR.pageFault ? this.context.control(2) : null;
    return { kind: "exception", vector, errorCode, address };
  }
}

/**
 * Makes a processor with memory, ready to run code: in real mode with all segments at 0, or at ring 0 in flat segments of 32
 * or 64-bit code, where RAM is mapped to itself and exceptions end a run. The stack begins at the top of what is free.
 * @throws HostError `memory-size` when the size is out of range, `processor-mode` when the model lacks the mode.
 */
export const createFlatMachine = (options: FlatMachineOptions): FlatMachine => {
  const { memoryMib = DEFAULT_MIB } = options;
  if (!Number.isInteger(memoryMib) || memoryMib < 1 || memoryMib > MOST_MIB) {
    throw new HostError("memory-size", `memory must be 1 to ${MOST_MIB} MiB, got ${memoryMib}`);
  }
  return new Machine(options);
};
