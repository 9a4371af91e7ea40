export { parameterProblem } from "./parameters.ts";
export { partitioned } from "./partitioned.ts";
export {
  type Affinity,
  ANYWHERE,
  allowedCpus,
  type CpuId,
  firstCpuOf,
  onOneCpu,
  type Placement,
  type PoolScheduler,
  type Preemption,
} from "./pool.ts";
export type { Decision, Nanoseconds, ParameterSpec, Scheduler, VcpuId, VcpuReport } from "./scheduler.ts";
