import { DOMID_INVALID, type DomId } from "@xenolith/xen-abi";
import type { EntryMemory } from "./internal/entry-memory.ts";
import { at, FRAME_FLAG, type FrameStore, hasFlag } from "./internal/frame-store.ts";
import { slotCount, type TableRules } from "./table-rules.ts";
import { FRAME_TYPE, type FrameTable, type FrameType, type TableEntry, type TableLevel } from "./types.ts";

/** Whether a number is that of a frame of the machine. */
export const frameExists = (store: FrameStore, frame: number): boolean =>
  frame >= 0 && frame < store.frameCount && Number.isInteger(frame);

/** Reads an entry-sized word of any frame, or null where there is none. */
export const readTableEntry = (
  memory: EntryMemory,
  rules: TableRules,
  store: FrameStore,
  frame: number,
  index: number,
): TableEntry | null =>
  frameExists(store, frame) && index >= 0 && index < slotCount(rules)
    ? memory.read(rules, frame, index)
    : null;

/** Makes the part that only looks. Frame numbers may be anything. */
export const createQueries = (
  store: FrameStore,
  levelOf: (frame: number) => TableLevel | 0,
): Pick<FrameTable, "exists" | "ownerOf" | "typeOf" | "levelOf" | "isUsedOnce" | "describe"> => ({
  exists: (frame) => frameExists(store, frame),
  ownerOf: (frame) => (frameExists(store, frame) ? at(store.owner, frame) : DOMID_INVALID) as DomId,
  typeOf: (frame) => (frameExists(store, frame) ? at(store.type, frame) : FRAME_TYPE.none) as FrameType,
  levelOf: (frame) => (frameExists(store, frame) ? levelOf(frame) : 0),
  isUsedOnce: (frame) => frameExists(store, frame) && at(store.typeCount, frame) === 1,
  describe(frame) {
    if (!frameExists(store, frame)) return null;
    return {
      owner: at(store.owner, frame) as DomId,
      type: at(store.type, frame) as FrameType,
      typeCount: at(store.typeCount, frame),
      count: at(store.count, frame),
      validated: hasFlag(store, frame, FRAME_FLAG.validated),
      pinned: hasFlag(store, frame, FRAME_FLAG.pinned),
      monitor: hasFlag(store, frame, FRAME_FLAG.monitor),
      held: at(store.heldCount, frame),
    };
  },
});
