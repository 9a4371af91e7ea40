import { and, conversion, eq, i32, isZero, load, ne, shrU, TYPE, type Value } from "@xenolith/wasm-emitter";
import { FLAG, packFault, VECTOR } from "@xenolith/x86-architecture";
import { DELIVERY, STATE } from "../../state/layout.ts";
import type { SupportFunction } from "../support-function.ts";
import { ENTER_INTERRUPT } from "./interrupt-entry.ts";
import { type SystemEmitter, systemFunction } from "./system-emitter.ts";

/** `STATE.shadowMark` where no shadow has begun. */
const NO_MARK = -1;

/**
 * Refuses an exception that TypeScript's loop is to deliver: where it delivers all in this slice, or an instruction stands
 * alone, and where none has retired since the last one, as the loop counts those. @returns the budget
 */
export const refuseFruitless = (s: SystemEmitter): Value => {
  const last = s.pin(s.field(STATE.lastDelivery));
  const budget = s.pin(s.field(STATE.budget));
  s.refuseIf(eq(last, DELIVERY.never));
  s.refuseIf(eq(last, budget));
  s.refuseIf(ne(s.field(STATE.shadowMark), NO_MARK));
  return budget;
};

/**
 * () -> done or refused: delivers the fault that the state block holds when it is a page fault, its delivery a usual case, and
 * nothing waits for TypeScript's loop. Refused too where no instruction has retired since the last one: the loop counts those.
 */
export const DELIVER_PAGE_FAULT: SupportFunction = systemFunction("deliverPageFault", [], (s) => {
  const { body, context } = s;
  const fault = s.pin(s.field(STATE.fault));
  s.refuseUnlessEqual(shrU(fault, 16), packFault(VECTOR.pageFault, 0) >>> 16);
  const budget = refuseFruitless(s);
  s.refuseIf(s.field(STATE.pending));
  const address: Value = load(TYPE.f64, 8, false, i32(context.state), STATE.faultAddress);
  s.setWide(STATE.control + 8 * 2, conversion("i32.truncSatF64U", address));
  const refused = s.call(ENTER_INTERRUPT, i32(VECTOR.pageFault), and(fault, 0xffff), i32(FLAG.rf), i32(0));
  body.if(isZero(refused));
  s.setField(STATE.lastDelivery, budget);
  body.end();
  body.push(refused);
});
