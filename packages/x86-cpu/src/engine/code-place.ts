import type { Mode } from "./mode.ts";

/** Where code is to be found. */
export interface CodePlace {
  /** Offset in CS. */
  readonly instructionPointer: number;
  /** Linear address. */
  readonly linear: number;
  readonly mode: Mode;
  /** Offset in memory of the first byte. */
  readonly host: number;
}
