import { FRAME_RECORDS } from "@xenolith/x86-architecture";
import { DOMID_INVALID } from "@xenolith/xen-abi";

/**
 * Flags of a frame, one byte each. Some are in `FRAME_RECORD_FLAG` too.
 * - `allocated`: its owner has not given it back; worth one reference.
 * - `validated`: the contents fit the type.
 * - `pinned`: worth one reference and one use as a table.
 * - `monitor`: the monitor's own, lent to its owner; worth one use while `lent`.
 * - `lastSlot`: a level-2 table of PAE that stands in slot 3, with the monitor's range.
 * - `stolen`: taken from its owner and not yet given on.
 */
export const FRAME_FLAG = {
  allocated: 1,
  validated: 2,
  pinned: 4,
  monitor: 8,
  lent: 0x10,
  lastSlot: 0x20,
  stolen: 0x40,
} as const;

/**
 * What is kept of each frame, as parallel arrays by frame number: 27 bytes a frame and no object. Counts cannot wrap: each
 * is bounded by the number of table entries that fit in memory, plus handles that their givers bound.
 */
export interface FrameStore {
  readonly frameCount: number;
  readonly owner: Uint16Array;
  readonly type: Uint8Array;
  readonly flags: Uint8Array;
  readonly count: Uint32Array;
  readonly typeCount: Uint32Array;
  /** Parts of the two counts that callers outside of this package hold. */
  readonly heldCount: Uint32Array;
  readonly heldTypeCount: Uint32Array;
  /** Above 0: how often other tables of the same level lead here; below 0: entries here that lead to such tables. */
  readonly linear: Int32Array;
}

/**
 * Makes the record of a machine whose frames are all free. Where `buffer` has zeros from `start` on, what the processor reads
 * of it has its place there, as {@link FRAME_RECORDS} says.
 */
export const createFrameStore = (
  frameCount: number,
  buffer: ArrayBufferLike = new ArrayBuffer(frameCount * FRAME_RECORDS.bytesPerFrame),
  start = 0,
): FrameStore => {
  const from = (offset: number): number => start + offset * frameCount;
  return {
    frameCount,
    owner: new Uint16Array(buffer, from(FRAME_RECORDS.owner), frameCount).fill(DOMID_INVALID),
    type: new Uint8Array(buffer, from(FRAME_RECORDS.type), frameCount),
    flags: new Uint8Array(buffer, from(FRAME_RECORDS.flags), frameCount),
    count: new Uint32Array(buffer, from(FRAME_RECORDS.references), frameCount),
    typeCount: new Uint32Array(buffer, from(FRAME_RECORDS.uses), frameCount),
    heldCount: new Uint32Array(frameCount),
    heldTypeCount: new Uint32Array(frameCount),
    linear: new Int32Array(frameCount),
  };
};

/** Reads a typed array at an index that is known to be a frame number. */
export const at = (array: Uint8Array | Uint16Array | Uint32Array | Int32Array, frame: number): number =>
  array[frame] ?? 0;

/** Whether all bits of `flag` are set for a frame. */
export const hasFlag = (store: FrameStore, frame: number, flag: number): boolean =>
  (at(store.flags, frame) & flag) === flag;

/** Sets flags of a frame. */
export const setFlag = (store: FrameStore, frame: number, flag: number): void => {
  store.flags[frame] = at(store.flags, frame) | flag;
};

/** Clears flags of a frame. */
export const clearFlag = (store: FrameStore, frame: number, flag: number): void => {
  store.flags[frame] = at(store.flags, frame) & ~flag;
};

/** Adds to one count of a frame. */
export const add = (array: Uint32Array | Int32Array, frame: number, by: number): void => {
  array[frame] = at(array, frame) + by;
};
