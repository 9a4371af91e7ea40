import { type MachineMemory, toMfn } from "@xenolith/machine-interface";
import { createFakeMemory, createIdentityTranslator } from "@xenolith/machine-interface/testing";
import { CR0, REGISTER, SEGMENT } from "@xenolith/x86-architecture";
import { createInstrumentedProcessor, type InstrumentedVcpu } from "../../src/index.ts";
import { bytesOf, CODE, FLAT_CODE, FLAT_DATA, STACK } from "./engine-bench.ts";

/** A processor to look into, in flat 32-bit protected mode. */
export interface InstrumentedBench {
  readonly vcpu: InstrumentedVcpu;
  readonly memory: MachineMemory;
  /** Puts code at {@link CODE} and points the processor at it. */
  load(hex: string): void;
}

export const createInstrumentedBench = (): InstrumentedBench => {
  const memory = createFakeMemory({ frameCount: 64, reserveBytes: 16 << 20 });
  const vcpu = createInstrumentedProcessor({
    memory,
    translator: createIdentityTranslator(memory),
    ports: { read: () => 0xff, write: () => {} },
    recordBytes: 1 << 20,
  });
  const { context } = vcpu;
  context.setControl(0, CR0.pe | CR0.et);
  context.setSegment(SEGMENT.cs, FLAT_CODE);
  for (const index of [SEGMENT.ss, SEGMENT.ds, SEGMENT.es, SEGMENT.fs, SEGMENT.gs]) {
    context.setSegment(index, FLAT_DATA);
  }
  context.setRegister(REGISTER.rsp, STACK);
  return {
    vcpu,
    memory,
    load: (hex) => {
      const bytes = bytesOf(hex);
      memory.bytes.set(bytes, CODE);
      memory.written(toMfn(CODE >>> 12), 0, bytes.length);
      context.instructionPointer = CODE;
    },
  };
};
