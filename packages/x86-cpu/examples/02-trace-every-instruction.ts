import { createFakeMemory, createIdentityTranslator } from "@xenolith/machine-interface/testing";
import { CR0, SEGMENT } from "@xenolith/x86-architecture";
import { createInstrumentedProcessor } from "@xenolith/x86-cpu";

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

// mov ecx, 2 ; l: add [0x8000], ecx ; loop l ; hlt
memory.bytes.set([0xb9, 2, 0, 0, 0, 0x01, 0x0d, 0, 0x80, 0, 0, 0xe2, 0xf8, 0xf4], 0x1000);
context.instructionPointer = 0x1000;

// Execution-driven: a simulator of caches, say, would be called here instead.
processor.onInstruction(({ address, text, changes, accesses }) => {
  const changed = changes.map(({ name, after }) => `${name}=${after}`).join(" ");
  const accessed = accesses.map(({ kind, address: at, value }) => `${kind} ${value} at ${at.toString(16)}`);
  console.log(`${address.toString(16)}  ${text.padEnd(30)} ${[changed, ...accessed].join("  ")}`);
});
processor.run(1000);
