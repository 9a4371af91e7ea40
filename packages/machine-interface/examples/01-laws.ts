import { ACCESS, FRAME_WATCH, REFILL, toMfn } from "@xenolith/machine-interface";
import { createFakeMemory, createIdentityTranslator, MEMORY_LAWS } from "@xenolith/machine-interface/testing";

// Any memory is held to the same laws.
for (const { name, check } of MEMORY_LAWS) {
  check(createFakeMemory());
  console.log(`holds: ${name}`);
}

// A write to a frame that somebody watches is never cached.
const memory = createFakeMemory();
const translator = createIdentityTranslator(memory);
memory.watch(toMfn(5), FRAME_WATCH.code);
console.log(translator.refillActive(0x5000, ACCESS.write) === REFILL.direct);
