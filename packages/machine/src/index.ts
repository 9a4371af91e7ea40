export { createEntropy } from "./entropy.ts";
export { type ClockEpoch, epochFromEntropy } from "./epoch.ts";
export { createMachineMemory, type MachineMemoryOptions } from "./machine-memory.ts";
export { createRealClock, type RealClockOptions } from "./real-clock.ts";
export { createTimerQueue } from "./timer-queue.ts";
export { createVirtualClock } from "./virtual-clock.ts";
