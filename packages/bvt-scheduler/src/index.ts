export { type BvtOptions, createBvtScheduler } from "./bvt-scheduler.ts";
export { BVT_PARAMETERS, type BvtParameters, DEFAULT_WEIGHT, MAXIMUM_WEIGHT } from "./parameters.ts";
export { TRACE as bvtTrace } from "./trace.ts";
