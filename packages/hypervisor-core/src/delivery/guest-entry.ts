import type { SegmentState } from "@xenolith/x86-architecture";
import type { EntryPoint } from "../trap-table.ts";
import type { Vcpu } from "../vcpu.ts";

/** State of the interrupted code, where it is not that in the VCPU's registers: the target of a failed iret. */
export interface InterruptedState {
  readonly instructionPointer: number;
  readonly codeSelector: number;
  readonly flags: number;
  readonly stackPointer: number;
  readonly stackSegment: SegmentState;
  readonly privilege: number;
}

/** How the guest kernel is entered. */
export interface EntryDetails {
  /** Error code, or null where there is none. */
  readonly errorCode: number | null;
  /** Sets the upcall mask. */
  readonly masksEvents: boolean;
  /** The frame of the processor's own gate, without the upcall mask: what a direct gate of this vector pushes. */
  readonly hardwareFrame?: boolean;
  /** Saves the data segments below the frame and loads null selectors: the failsafe callback. */
  readonly savesDataSegments?: boolean;
  readonly interrupted?: InterruptedState;
  /** x86_64: the instruction pointer to save where it is not canonical, so that no register holds it. */
  readonly wideInstructionPointer?: bigint;
  /** x86_64: the handler starts with DF clear. */
  readonly clearsDirection?: boolean;
}

/** Enters the kernel of guests of one width. */
export interface GuestEntry {
  /**
   * Pushes the frame and continues at the entry point.
   * @returns null, or in words why it cannot be done: then the registers are as before and the domain is to be ended.
   */
  enter(vcpu: Vcpu, entry: EntryPoint, details: EntryDetails): string | null;
}
