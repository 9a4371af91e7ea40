export {
  type AttachOptions,
  type Blkback,
  type BlkbackDevice,
  type BlkbackLimits,
  type BlkbackOptions,
  createBlkback,
  DEFAULT_COSTS,
  DEFAULT_LIMITS,
} from "./backend.ts";
export type { BlkbackCosts, DiskOptions } from "./device.ts";
export type { BlkbackStats } from "./stats.ts";
export { BLKBACK_TRACE } from "./trace.ts";
