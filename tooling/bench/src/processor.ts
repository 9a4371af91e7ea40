import { createMachineMemory } from "@xenolith/machine";
import { toMfn } from "@xenolith/machine-interface";
import { createAddressTranslator } from "@xenolith/mmu";
import { CR0, SEGMENT } from "@xenolith/x86-architecture";
import { createBareProcessor } from "@xenolith/x86-cpu";
import type { Benchmark } from "./benchmark.ts";

const CODE = 0x1000;
const RUN = 2_000_000;

/** A flat ring-0 processor that runs a loop for ever. */
const loopOf = (code: readonly number[]) => (): (() => number) => {
  const memory = createMachineMemory({ ramBytes: 1 << 20, reserveBytes: 32 << 20 });
  const translator = createAddressTranslator({ memory });
  const vcpu = createBareProcessor({ memory, translator, ports: { read: () => 0xff, write: () => {} } });
  const { context } = vcpu;
  context.setControl(0, CR0.pe | CR0.et);
  context.setSegment(SEGMENT.cs, { selector: 8, base: 0, limit: 0xffff_ffff, attributes: 0xc09b });
  for (const segment of [SEGMENT.ss, SEGMENT.ds, SEGMENT.es]) {
    context.setSegment(segment, { selector: 16, base: 0, limit: 0xffff_ffff, attributes: 0xc093 });
  }
  memory.bytes.set(code, CODE);
  memory.written(toMfn(1), 0, code.length);
  context.setRegister(4, 0x9000);
  context.instructionPointer = CODE;
  return () => vcpu.run(RUN).retired;
};

/** Instructions of loops that show one thing each. */
export const processorBenchmarks: readonly Benchmark[] = [
  {
    name: "alu",
    operation: "instruction of a loop of additions and shifts",
    // l: add eax, ecx; shl ecx, 3; xor ecx, eax; sub edx, 1; jmp l
    prepare: loopOf([0x01, 0xc8, 0xc1, 0xe1, 0x03, 0x31, 0xc1, 0x83, 0xea, 0x01, 0xeb, 0xf4]),
  },
  {
    name: "memory",
    operation: "instruction of a loop of loads and stores",
    // l: mov eax, [0x8000]; add eax, 1; mov [0x8000], eax; jmp l
    prepare: loopOf([0xa1, 0, 0x80, 0, 0, 0x83, 0xc0, 1, 0xa3, 0, 0x80, 0, 0, 0xeb, 0xf1]),
  },
  {
    name: "call",
    operation: "instruction of a loop of calls and returns",
    // l: call f; jmp l; f: ret
    prepare: loopOf([0xe8, 2, 0, 0, 0, 0xeb, 0xf9, 0xc3]),
  },
];
