export { createFakeMemory, type FakeMemoryOptions } from "./fake-memory.ts";
export { createIdentityTranslator, type IdentityTranslator } from "./identity-translator.ts";
export { ENTROPY_LAWS, type Law, MEMORY_LAWS, TIMER_QUEUE_LAWS, VIRTUAL_CLOCK_LAWS } from "./laws.ts";
export { createManualClock, type ManualClock } from "./manual-clock.ts";
