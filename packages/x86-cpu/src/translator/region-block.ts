import type { Instruction } from "../decoder/instruction.ts";
import type { Handler } from "../interpreter/handlers.ts";
import type { CodeRange } from "./code-range.ts";
import type { Effects } from "./effects.ts";

/** An instruction of a region: where it lies and what it means. */
export interface PlacedInstruction {
  /** Offset in CS. */
  readonly at: number;
  /** Offset in CS of the instruction behind it. */
  readonly next: number;
  readonly instruction: Instruction;
  readonly handler: Handler;
  readonly effects: Effects;
}

/**
 * How a block ends.
 * - `fall`: it runs into the next block, or into what is not translated.
 * - `jump`, `call`: a direct transfer. `branch`: a conditional one.
 * - `jump-indirect`, `call-indirect`, `return`: to an address that is known only when it is reached. A `return` may lie in
 *   another page, behind a direct jump to it.
 * - `repeat`: a repeated string instruction, behind which the next block is reached.
 * - `system`: a transfer that a support function makes.
 */
export type BlockEnd =
  | "fall"
  | "jump"
  | "call"
  | "branch"
  | "jump-indirect"
  | "call-indirect"
  | "return"
  | "repeat"
  | "system";

/** Whether control may go from a block to the instruction behind it. */
export const runsOn = (end: BlockEnd): boolean => end === "fall" || end === "branch" || end === "repeat";

/** A function in another page than a region, which the region has a copy of because it calls it. */
export interface DistantFunction {
  /** Offset in CS of its first instruction. */
  readonly at: number;
  /** What the copy was made from: bytes of the function's page. */
  readonly ranges: readonly CodeRange[];
}

/** Consecutive instructions with one entry. May be empty only when nothing at its address can be translated. */
export interface RegionBlock {
  /** Offset in CS of the first instruction. */
  readonly at: number;
  readonly instructions: readonly PlacedInstruction[];
  readonly end: BlockEnd;
  /** Offset in CS behind the last instruction in the page. */
  readonly next: number;
  /** Offset in CS of the direct target of `jump`, `call` and `branch`. */
  readonly target: number | null;
  /** The function that the block belongs to; null: it lies in the region's page. */
  readonly distant: DistantFunction | null;
}
