import type { MachineMemory, Mfn, OverlayMapping } from "@xenolith/machine-interface";
import { PTE } from "@xenolith/x86-architecture";
import type { ReservedBits } from "./reserved-bits.ts";
import { NO_LARGE_PAGES, RECORD_WORDS, type Space } from "./space.ts";

/** How generated code walks the active space. `left`: it does not, all is left to TypeScript. */
export const WALK_KIND = { left: 0, identity: 1, "two-level": 2, pae: 3, long: 4 } as const;

/** Bits of the record's flags. */
export const WALK_FLAG = {
  supervisorExecutionPrevention: 1,
  writeProtect: 2,
  largePages: 4,
  hugePages: 8,
  /** Entries of the lower half are listed. */
  listsLowerHalf: 16,
} as const;

/**
 * Layout of the record of the active space, in the reserved area, for generated code.
 *
 * | offset | type | field |
 * |---|---|---|
 * | 0 | i64 | last linear address that may be used |
 * | 8 | i64 | first and, at 16, last address that overlays may cover; first > last when there are none |
 * | 24 | i64 | first and, at 32, last address of large pages that are cached; generated code widens it |
 * | 40 | u32 | a value of {@link WALK_KIND} |
 * | 44 | u32 | offset in machine memory of the root table, which for PAE may be that at 72 |
 * | 48 | u32 | space number in place: bits 11:2 of tags |
 * | 52 | u32 | bits of {@link WALK_FLAG} |
 * | 56 | u32 | reserved bits of the high word of 8-byte entries, and, at 60, of those of the PAE root |
 * | 64 | u32 | reserved bits of 4-byte entries that map 4 MiB |
 * | 68 | u32 | bit I of the error code if fetches are reported, else 0 |
 * | 72 | 4 x i64 | root entries of PAE that were kept |
 * | 104 | u32 | first frame behind the overlays, if they are one that lies in consecutive frames; else 0xffffffff |
 * | 108 | u32 | its rights: R/W and U/S as in entries, and bit 0 if code may be run there |
 */
export const ACTIVE_SPACE = {
  limit: 0,
  overlayFirst: 8,
  overlayLast: 16,
  largeFirst: 24,
  largeLast: 32,
  kind: 40,
  rootAddress: 44,
  tag: 48,
  flags: 52,
  reservedHigh: 56,
  rootReservedHigh: 60,
  reservedLarge: 64,
  fetchBit: 68,
  rootEntries: 72,
  overlayFrame: 104,
  overlayRights: 108,
} as const;

/** Where there is no {@link ACTIVE_SPACE.overlayFrame}. */
export const NO_OVERLAY_FRAME = -1;
/** Bit of {@link ACTIVE_SPACE.overlayRights}. */
export const OVERLAY_EXECUTABLE = 1;

/** Beyond any address; a double that an i64 holds exactly. */
const NO_LIMIT = 2 ** 62;
const FETCH_BIT = 0x10;

const kindOf = (space: Space, ramBytes: number): number => {
  if (space.rootEntries === null && space.rootAddress >= ramBytes) return WALK_KIND.left;
  return space.context.format === "none" ? WALK_KIND.identity : WALK_KIND[space.context.format];
};

const flagsOf = ({ context }: Space): number =>
  (context.supervisorExecutionPrevention ? WALK_FLAG.supervisorExecutionPrevention : 0) |
  (context.writeProtect ? WALK_FLAG.writeProtect : 0) |
  (context.largePages ? WALK_FLAG.largePages : 0) |
  (context.hugePages === true ? WALK_FLAG.hugePages : 0);

/** Overlays are long and stay the same: each list is gone through once. */
const firstFrames = new WeakMap<readonly Mfn[], number>();

/** The first of an overlay's frames, if the others follow it; else {@link NO_OVERLAY_FRAME}. */
const firstFrameOf = ({ frames }: OverlayMapping): number => {
  const known = firstFrames.get(frames);
  if (known !== undefined) return known;
  const [first = NO_OVERLAY_FRAME] = frames;
  const found = frames.every((frame, index) => frame === first + index) ? first : NO_OVERLAY_FRAME;
  firstFrames.set(frames, found);
  return found;
};

const rightsOf = ({ writable, user, executable = false }: OverlayMapping): number =>
  (writable ? PTE.writable : 0) | (user ? PTE.user : 0) | (executable ? OVERLAY_EXECUTABLE : 0);

/** Keeps the record of the active space in step with it. */
export class ActiveSpaceRecord {
  /** Offset of the record in machine memory. */
  readonly offset: number;
  readonly #memory: MachineMemory;
  /** The words of the record. */
  readonly #words: Uint32Array;
  readonly #reserved: ReservedBits;

  constructor(memory: MachineMemory, reserved: ReservedBits) {
    this.#memory = memory;
    this.#reserved = reserved;
    this.offset = memory.reserve(4 * RECORD_WORDS);
    this.#words = memory.words.subarray(this.offset / 4, this.offset / 4 + RECORD_WORDS);
  }

  /** Writes the record; null: nothing is active, all is left to TypeScript. */
  write(space: Space | null): void {
    if (space === null) {
      this.#setWord(ACTIVE_SPACE.kind, WALK_KIND.left);
      this.#setWide(ACTIVE_SPACE.limit, NO_LIMIT);
      return;
    }
    const { record } = space;
    if (!space.hasRecord) this.#writeContext(space);
    else for (let word = 0; word < RECORD_WORDS; word++) this.#words[word] = record[word] ?? 0;
    if (space.tag === 0) this.#words[ACTIVE_SPACE.kind / 4] = WALK_KIND.left;
    this.#words[ACTIVE_SPACE.tag / 4] = space.tag << 2;
    const flags = ACTIVE_SPACE.flags / 4;
    if (space.listsLowerHalf) this.#words[flags] = (record[flags] ?? 0) | WALK_FLAG.listsLowerHalf;
    if (space.largeFirst > space.largeLast) return;
    this.#setWide(ACTIVE_SPACE.largeFirst, space.largeFirst);
    this.#setWide(ACTIVE_SPACE.largeLast, space.largeLast);
  }

  /** Writes what depends on nothing but the context, for a space without large pages, and keeps it for the next time. */
  #writeContext(space: Space): void {
    const { context } = space;
    this.#setWide(ACTIVE_SPACE.limit, context.linearLimit ?? NO_LIMIT);
    this.#writeOverlays(space);
    this.#setWide(ACTIVE_SPACE.largeFirst, NO_LARGE_PAGES.first);
    this.#setWide(ACTIVE_SPACE.largeLast, NO_LARGE_PAGES.last);
    this.#setWord(ACTIVE_SPACE.kind, kindOf(space, this.#memory.ramBytes));
    this.#writeRoot(space);
    this.#setWord(ACTIVE_SPACE.flags, flagsOf(space));
    this.#setWord(ACTIVE_SPACE.reservedHigh, this.#reserved.highMask(context, false));
    this.#setWord(ACTIVE_SPACE.rootReservedHigh, this.#reserved.highMask(context, true));
    this.#setWord(ACTIVE_SPACE.reservedLarge, this.#reserved.fourMib);
    this.#setWord(ACTIVE_SPACE.fetchBit, space.reportsFetch ? FETCH_BIT : 0);
    space.record.set(this.#words);
    space.hasRecord = true;
  }

  #writeRoot({ rootAddress, rootEntries }: Space): void {
    const own = this.offset + ACTIVE_SPACE.rootEntries;
    this.#setWord(ACTIVE_SPACE.rootAddress, rootEntries === null ? rootAddress : own);
    for (const [index, word] of (rootEntries ?? []).entries()) {
      this.#setWord(ACTIVE_SPACE.rootEntries + 4 * index, word);
    }
  }

  #writeOverlays({ context: { overlays } }: Space): void {
    let first = 1;
    let last = 0;
    for (const { start, frames } of overlays) {
      const end = start + frames.length * 4096 - 1;
      const isFirst = first > last;
      first = isFirst ? start : Math.min(first, start);
      last = isFirst ? end : Math.max(last, end);
    }
    this.#setWide(ACTIVE_SPACE.overlayFirst, first);
    this.#setWide(ACTIVE_SPACE.overlayLast, last);
    const [only] = overlays.length === 1 ? overlays : [];
    this.#setWord(ACTIVE_SPACE.overlayFrame, only === undefined ? NO_OVERLAY_FRAME : firstFrameOf(only));
    this.#setWord(ACTIVE_SPACE.overlayRights, only === undefined ? 0 : rightsOf(only));
  }

  /** Takes over into the active space what generated code has noted. */
  readBack(space: Space): void {
    space.largeFirst = this.#wide(ACTIVE_SPACE.largeFirst);
    space.largeLast = this.#wide(ACTIVE_SPACE.largeLast);
  }

  #setWord(field: number, value: number): void {
    this.#memory.view.setUint32(this.offset + field, value, true);
  }

  #setWide(field: number, value: number): void {
    this.#setWord(field, value >>> 0);
    this.#memory.view.setInt32(this.offset + field + 4, Math.floor(value / 0x1_0000_0000), true);
  }

  #wide(field: number): number {
    const { view } = this.#memory;
    const at = this.offset + field;
    return view.getInt32(at + 4, true) * 0x1_0000_0000 + view.getUint32(at, true);
  }
}
