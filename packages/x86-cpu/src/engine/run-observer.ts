import type { Instruction } from "../decoder/instruction.ts";
import { noOperands } from "../decoder/no-operands.ts";

/** An access to memory that an instruction makes, as it is about to be made. */
export interface MemoryAccess {
  /** Linear address of the first byte. */
  readonly address: number;
  readonly sizeBytes: number;
  readonly isWrite: boolean;
  /** Offset in machine memory of the first byte. */
  readonly host: number;
  /** Offset in machine memory of the rest, where the access crosses a page; else -1. */
  readonly secondHost: number;
}

/**
 * Somebody who looks at a run from between its instructions. Called with precise state, and never while generated code is
 * under way, but for {@link admit}.
 */
export interface RunObserver {
  /** Whether only one instruction may run until the observer is asked again. */
  readonly isStepping: boolean;
  /** Whether stops are ignored for now, so that the instruction at one of them can run. */
  readonly ignoresStops: boolean;
  /** Whether accesses to memory are of interest: then none are made in bulk. */
  readonly watchesMemory: boolean;
  /** Whether a stop is wanted before the instruction at a linear address. Changes are announced by {@link takeChanges}. */
  isStop(linear: number): boolean;
  /** Whether stops have changed since this was last asked: code that was decoded is to be forgotten. */
  takeChanges(): boolean;
  /** Before an instruction, wherever the run has come to a halt anyhow. False: the run ends here, with exit `request`. */
  before(): boolean;
  /** After at least one instruction, or a fault. False: the run ends here. */
  after(): boolean;
  /**
   * An access that generated code is about to make. False: not now; nothing of the instruction happens, and it is run again
   * by itself ({@link isStepping}).
   */
  admit(access: MemoryAccess): boolean;
  /** An access that TypeScript makes in the midst of an instruction or of a delivery. */
  note(access: MemoryAccess): void;
}

/** What stands for an instruction at a stop: TypeScript's, and never executed. */
export const STOP_INSTRUCTION: Instruction = {
  mnemonic: "stop",
  lengthBytes: 0,
  operandBytes: 4,
  addressBytes: 4,
  operands: noOperands(),
  feature: "base",
  lock: false,
  repeat: "none",
  segment: 3,
};

/** What generated code finds as its fault when an access was not admitted. No packed fault is 0. */
export const NOT_ADMITTED = 0;
