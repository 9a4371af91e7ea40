import { TLB_ENTRY, type TlbRegion } from "@xenolith/machine-interface";
import { type FunctionBody, load, ne, TYPE, toF64, type Value } from "@xenolith/wasm-emitter";
import { tlbEntryOffset, tlbTag } from "../machine/tlb-probe.ts";
import type { SupportFunction } from "../support/support-function.ts";
import { executeAccess } from "./translate-function.ts";

/** Fixed places that an interpreter refers to. */
export interface InterpreterPlaces {
  readonly tlb: TlbRegion;
  readonly jumpCache: number;
  readonly entryCache: number;
  readonly state: number;
  /** Indices of functions. */
  readonly refill: number;
  readonly translate: number;
  readonly commit: number;
  /** Type of the parts but the common one, and where the first of them is in the table; see `emitPart`. */
  readonly partType: number;
  readonly firstPartSlot: number;
  supportIndex(support: SupportFunction): number;
}

/** Sets `page` to the execute entry's offset of a linear address; refills it once, and calls `failed` with the outcome when that is not enough. */
export const emitExecuteCheck = (
  body: FunctionBody,
  spaceTag: Value,
  places: Pick<InterpreterPlaces, "tlb" | "refill">,
  linear: Value,
  page: Value,
  failed: (outcome: Value) => void,
): void => {
  const outcome = body.local(TYPE.i32);
  const isWide = linear.type === TYPE.i64;
  body.set(page, tlbEntryOffset(linear, spaceTag));
  const tag = tlbTag(linear, 1, spaceTag);
  body.if(ne(load(linear.type, isWide ? 8 : 4, false, page, places.tlb.execute + TLB_ENTRY.tag), tag));
  body.call(places.refill, toF64(linear, isWide), executeAccess(spaceTag));
  body.set(outcome);
  body.if(outcome);
  failed(outcome);
  body.end();
  body.end();
};
