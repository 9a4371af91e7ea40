import type { VcpuContext } from "@xenolith/x86-architecture";
import { createEngineBench, type EngineBench } from "./engine-bench.ts";

const NAMES = { eax: 0, ecx: 1, edx: 2, ebx: 3, esp: 4, ebp: 5, esi: 6, edi: 7 } as const;

/** Values of some general registers. */
export type Registers = Partial<Record<keyof typeof NAMES, number>>;

const entries = (registers: Registers): readonly (readonly [number, number])[] =>
  Object.entries(registers).map(([name, value]) => [NAMES[name as keyof typeof NAMES], value]);

/** What is to be run, and from where. Memory is given as 32-bit words by address. */
export interface Before {
  readonly code: string;
  readonly registers?: Registers;
  readonly flags?: number;
  readonly words?: Readonly<Record<number, number>>;
  /** Instructions to run. Default 1. */
  readonly count?: number;
}

/** A bench after its instructions have run. */
export interface After {
  readonly bench: EngineBench;
  readonly context: VcpuContext;
  register(name: keyof typeof NAMES): number;
  word(at: number): number;
}

/** Runs a few instructions on a fresh processor. */
export const after = ({ code, registers = {}, flags = 2, words = {}, count = 1 }: Before): After => {
  const bench = createEngineBench();
  const { context, memory } = bench;
  for (const [at, value] of Object.entries(words)) memory.view.setUint32(Number(at), value, true);
  bench.load(code);
  for (const [index, value] of entries(registers)) context.setRegister(index, value);
  context.flags = flags;
  bench.run(count);
  return {
    bench,
    context,
    register: (name) => context.register(NAMES[name]),
    word: (at) => memory.view.getUint32(at, true),
  };
};
