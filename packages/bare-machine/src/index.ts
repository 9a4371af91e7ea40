export {
  type BareMachine,
  type BareMachineOptions,
  type BareStop,
  createBareMachine,
  MAX_MEMORY_MIB,
} from "./bare-machine.ts";
export { FLAT_AREA_BYTES, type FlatMode } from "./flat-layout.ts";
export {
  createFlatMachine,
  type FlatMachine,
  type FlatMachineOptions,
  type FlatStop,
} from "./flat-machine.ts";
export type { BootProblem } from "./multiboot.ts";
