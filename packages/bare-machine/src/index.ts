export {
  type BareMachine,
  type BareMachineOptions,
  type BareStop,
  createBareMachine,
  MAX_MEMORY_MIB,
} from "./bare-machine.ts";
export type { BootProblem } from "./multiboot.ts";
