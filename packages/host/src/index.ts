export { createHost } from "./create-host.ts";
export { type KernelPayloadOptions, kernelPayload } from "./kernel-payload.ts";
export { CONTROL_SCHEDULING, SCHEDULER_NAMES, type SchedulerName, schedulersByName } from "./schedulers.ts";
export type { Terminal } from "./terminal.ts";
export { type DiskTiming, defaultDiskTiming } from "./timed-store.ts";
export type { Host, HostOptions, RealTime, RunEnd } from "./types.ts";
