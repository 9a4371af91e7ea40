import type { DomId } from "@xenolith/xen-abi";
import { EINVAL } from "@xenolith/xen-abi";
import { add, at, clearFlag, FRAME_FLAG, type FrameStore, hasFlag, setFlag } from "./internal/frame-store.ts";
import { FRAME_TYPE, type FrameType } from "./types.ts";

/** What the counts need done when a type comes and goes. */
export interface TypeContents {
  /** Checks the contents of a frame that starts to be a table or descriptor page, and refers to what it leads to. */
  validate(frame: number, type: FrameType, lastSlot: boolean): number;
  /** Drops what a table refers to. */
  devalidate(frame: number, type: FrameType): void;
}

/** What the counts need done to frames. */
export interface FrameEvents {
  /** Old translations to the frame have to go. */
  flush(frame: number): void;
  /** The last reference has gone: scrub it and give it to the free frames. */
  free(frame: number): void;
  typeChanged(frame: number, from: number, to: number): void;
}

/**
 * The two counts of a frame. A general reference keeps it from being freed; a use as a type keeps it from becoming anything
 * else. Every use goes with a reference. [SOSP03 3.3.3]
 */
export interface References {
  /** Takes a reference if the frame exists and belongs to `domain`. */
  getOwned(frame: number, domain: DomId): boolean;
  /** Takes one more reference to a frame that is known to have one. */
  take(frame: number): void;
  /** Gives a reference back; the last one frees the frame. */
  put(frame: number): void;
  /**
   * Takes a use as `type` of a frame to which the caller holds a reference. With the first use the type changes where it has
   * to, and the contents are checked. @returns -EINVAL when it is in use as another type, or what validation answered.
   */
  getType(frame: number, type: FrameType, lastSlot?: boolean): number;
  /** Takes one more use of a frame that is known to have one. */
  takeType(frame: number): void;
  /** Gives a use back; with the last one a table lets go of what it leads to. */
  putType(frame: number): void;
  /** Reference and use in one; on failure neither is held. */
  getOwnedAndType(frame: number, domain: DomId, type: FrameType, lastSlot?: boolean): number;
  putAndType(frame: number): void;
}

/** Types whose frames are made of entries that refer to other frames. */
const isTable = (type: number): boolean => type >= FRAME_TYPE.level1 && type <= FRAME_TYPE.level4;

/** Makes the counting side of a frame table. `contents` may call back into it for other frames. */
export const createReferences = (
  store: FrameStore,
  contents: TypeContents,
  events: FrameEvents,
): References => {
  const { count, typeCount, type: types, owner } = store;

  const changeType = (frame: number, to: FrameType): void => {
    const from = at(types, frame);
    if (from === to) return;
    events.flush(frame);
    types[frame] = to;
    clearFlag(store, frame, FRAME_FLAG.validated);
    events.typeChanged(frame, from, to);
  };

  const firstUse = (frame: number, type: FrameType, lastSlot: boolean): number => {
    changeType(frame, type);
    typeCount[frame] = 1;
    // Descriptor pages stay checked at count 0: nobody can have written to them without another type in between.
    if (hasFlag(store, frame, FRAME_FLAG.validated)) return 0;
    if (isTable(type) || type === FRAME_TYPE.descriptors) {
      if (lastSlot) setFlag(store, frame, FRAME_FLAG.lastSlot);
      const error = contents.validate(frame, type, lastSlot);
      if (error !== 0) {
        clearFlag(store, frame, FRAME_FLAG.lastSlot);
        typeCount[frame] = 0;
        changeType(frame, FRAME_TYPE.none);
        return error;
      }
    }
    setFlag(store, frame, FRAME_FLAG.validated);
    return 0;
  };

  const getType = (frame: number, type: FrameType, lastSlot = false): number => {
    if (at(typeCount, frame) === 0) return firstUse(frame, type, lastSlot);
    const fits = at(types, frame) === type && hasFlag(store, frame, FRAME_FLAG.lastSlot) === lastSlot;
    if (!fits || !hasFlag(store, frame, FRAME_FLAG.validated)) return -EINVAL;
    add(typeCount, frame, 1);
    return 0;
  };

  const putType = (frame: number): void => {
    const type = at(types, frame) as FrameType;
    if (at(typeCount, frame) === 1 && isTable(type)) {
      clearFlag(store, frame, FRAME_FLAG.validated);
      contents.devalidate(frame, type);
      clearFlag(store, frame, FRAME_FLAG.lastSlot);
    }
    add(typeCount, frame, -1);
  };

  const getOwned = (frame: number, domain: DomId): boolean => {
    if (!(frame >= 0 && frame < store.frameCount) || !Number.isInteger(frame)) return false;
    if (at(count, frame) === 0 || at(owner, frame) !== domain) return false;
    add(count, frame, 1);
    return true;
  };

  const put = (frame: number): void => {
    add(count, frame, -1);
    if (at(count, frame) === 0) events.free(frame);
  };

  return {
    getOwned,
    take: (frame) => add(count, frame, 1),
    put,
    getType,
    takeType: (frame) => add(typeCount, frame, 1),
    putType,
    getOwnedAndType(frame, domain, type, lastSlot = false) {
      if (!getOwned(frame, domain)) return -EINVAL;
      const error = getType(frame, type, lastSlot);
      if (error !== 0) put(frame);
      return error;
    },
    putAndType(frame) {
      putType(frame);
      put(frame);
    },
  };
};
