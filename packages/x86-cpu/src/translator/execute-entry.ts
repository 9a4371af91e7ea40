import { TLB_ENTRY, type TlbRegion } from "@xenolith/machine-interface";
import { add, eq, load, TYPE, type Value } from "@xenolith/wasm-emitter";
import { tlbEntryOffset, tlbTag } from "../machine/tlb-probe.ts";

/** What the execute TLB says of an address. */
export interface ExecuteEntry {
  /** Whether it is there: may be executed without a look at page tables. */
  readonly isMapped: Value;
  /** The frame that its page is mapped to, if it is there. */
  readonly frame: Value;
}

/** Looks at the execute entry of a linear address, a constant: nothing is refilled. */
export const executeEntry = (tlb: TlbRegion, linear: Value, spaceTag: Value): ExecuteEntry => {
  const page = add(tlbEntryOffset(linear, spaceTag), tlb.execute);
  const tag = load(linear.type, linear.type === TYPE.i64 ? 8 : 4, false, page, TLB_ENTRY.tag);
  return {
    isMapped: eq(tag, tlbTag(linear, 1, spaceTag)),
    frame: load(TYPE.i32, 4, false, page, TLB_ENTRY.frame),
  };
};
