import { createFakeMemory, createIdentityTranslator } from "@xenolith/machine-interface/testing";
import { CR0, REGISTER, SEGMENT } from "@xenolith/x86-architecture";
import { createBareProcessor } from "@xenolith/x86-cpu";
import { decode } from "@xenolith/x86-cpu/decoder";

const memory = createFakeMemory({ reserveBytes: 32 << 20 });
const processor = createBareProcessor({
  memory,
  translator: createIdentityTranslator(memory),
  ports: { read: () => 0xff, write: () => {} },
});
const { context } = processor;
context.setControl(0, CR0.pe | CR0.et);
context.setSegment(SEGMENT.cs, { selector: 8, base: 0, limit: 0xffff_ffff, attributes: 0xc09b });

// xor eax, eax ; l: inc eax ; cmp eax, 3 ; jne l ; hlt
memory.bytes.set([0x31, 0xc0, 0x40, 0x83, 0xf8, 0x03, 0x75, 0xfa, 0xf4], 0x1000);
context.instructionPointer = 0x1000;

// One instruction at a time, each with its name: the budget of a run is exact.
for (;;) {
  const at = context.instructionPointer;
  const { mnemonic } = decode(memory.bytes, at, 15, 4);
  if (mnemonic === "hlt") break;
  processor.run(1);
  console.log(`${at.toString(16)} ${mnemonic.padEnd(4)} eax=${context.register(REGISTER.rax)}`);
}
