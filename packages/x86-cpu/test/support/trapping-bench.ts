import { EXIT } from "@xenolith/machine-interface";
import { CR4 } from "@xenolith/x86-architecture";
import { MAX_MODEL, type ProcessorModel } from "../../src/index.ts";
import { createEngineBench, type EngineBench } from "./engine-bench.ts";

const IDT = 0x4000;
const HANDLER = 0x5000;
const GDT = 0x3000;
/** A jump to itself. */
const FOREVER = "eb fe";

/** A bench whose exceptions go to handlers that stay where they are: the one of vector n lies at HANDLER + 16 n. */
export const createTrappingBench = (
  model: ProcessorModel = MAX_MODEL,
  control4: number = CR4.osfxsr,
): EngineBench => {
  const bench = createEngineBench({ model });
  bench.context.setControl(4, control4);
  bench.memory.view.setUint32(GDT + 8, 0x0000_ffff, true);
  bench.memory.view.setUint32(GDT + 12, 0x00cf_9b00, true);
  for (let vector = 0; vector < 32; vector++) {
    bench.memory.view.setUint32(IDT + 8 * vector, (8 << 16) | (HANDLER + 16 * vector), true);
    bench.memory.view.setUint32(IDT + 8 * vector + 4, 0x8e00, true);
    bench.place(FOREVER, HANDLER + 16 * vector);
  }
  for (const [at, base] of [
    [0x3800, GDT],
    [0x3808, IDT],
  ] as const) {
    bench.memory.view.setUint16(at, 0x7ff, true);
    bench.memory.view.setUint32(at + 2, base, true);
  }
  bench.load(`0f 01 15 00 38 00 00  0f 01 1d 08 38 00 00  ${FOREVER}`);
  bench.run(10);
  return bench;
};

/** A bench like that in 64-bit code of ring 0. */
export const createLongTrappingBench = (control4: number = CR4.osfxsr): EngineBench => {
  const bench = createTrappingBench(MAX_MODEL, control4 | CR4.pae);
  const { view } = bench.memory;
  view.setBigUint64(GDT + 0x18, 0x00af_9b00_0000_ffffn, true);
  for (let vector = 0; vector < 32; vector++) {
    view.setUint32(IDT + 16 * vector, (0x18 << 16) | (HANDLER + 16 * vector), true);
    view.setUint32(IDT + 16 * vector + 4, 0x8e00, true);
    view.setBigUint64(IDT + 16 * vector + 8, 0n, true);
  }
  // rdmsr and wrmsr of EFER, with LME; mov cr0, with PG; jmp 18:2000
  bench.load(
    "b9 80 00 00 c0 0f 32 0d 00 01 00 00 0f 30 0f 20 c0 0d 00 00 00 80 0f 22 c0 ea 00 20 00 00 18 00",
  );
  bench.place(FOREVER, 0x2000);
  bench.run(20);
  return bench;
};

/** Runs code that may fault; the vector, or -1. */
export const vectorOf = (bench: EngineBench, hex: string): number => {
  bench.load(`${hex} ${FOREVER}`);
  const { kind } = bench.run(50);
  if (kind !== EXIT.budget) throw new Error(`stopped: kind ${kind}`);
  const at = bench.context.instructionPointer;
  return at >= HANDLER ? (at - HANDLER) / 16 : -1;
};
