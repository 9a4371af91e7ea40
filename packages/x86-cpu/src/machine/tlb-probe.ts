import { TLB_ENTRY_BYTES, TLB_ENTRY_COUNT, TLB_FOLDED, TLB_TAG } from "@xenolith/machine-interface";
import { add, and, convert, or, shrS, shrU, TYPE, type Value, wrap, xor } from "@xenolith/wasm-emitter";

/**
 * The only place where generated code computes where a translation is looked for and what must be found there; see
 * `TLB_ENTRY_COUNT` in machine-interface for the layout. `address` is a linear address of either type, `spaceTag` the i32 of
 * `STATE.spaceTag`.
 */

const PAGE_BITS = 12;
const ENTRY_BITS = Math.log2(TLB_ENTRY_BYTES);
const INDEX_MASK = (TLB_ENTRY_COUNT - 1) * TLB_ENTRY_BYTES;

/**
 * Offset of an address' entry in its array, as i32; see `tlbIndex`. `spaceTag` is there for layouts whose index depends on it. With
 * `isLower` the address should be one of the lower half: another one's entry is not found.
 */
export const tlbEntryOffset = (address: Value, _spaceTag: Value, isLower = false): Value => {
  const place = shrU(address, PAGE_BITS - ENTRY_BITS);
  const isPlain = isLower || address.type === TYPE.i32;
  const folded = isPlain ? place : xor(place, foldedBits(address));
  return and(wrap(folded), INDEX_MASK);
};

/** The bits of an upper half's address that are folded into its index, where they belong in the offset. */
const foldedBits = (address: Value): Value =>
  and(shrU(address, 31 - ENTRY_BITS), and(shrS(address, 63), TLB_FOLDED << ENTRY_BITS));

/** The tag that allows `sizeBytes` at an address, of the address' type: that of the page on which the access ends. */
export const tlbTag = (address: Value, sizeBytes: number, spaceTag: Value): Value =>
  or(and(add(address, sizeBytes - 1), -4096), convert(spaceTag, address.type));

/** A space tag as supervisor accesses have it, whatever the privilege. */
export const supervisorTag = (spaceTag: Value): Value => and(spaceTag, ~TLB_TAG.user);
