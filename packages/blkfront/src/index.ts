export {
  type Blkfront,
  type BlkfrontOptions,
  type BlkfrontState,
  createBlkfront,
  DEFAULT_COSTS,
} from "./device.ts";
export type { BlkfrontCosts } from "./execute.ts";
export type { BlkfrontStats } from "./stats.ts";
export { BLKFRONT_TRACE } from "./trace.ts";
