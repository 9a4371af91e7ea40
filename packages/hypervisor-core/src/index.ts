export type { StepLimits, StepResult } from "./cpu-loop.ts";
export type { CreatePoolScheduler } from "./cpu-pools.ts";
export type { CpuidAnswer, CpuidModel } from "./emulation/cpuid-policy.ts";
export type { EmergencyConsole } from "./hypercalls/console-io.ts";
export { createHypervisor, type Hypervisor, type HypervisorParts } from "./hypervisor.ts";
export { HYPERVISOR_TRACE } from "./trace.ts";
