/** Something that goes through the IDT. */
export interface InterruptEvent {
  readonly vector: number;
  /** Error code to push, or -1. */
  readonly errorCode: number;
  /** INT n, INT3, INTO: the gate's privilege is checked. */
  readonly isSoftware: boolean;
  /** Instruction pointer to push. */
  readonly returnTo: number;
  /** Flags to push. */
  readonly flags: number;
}

/** Bit IDT of an error code. */
export const IDT_ERROR = 2;
