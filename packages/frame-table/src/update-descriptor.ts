import { EINVAL } from "@xenolith/xen-abi";
import { writeDescriptor } from "./descriptor-page.ts";
import { checkDescriptor } from "./descriptor-rules.ts";
import type { FrameDomains } from "./domains.ts";
import type { EntryMemory } from "./internal/entry-memory.ts";
import { at, type FrameStore } from "./internal/frame-store.ts";
import type { References } from "./references.ts";
import { FRAME_TYPE, type FrameTable } from "./types.ts";

/**
 * Makes update_descriptor: the descriptor is checked wherever it goes, into a descriptor page or into a page that can be
 * writable and may become one. [XEN xen.h]
 */
export const createDescriptorUpdate =
  (
    store: FrameStore,
    domains: FrameDomains,
    references: References,
    entryMemory: EntryMemory,
  ): FrameTable["updateDescriptor"] =>
  (domain, frame, offset, low, high) => {
    const { rules } = domains.get(domain);
    const checked = checkDescriptor(rules.width, low, high);
    if (checked === null || offset % 8 !== 0 || !references.getOwned(frame, domain)) return -EINVAL;
    const isDescriptors = at(store.type, frame) === FRAME_TYPE.descriptors;
    const error = references.getType(frame, isDescriptors ? FRAME_TYPE.descriptors : FRAME_TYPE.writable);
    if (error === 0) {
      writeDescriptor(entryMemory, frame, offset / 8, checked.low, checked.high);
      references.putType(frame);
    }
    references.put(frame);
    return error === 0 ? 0 : -EINVAL;
  };
