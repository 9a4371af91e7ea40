import type { MachineMemory } from "@xenolith/machine-interface";
import type { Space } from "./space.ts";

/** How generated code walks the active space. `left`: it does not, all is left to TypeScript. */
export const WALK_KIND = { left: 0, identity: 1, "two-level": 2, pae: 3, long: 4 } as const;

/** Bits of the record's flags. `knowsLarge`, `knowsGlobal`: such pages are cached already, so one more changes nothing. */
export const WALK_FLAG = {
  supervisorExecutionPrevention: 1,
  noExecute: 2,
  largePages: 4,
  globalPages: 8,
  knowsLarge: 16,
  knowsGlobal: 32,
} as const;

/**
 * Layout of the record of the active space, in the reserved area, for generated code.
 *
 * | offset | type | field |
 * |---|---|---|
 * | 0 | i64 | last linear address that may be used |
 * | 8 | i64 | first and, at 16, last address that overlays may cover; first > last when there are none |
 * | 24 | u32 | a value of {@link WALK_KIND} |
 * | 28 | u32 | machine address of the root table |
 * | 32 | u32 | space number in place: bits 11:2 of tags |
 * | 36 | u32 | bits of {@link WALK_FLAG} |
 */
export const ACTIVE_SPACE = {
  limit: 0,
  overlayFirst: 8,
  overlayLast: 16,
  kind: 24,
  rootAddress: 28,
  tag: 32,
  flags: 36,
  sizeBytes: 40,
} as const;

const NO_LIMIT = 0x7fff_ffff_ffff_ffffn;

const kindOf = (space: Space, ramBytes: number): number => {
  if (space.tag === 0 || space.rootAddress >= ramBytes) return WALK_KIND.left;
  return space.context.format === "none" ? WALK_KIND.identity : WALK_KIND[space.context.format];
};

const flagsOf = ({ context, largestPages, cachesGlobal }: Space): number =>
  (context.supervisorExecutionPrevention ? WALK_FLAG.supervisorExecutionPrevention : 0) |
  (context.noExecute ? WALK_FLAG.noExecute : 0) |
  (context.largePages ? WALK_FLAG.largePages : 0) |
  (context.globalPages ? WALK_FLAG.globalPages : 0) |
  (largestPages > 1 ? WALK_FLAG.knowsLarge : 0) |
  (cachesGlobal ? WALK_FLAG.knowsGlobal : 0);

/** Keeps the record of the active space in step with it. */
export class ActiveSpaceRecord {
  /** Offset of the record in machine memory. */
  readonly offset: number;
  readonly #memory: MachineMemory;

  constructor(memory: MachineMemory) {
    this.#memory = memory;
    this.offset = memory.reserve(ACTIVE_SPACE.sizeBytes);
  }

  /** Writes the record; null: nothing is active, all is left to TypeScript. */
  write(space: Space | null): void {
    const { view, ramBytes } = this.#memory;
    const at = this.offset;
    if (space === null) {
      view.setUint32(at + ACTIVE_SPACE.kind, WALK_KIND.left, true);
      return;
    }
    const { overlays, linearLimit } = space.context;
    const starts = overlays.map(({ start }) => start);
    const ends = overlays.map(({ start, frames }) => start + frames.length * 4096 - 1);
    view.setBigInt64(at + ACTIVE_SPACE.limit, linearLimit === null ? NO_LIMIT : BigInt(linearLimit), true);
    view.setBigInt64(
      at + ACTIVE_SPACE.overlayFirst,
      starts.length > 0 ? BigInt(Math.min(...starts)) : 1n,
      true,
    );
    view.setBigInt64(at + ACTIVE_SPACE.overlayLast, ends.length > 0 ? BigInt(Math.max(...ends)) : 0n, true);
    view.setUint32(at + ACTIVE_SPACE.kind, kindOf(space, ramBytes), true);
    view.setUint32(at + ACTIVE_SPACE.rootAddress, space.rootAddress, true);
    view.setUint32(at + ACTIVE_SPACE.tag, space.tag << 2, true);
    this.writeFlags(space);
  }

  /** Writes the flags alone: what is cached has changed. */
  writeFlags(space: Space): void {
    this.#memory.view.setUint32(this.offset + ACTIVE_SPACE.flags, flagsOf(space), true);
  }
}
