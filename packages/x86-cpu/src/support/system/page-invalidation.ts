import { TLB_ENTRY } from "@xenolith/machine-interface";
import { and, compare, eq, i32, i64, load, or, TYPE, type Value, widen } from "@xenolith/wasm-emitter";
import { tlbEntryOffset } from "../../machine/tlb-probe.ts";
import { STATE } from "../../state/layout.ts";
import type { SupportFunction } from "../support-function.ts";
import { DONE, systemFunction } from "./system-emitter.ts";

/** Both bits of a tag that are not the space's: see `TLB_TAG`. */
const LOW_BITS = 3;

/** (linear address) -> done or refused: forgets a page of 32-bit code's space, unless it may be part of a larger one. */
export const FORGET_PAGE: SupportFunction = systemFunction("forgetPage", [TYPE.i32], (s, [address]) => {
  if (address === undefined) return;
  const { body, context } = s;
  const { tlb } = context;
  s.refuseIf(s.privilege);
  const bound = (offset: number): Value => load(TYPE.i64, 8, false, i32(tlb.largeRange), offset);
  const wide = widen(address, false);
  s.refuseIf(and(compare("geS", wide, bound(0)), compare("leS", wide, bound(8))));
  const tag = s.field(STATE.spaceTag);
  const wanted = s.pin(or(and(address, -4096), and(tag, ~LOW_BITS)));
  const entry = s.pin(tlbEntryOffset(address, tag));
  for (const table of [tlb.read, tlb.write, tlb.execute]) {
    body.if(eq(and(load(TYPE.i32, 4, false, entry, table + TLB_ENTRY.tag), ~LOW_BITS), wanted));
    body.store(8, entry, i64(-1), table + TLB_ENTRY.tag);
    body.store(4, entry, i32(-1), table + TLB_ENTRY.frame);
    body.end();
  }
  body.push(i32(DONE));
});

/** () -> whether an interrupt waits that could be taken if IF were set. */
export const INTERRUPT_REQUESTED: SupportFunction = {
  name: "interruptRequested",
  parameters: [],
  results: [TYPE.i32],
  emit: (body, context) => body.call(context.interruptRequested),
};
