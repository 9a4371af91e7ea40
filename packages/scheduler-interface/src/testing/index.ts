export { type Random, SCHEDULER_LAWS, type SchedulerLaw } from "./laws.ts";
export {
  busy,
  periodic,
  type SimulatedVcpu,
  type SimulationResult,
  type Slice,
  simulate,
  simulatePool,
} from "./simulate.ts";
