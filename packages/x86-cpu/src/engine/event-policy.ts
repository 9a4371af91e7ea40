import type { DirectGate } from "@xenolith/machine-interface";
import type { PackedFault } from "@xenolith/x86-architecture";
import type { Instruction } from "../decoder/instruction.ts";
import type { Outcome, ProcessorCore } from "./system-operations.ts";

/** Answers of {@link EventPolicy.softwareInterrupt} that are no vector. */
export const SOFTWARE_INTERRUPT = { none: -1, done: -2 } as const;

/** A core whose INT n may have direct gates. */
export interface GatedCore extends ProcessorCore {
  /** Direct gates, one for each vector that has any: hardly ever more than that of system calls. */
  readonly directGates: readonly DirectGate[];
}

/** What becomes of faults and interrupts: this is where a processor with a monitor differs from one without. */
export interface EventPolicy {
  /**
   * A fault of the present instruction. `jumped`: it was delivered; `shutdown`: it cannot be; null: it leaves to the monitor.
   */
  raise(core: ProcessorCore, fault: PackedFault): Outcome | null;
  /** Whether generated code may deliver page faults by itself, in the usual cases. */
  readonly deliversPageFaults: boolean;
  /** Whether an external interrupt waits for IF. */
  readonly isInterruptRequested: boolean;
  /** Delivers an external interrupt if one is waiting and may be taken. Null: there was none. */
  interrupt(core: ProcessorCore): Outcome | null;
  /**
   * Asked before every instruction that TypeScript does: the vector with which a software interrupt leaves to the monitor,
   * or one of {@link SOFTWARE_INTERRUPT} (`done`: the policy has made the transfer).
   */
  softwareInterrupt(core: GatedCore, instruction: Instruction): number;
}
