import { createFakeMemory, createIdentityTranslator } from "@xenolith/machine-interface/testing";
import { CR0, REGISTER, SEGMENT } from "@xenolith/x86-architecture";
import { createBareProcessor } from "@xenolith/x86-cpu";

// A machine of 256 KiB without paging. Real ones come from @xenolith/machine and @xenolith/mmu.
const memory = createFakeMemory({ reserveBytes: 32 << 20 });
const translator = createIdentityTranslator(memory);
const processor = createBareProcessor({
  memory,
  translator,
  ports: { read: () => 0xff, write: () => {} },
});

// Flat 32-bit protected mode.
const { context } = processor;
context.setControl(0, CR0.pe | CR0.et);
const flat = { base: 0, limit: 0xffff_ffff };
context.setSegment(SEGMENT.cs, { ...flat, selector: 8, attributes: 0xc09b });
for (const index of [SEGMENT.ss, SEGMENT.ds, SEGMENT.es]) {
  context.setSegment(index, { ...flat, selector: 16, attributes: 0xc093 });
}

// mov eax, 1 ; l: imul eax, ecx ; loop l ; hlt
memory.bytes.set([0xb8, 1, 0, 0, 0, 0x0f, 0xaf, 0xc1, 0xe2, 0xfb, 0xf4], 0x1000);
context.instructionPointer = 0x1000;
context.setRegister(REGISTER.rcx, 10);

const exit = processor.run(1000);
console.log(`10! = ${context.register(REGISTER.rax)}, after ${exit.retired} instructions`);
