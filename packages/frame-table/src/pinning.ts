import { EINVAL } from "@xenolith/xen-abi";
import type { FrameDomains } from "./domains.ts";
import { clearFlag, FRAME_FLAG, type FrameStore, hasFlag, setFlag } from "./internal/frame-store.ts";
import type { References } from "./references.ts";
import type { FrameTable, FrameType } from "./types.ts";

/**
 * Makes pinning: a pin holds one reference and one use as a table, so that the table stays validated while no base or upper
 * table leads to it. A frame is pinned once or not at all. Levels that a width does not have are ignored. [XEN xen.h]
 * MMUEXT_PIN_L1_TABLE, MMUEXT_UNPIN_TABLE
 */
export const createPinning = (
  store: FrameStore,
  domains: FrameDomains,
  references: References,
): Pick<FrameTable, "pin" | "unpin"> => ({
  pin(domain, frame, level) {
    if (level > domains.get(domain).rules.rootLevel) return 0;
    const error = references.getOwnedAndType(frame, domain, level as FrameType);
    if (error !== 0) return error;
    if (hasFlag(store, frame, FRAME_FLAG.pinned)) {
      references.putAndType(frame);
      return -EINVAL;
    }
    setFlag(store, frame, FRAME_FLAG.pinned);
    return 0;
  },
  unpin(domain, frame) {
    if (!references.getOwned(frame, domain)) return -EINVAL;
    const isPinned = hasFlag(store, frame, FRAME_FLAG.pinned);
    if (isPinned) {
      clearFlag(store, frame, FRAME_FLAG.pinned);
      references.putAndType(frame);
    }
    references.put(frame);
    return isPinned ? 0 : -EINVAL;
  },
});
