export { DEFAULT_XENSTORED_COSTS, type XenstoredCosts } from "./costs.ts";
export { createXenstored } from "./device.ts";
export { DEFAULT_QUOTAS, type Quotas } from "./quotas.ts";
export type { XenstoredStats } from "./stats.ts";
export { XENSTORED_TRACE } from "./trace.ts";
export type { ClientIdentity, Xenstored, XenstoredOptions } from "./types.ts";
