import { EINVAL, type GuestWidth } from "@xenolith/xen-abi";
import { checkDescriptor } from "./descriptor-rules.ts";
import type { EntryMemory } from "./internal/entry-memory.ts";
import { tableRules } from "./table-rules.ts";

/** Descriptors in a frame. */
export const DESCRIPTORS_PER_FRAME = 512;

/** Descriptors are entries of two words, like those of a PAE table. */
const AS_ENTRIES = tableRules("x86_32p");

/**
 * Checks all descriptors of a frame that becomes part of a GDT or LDT, and corrects their privilege in place.
 * @returns 0, or -EINVAL; those before the refused one may have been corrected.
 */
export const checkDescriptorPage = (memory: EntryMemory, frame: number, width: GuestWidth): number => {
  for (let index = 0; index < DESCRIPTORS_PER_FRAME; index++) {
    const { low, high } = memory.read(AS_ENTRIES, frame, index);
    const checked = checkDescriptor(width, low, high);
    if (checked === null) return -EINVAL;
    if (checked.low !== low || checked.high !== high) memory.write(AS_ENTRIES, frame, index, checked);
  }
  return 0;
};

/** Stores one descriptor that has been checked. */
export const writeDescriptor = (
  memory: EntryMemory,
  frame: number,
  index: number,
  low: number,
  high: number,
): void => memory.write(AS_ENTRIES, frame, index, { low, high });
