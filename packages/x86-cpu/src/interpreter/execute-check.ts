import { TLB_ENTRY, type TlbRegion } from "@xenolith/machine-interface";
import { load, ne, TYPE, toF64, type Value } from "@xenolith/wasm-emitter";
import { tlbEntryOffset, tlbTag } from "../machine/tlb-probe.ts";
import type { SupportFunction } from "../support/support-function.ts";
import type { InterpreterLocals, InterpreterMachine } from "./interpreter-machine.ts";
import { executeAccess } from "./translate-function.ts";

/** Fixed places that an interpreter refers to. */
export interface InterpreterPlaces {
  readonly tlb: TlbRegion;
  readonly jumpCache: number;
  readonly state: number;
  /** Indices of functions. */
  readonly refill: number;
  readonly translate: number;
  readonly commit: number;
  supportIndex(support: SupportFunction): number;
}

/** Sets `page` to the execute entry's offset of a linear address; refills it once, and calls `failed` when that is not enough. */
export const emitExecuteCheck = (
  m: InterpreterMachine,
  locals: InterpreterLocals,
  places: InterpreterPlaces,
  linear: Value,
  page: Value,
  failed: () => void,
): void => {
  const { body, addressType } = m;
  const bytes = addressType === TYPE.i64 ? 8 : 4;
  body.set(page, tlbEntryOffset(linear, locals.spaceTag));
  const tag = tlbTag(linear, 1, locals.spaceTag);
  body.if(ne(load(addressType, bytes, false, page, places.tlb.execute + TLB_ENTRY.tag), tag));
  body.call(places.refill, toF64(linear, addressType === TYPE.i64), executeAccess(locals.spaceTag));
  body.if();
  failed();
  body.end();
  body.end();
};
