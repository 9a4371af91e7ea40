import { createFakeMemory, createIdentityTranslator } from "@xenolith/machine-interface/testing";
import { CR0, REGISTER, SEGMENT } from "@xenolith/x86-architecture";
import { createInstrumentedProcessor } from "@xenolith/x86-cpu";
import { createTraceReader, createTraceWriter } from "@xenolith/x86-cpu/trace";

const memory = createFakeMemory({ reserveBytes: 32 << 20 });
const processor = createInstrumentedProcessor({
  memory,
  translator: createIdentityTranslator(memory),
  ports: { read: () => 0xff, write: () => {} },
});
const { context } = processor;
context.setControl(0, CR0.pe | CR0.et);
context.setSegment(SEGMENT.cs, { selector: 8, base: 0, limit: 0xffff_ffff, attributes: 0xc09b });
for (const index of [SEGMENT.ss, SEGMENT.ds, SEGMENT.es]) {
  context.setSegment(index, { selector: 16, base: 0, limit: 0xffff_ffff, attributes: 0xc093 });
}

// A walk with a stride: mov ecx, 100 ; l: mov eax, [edi] ; add edi, 64 ; loop l ; hlt
memory.bytes.set([0xb9, 100, 0, 0, 0, 0x8b, 0x07, 0x83, 0xc7, 64, 0xe2, 0xf9, 0xf4], 0x1000);
context.instructionPointer = 0x1000;
context.setRegister(REGISTER.rdi, 0x4000);

// The chunks might go to a file.
const chunks: Uint8Array[] = [];
const writer = createTraceWriter((chunk) => chunks.push(chunk));
processor.onInstruction(writer.add);
const { retired } = processor.run(10_000);
writer.end();
const traceBytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
console.log(`${retired} instructions in ${traceBytes} bytes`);

// Trace-driven: how many lines of 64 bytes does the program touch? No processor is needed any more.
const lines = new Set<number>();
const reader = createTraceReader(({ accesses }) => {
  for (const { address } of accesses) lines.add(Math.floor(address / 64));
});
for (const chunk of chunks) reader.push(chunk);
const problem = reader.finish();
console.log(problem === null ? `${lines.size} lines` : problem.message);
