import { EXIT, type Exit, type MachineMemory, toMfn } from "@xenolith/machine-interface";
import {
  createFakeMemory,
  createIdentityTranslator,
  type IdentityTranslator,
} from "@xenolith/machine-interface/testing";
import {
  CR0,
  REGISTER,
  SEGMENT,
  type SegmentState,
  type VcpuContext,
  type X86Vcpu,
} from "@xenolith/x86-architecture";
import { type BareProcessorOptions, createBareProcessor } from "../../src/index.ts";

/** Flat 4 GiB segments of ring 0. */
export const FLAT_CODE: SegmentState = { selector: 0x08, base: 0, limit: 0xffff_ffff, attributes: 0xc09b };
export const FLAT_DATA: SegmentState = { selector: 0x10, base: 0, limit: 0xffff_ffff, attributes: 0xc093 };

/** Where code is put and the stack begins unless a test says otherwise. */
export const CODE = 0x1000;
export const STACK = 0x9000;

/** Bytes from hexadecimal text; spaces are ignored. */
export const bytesOf = (hex: string): Uint8Array =>
  Uint8Array.from(hex.replaceAll(/\s/g, "").match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

/** Puts code into memory and says so, as a loader would. It must not cross a page. */
export const placeCode = (memory: MachineMemory, hex: string, at: number): void => {
  const bytes = bytesOf(hex);
  memory.bytes.set(bytes, at);
  memory.written(toMfn(Math.floor(at / 4096)), at % 4096, bytes.length);
};

/** A processor without a monitor in flat 32-bit protected mode, over a small identity-mapped memory. */
export interface EngineBench {
  readonly memory: MachineMemory;
  readonly translator: IdentityTranslator;
  readonly vcpu: X86Vcpu;
  readonly context: VcpuContext;
  /** Puts code somewhere (announced, as a loader would) without going there. */
  place(hex: string, at: number): void;
  /** Puts code at {@link CODE} (or elsewhere) and points the processor at it. */
  load(hex: string, at?: number): void;
  /** Runs and returns a copy of the exit. */
  run(budget: number): Exit;
  /** Runs one instruction at a time until so many have retired. */
  step(count: number): void;
}

/** Options of a bench. */
export interface EngineBenchOptions extends Partial<BareProcessorOptions> {
  readonly frameCount?: number;
}

export const createEngineBench = (options: EngineBenchOptions = {}): EngineBench => {
  const { frameCount = 64, ...processor } = options;
  const memory = createFakeMemory({ frameCount, reserveBytes: 16 << 20 });
  const translator = createIdentityTranslator(memory);
  const vcpu = createBareProcessor({
    memory,
    translator,
    ports: { read: () => 0xffff_ffff, write: () => {} },
    recordBytes: 1 << 20,
    ...processor,
  });
  const { context } = vcpu;
  context.setControl(0, CR0.pe | CR0.et);
  context.setSegment(SEGMENT.cs, FLAT_CODE);
  for (const index of [SEGMENT.ss, SEGMENT.ds, SEGMENT.es, SEGMENT.fs, SEGMENT.gs]) {
    context.setSegment(index, FLAT_DATA);
  }
  context.setRegister(REGISTER.rsp, STACK);
  const place = (hex: string, at: number): void => placeCode(memory, hex, at);
  const run = (budget: number): Exit => ({ ...vcpu.run(budget) });
  return {
    memory,
    translator,
    vcpu,
    context,
    place,
    load: (hex, at = CODE) => {
      place(hex, at);
      context.instructionPointer = at;
    },
    run,
    step: (count) => {
      for (let n = 0; n < count; n++) {
        const exit = run(1);
        if (exit.kind !== EXIT.budget || exit.retired !== 1) throw new Error(`stopped: kind ${exit.kind}`);
      }
    },
  };
};

/** All general registers, the instruction pointer and the flags. */
export const snapshot = (context: VcpuContext): readonly number[] => [
  ...Array.from({ length: 8 }, (_, index) => context.register(index)),
  context.instructionPointer,
  context.flags,
];
