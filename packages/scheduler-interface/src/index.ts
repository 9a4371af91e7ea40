export type { Decision, Nanoseconds, ParameterSpec, Scheduler, VcpuId, VcpuReport } from "./scheduler.ts";
