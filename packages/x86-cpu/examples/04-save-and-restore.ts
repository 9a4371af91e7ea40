import { createFakeMemory, createIdentityTranslator } from "@xenolith/machine-interface/testing";
import { CR0, REGISTER, SEGMENT } from "@xenolith/x86-architecture";
import { type BareVcpu, createBareProcessor } from "@xenolith/x86-cpu";

// mov ecx, 1000 ; l: add eax, ecx ; loop l ; hlt
const code = [0xb9, 0xe8, 3, 0, 0, 0x01, 0xc8, 0xe2, 0xfc, 0xf4];

const makeProcessor = (): BareVcpu => {
  const memory = createFakeMemory({ reserveBytes: 32 << 20 });
  memory.bytes.set(code, 0x1000);
  return createBareProcessor({
    memory,
    translator: createIdentityTranslator(memory),
    ports: { read: () => 0xff, write: () => {} },
  });
};

const first = makeProcessor();
first.context.setControl(0, CR0.pe | CR0.et);
first.context.setSegment(SEGMENT.cs, { selector: 8, base: 0, limit: 0xffff_ffff, attributes: 0xc09b });
first.context.instructionPointer = 0x1000;
first.run(777);

// Another processor, over a copy of the memory, goes on where the first one was.
const saved = first.save();
const second = makeProcessor();
second.restore(saved);
second.run(10_000);
console.log(`1 + … + 1000 = ${second.context.register(REGISTER.rax)}, from ${saved.length} bytes`);
