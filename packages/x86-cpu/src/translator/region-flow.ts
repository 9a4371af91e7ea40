import type { Value } from "@xenolith/wasm-emitter";
import type { SupportFunction } from "../support/support-function.ts";
import type { PlacedInstruction } from "./region-block.ts";

/** Where control goes from the instruction that is being translated. The emitter of the region knows. */
export interface RegionFlow {
  /** Leaves the region before the present instruction when a condition holds, for the interpreter to do it. */
  leaveIf(condition: Value): void;
  jump(): void;
  jumpIf(condition: Value): void;
  jumpTo(target: Value): void;
  /** See `Machine.bulk`. The counter may be zero. Iterations that are left over are left to the interpreter. */
  repeat(count: Value, run: (most: Value) => Value, advance: (done: Value) => Value): void;
  system(support: SupportFunction, values: readonly Value[]): void;
}

/** An access that an instruction makes. */
export interface TranslatedAccess {
  readonly placed: PlacedInstruction;
  readonly sizeBytes: number;
  readonly isWrite: boolean;
}

/** Locals of a region. */
export interface RegionLocals {
  /** The space tag, of the address type. */
  readonly spaceTag: Value;
  /** General registers that the region uses, of the address type. */
  readonly registers: readonly (Value | undefined)[];
  /** Vector registers that the region uses. */
  readonly vectors: readonly (Value | undefined)[];
}
