import { type Nanoseconds, toNanoseconds } from "@xenolith/machine-interface";

/**
 * What memory operations cost a guest in virtual time beyond the hypercall itself: figures of the order that Xen takes on a
 * processor of some GHz. One place, so that experiments can argue with it.
 */

/** One request of a batch: copying and decoding it. */
export const REQUEST_NS: Nanoseconds = toNanoseconds(40);
/** One table entry or descriptor looked at while validating. */
export const ENTRY_NS: Nanoseconds = toNanoseconds(5);
/** An update of one entry by itself. */
export const UPDATE_NS: Nanoseconds = toNanoseconds(REQUEST_NS + ENTRY_NS);
/** Clearing or copying a page. */
export const PAGE_NS: Nanoseconds = toNanoseconds(300);
/** Forgetting translations: of one page, or of a space. */
export const FLUSH_NS: Nanoseconds = toNanoseconds(200);
