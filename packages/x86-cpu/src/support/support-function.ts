import type { TlbRegion } from "@xenolith/machine-interface";
import type { FunctionBody, ValueType } from "@xenolith/wasm-emitter";

/** What a support function may refer to. All offsets are constants of one engine. */
export interface SupportContext {
  /** Offset in memory of the state block of whoever runs; see `StateWindow`. */
  readonly state: number;
  readonly tlb: TlbRegion;
  /** Bytes of RAM. */
  readonly ramBytes: number;
  /** Index of the translator's refill: (f64 linear address, i32 access) -> i32, see `TlbRefillFunction`. */
  readonly refill: number;
  /** Indices of the functions of `SupportHost`. */
  readonly interruptRequested: number;
  readonly portOut: number;
  readonly portIn: number;
  readonly readTimestamp: number;
  /** Index of the function that puts a descriptor of a monitor's into the cache of the block: (selector) -> (). */
  readonly fetchDescriptor: number;
  /** Index of the function that makes the space of a side the active one: (side) -> its space tag for user accesses. */
  readonly enterSide: number;
  /** Index of the translator's function that forgets what leads to a frame: (frame) -> (). */
  readonly forgetFrame: number;
  /** Offset in memory of the watch byte of frame 0. */
  readonly watchTable: number;
  /** Index of `AnnounceStore`. */
  readonly announceStore: number;
  /** Places 64-bit constants in memory that no guest reaches, and gives their offset. */
  constants(words: readonly bigint[]): number;
  /** Index of another support function of the same module. */
  indexOf(support: SupportFunction): number;
}

/**
 * A WebAssembly function that several instructions or both engines call: what is too long to be part of every handler. It
 * works on the state window and on machine memory, and never calls JavaScript where it is hot.
 */
export interface SupportFunction {
  /** Unique name; exports carry it. */
  readonly name: string;
  readonly parameters: readonly ValueType[];
  readonly results: readonly ValueType[];
  /** Appends the body. Called once per engine. */
  emit(body: FunctionBody, context: SupportContext): void;
}
