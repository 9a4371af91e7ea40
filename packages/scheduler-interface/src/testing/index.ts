export {
  busy,
  periodic,
  type SimulatedVcpu,
  type SimulationResult,
  type Slice,
  simulate,
} from "./simulate.ts";
