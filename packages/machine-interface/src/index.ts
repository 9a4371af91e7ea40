export {
  type Asid,
  frameAddress,
  frameOf,
  type LinearAddress,
  type MachineAddress,
  type Mfn,
  type Nanoseconds,
  PAGE_SHIFT,
  PAGE_SIZE,
  toAsid,
  toLinearAddress,
  toMachineAddress,
  toMfn,
  toNanoseconds,
} from "./addresses.ts";
export type { DirectGate } from "./direct-gate.ts";
export { HostError } from "./errors.ts";
export { EXIT, type Executor, type Exit, type ExitKind } from "./executor.ts";
export { FRAME_WATCH, type FrameWatchFlag, type FrameWriteListener, type MachineMemory } from "./memory.ts";
export type { Clock, EntropySource, Timer, TimerQueue } from "./time.ts";
export {
  ACCESS,
  type Access,
  type AddressTranslator,
  type OverlayMapping,
  type PagingContext,
  type PagingFormat,
  type ProbeResult,
  REFILL,
  REFILL_MAILBOX,
  REFILL_REASON,
  type RefillResult,
  TLB_ENTRY,
  TLB_ENTRY_BYTES,
  TLB_ENTRY_COUNT,
  TLB_FOLDED,
  TLB_TAG,
  type TlbRefillFunction,
  type TlbRegion,
  tlbIndex,
} from "./translator.ts";
