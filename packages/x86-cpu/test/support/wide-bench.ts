import { EXIT, type Exit, type MachineMemory } from "@xenolith/machine-interface";
import {
  createFakeMemory,
  createIdentityTranslator,
  type IdentityTranslator,
} from "@xenolith/machine-interface/testing";
import { REGISTER, SEGMENT, type VcpuContext, type X86Vcpu } from "@xenolith/x86-architecture";
import { createMonitoredProcessor, type EngineTuning } from "../../src/index.ts";
import { CODE, placeCode, STACK } from "./engine-bench.ts";

/** Where RAM is found once more in the upper canonical half, and above 4 GiB. */
export const UPPER: number = -(2 ** 31);
export const ABOVE: number = 2 ** 32;

/** Registers by name, all 16 of them. */
export const WIDE_REGISTERS: typeof REGISTER = REGISTER;

export type WideRegister = keyof typeof WIDE_REGISTERS;

/** A processor under a monitor in 64-bit code at CPL 3. */
export interface WideBench {
  readonly memory: MachineMemory;
  readonly translator: IdentityTranslator;
  readonly vcpu: X86Vcpu;
  readonly context: VcpuContext;
  /** Puts code somewhere and points the processor at it; `mirror` says through which part of its address space. */
  load(hex: string, at?: number, mirror?: number): void;
  run(budget: number): Exit;
  get(name: WideRegister): bigint;
  set(values: Partial<Record<WideRegister, bigint | number>>): void;
  /** Eight bytes of memory. */
  quad(at: number): bigint;
  setQuad(at: number, value: bigint): void;
}

/** Options of a bench. */
export interface WideBenchOptions extends EngineTuning {
  /** Bases of FS and GS. */
  readonly fs?: number;
  readonly gs?: number;
}

/** Makes a bench. Segment registers are null but for CS and SS; FS and GS have the bases given. */
export const createWideBench = ({ fs = 0, gs = 0, ...tuning }: WideBenchOptions = {}): WideBench => {
  const memory = createFakeMemory({ frameCount: 64, reserveBytes: 16 << 20 });
  const translator = createIdentityTranslator(memory);
  const processor = createMonitoredProcessor({ memory, translator, recordBytes: 1 << 20, ...tuning });
  const vcpu = processor.createVcpu({
    descriptors: { low: 0, high: 0, read: () => false, setAccessed: () => {} },
    timestamp: () => 0,
    longMode: true,
  });
  vcpu.space = translator.space;
  const { context } = vcpu;
  const limit = 0xffff_ffff;
  context.setSegment(SEGMENT.cs, { selector: 0x33, base: 0, limit, attributes: 0xa0fb });
  context.setSegment(SEGMENT.ss, { selector: 0x2b, base: 0, limit, attributes: 0xc0f3 });
  for (const index of [SEGMENT.ds, SEGMENT.es]) {
    context.setSegment(index, { selector: 0, base: 0, limit: 0, attributes: 0 });
  }
  context.setSegment(SEGMENT.fs, { selector: 0, base: fs, limit: 0, attributes: 0 });
  context.setSegment(SEGMENT.gs, { selector: 0, base: gs, limit: 0, attributes: 0 });
  context.flags = 2;
  context.setRegister(REGISTER.rsp, STACK);
  return {
    memory,
    translator,
    vcpu,
    context,
    load: (hex, at = CODE, mirror = 0) => {
      placeCode(memory, hex, at);
      context.instructionPointer = at + mirror;
    },
    run: (budget) => ({ ...vcpu.run(budget) }),
    get: (name) => context.wideRegister(WIDE_REGISTERS[name]),
    set: (values) => {
      for (const [name, value] of Object.entries(values)) {
        context.setWideRegister(WIDE_REGISTERS[name as WideRegister], BigInt.asUintN(64, BigInt(value)));
      }
    },
    quad: (at) => memory.view.getBigUint64(at, true),
    setQuad: (at, value) => memory.view.setBigUint64(at, BigInt.asUintN(64, value), true),
  };
};

/** A fresh bench after one instruction that retired. */
export const afterOne = (
  hex: string,
  registers: Partial<Record<WideRegister, bigint | number>>,
  bases: { readonly fs?: number; readonly gs?: number } = {},
): WideBench => {
  const bench = createWideBench(bases);
  bench.set(registers);
  bench.load(hex);
  const exit = bench.run(1);
  if (exit.kind !== EXIT.budget || exit.retired !== 1) throw new Error(`vector ${exit.vector}`);
  return bench;
};

/** The exit of one instruction that does not retire, on a fresh bench. */
export const faultOf = (
  hex: string,
  registers: Partial<Record<WideRegister, bigint | number>>,
  bases: { readonly fs?: number; readonly gs?: number } = {},
): Exit & { readonly bench: WideBench } => {
  const bench = createWideBench(bases);
  bench.set(registers);
  bench.load(hex);
  return { ...bench.run(1), bench };
};
