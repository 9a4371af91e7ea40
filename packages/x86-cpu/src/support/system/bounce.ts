import {
  add,
  and,
  conversion,
  eq,
  i32,
  isZero,
  load,
  ne,
  select,
  shl,
  shrU,
  sub,
  TYPE,
  type Value,
} from "@xenolith/wasm-emitter";
import {
  ATTRIBUTE,
  CR0,
  GATE_CHANGE,
  hasErrorCode,
  PAGE_FAULT,
  packFault,
  REGISTER,
  SEGMENT,
  VECTOR,
} from "@xenolith/x86-architecture";
import { GATES, HANDLER_COUNT, SEGMENT_FIELD, STATE } from "../../state/layout.ts";
import type { SupportFunction } from "../support-function.ts";
import { DELIVER_PAGE_FAULT, refuseFruitless } from "./page-fault.ts";
import { emitKernelEntry, gate, noteChange, register } from "./side-entry.ts";
import { DONE, REFUSED, refuseClosedGates, type SystemEmitter, systemFunction } from "./system-emitter.ts";

/** Bit n: exception n has an error code. */
const WITH_ERROR_CODE = Array.from({ length: HANDLER_COUNT }, (_, vector) => vector)
  .filter(hasErrorCode)
  .reduce((bits, vector) => bits | (1 << vector), 0);

const WRITE_TO_PRESENT = PAGE_FAULT.present | PAGE_FAULT.write;

/** A page fault's error code as its kernel sees it. Refuses what the monitor may want to carry out. */
const emitPageFaultCode = (s: SystemEmitter, code: Value, fromKernel: Value): void => {
  const { body, context } = s;
  const isWrite = eq(and(code, WRITE_TO_PRESENT), WRITE_TO_PRESENT);
  s.refuseIf(and(isWrite, fromKernel));
  const frame = shrU(gate(s, GATES.faultAddress), 12);
  s.refuseIf(load(TYPE.i32, 1, false, frame, context.watchTable));
  body.set(code, and(code, select(i32(~PAGE_FAULT.user), i32(-1), fromKernel)));
};

/**
 * (packed fault) -> done or refused: an exception of 64-bit code under a monitor enters the kernel's side, by
 * `TransitionGates`. Refused too where no instruction has retired since the last one.
 */
export const BOUNCE_FAULT: SupportFunction = systemFunction("bounceFault", [TYPE.i32], (s, [fault]) => {
  if (fault === undefined) return;
  const { body, context } = s;
  refuseClosedGates(s);
  const attributes = s.segment(SEGMENT.cs, SEGMENT_FIELD.attributes);
  s.refuseIf(isZero(and(attributes, ATTRIBUTE.long)));
  const budget = refuseFruitless(s);
  const vector = s.pin(and(shrU(fault, 16), 0xff));
  s.refuseIf(s.above(vector, i32(HANDLER_COUNT - 1)));
  const target = s.pin(load(TYPE.i64, 8, false, shl(vector, 3), context.state + STATE.handlers));
  s.refuseIf(isZero(target));
  const fromKernel = s.pin(gate(s, GATES.side));
  const code = s.pin(and(fault, 0xffff));
  const isPageFault = s.pin(eq(vector, VECTOR.pageFault));
  body.if(isPageFault);
  emitPageFaultCode(s, code, fromKernel);
  body.end();
  emitKernelEntry(s, {
    fromKernel,
    target,
    masksEvents: s.pin(and(shrU(gate(s, GATES.handlerMasks), vector), 1)),
    error: { isPresent: s.pin(and(shrU(i32(WITH_ERROR_CODE), vector), 1)), code },
    saved: () => ({ rcx: s.wideField(register(REGISTER.rcx)), r11: s.wideField(register(REGISTER.r11)) }),
    code: s.segment(SEGMENT.cs, SEGMENT_FIELD.selector),
    stack: s.segment(SEGMENT.ss, SEGMENT_FIELD.selector),
    clearedFlags: 0,
  });
  body.if(isPageFault);
  const address = load(TYPE.f64, 8, false, i32(context.state), STATE.faultAddress);
  const linear = s.pin(conversion("i64.truncSatF64S", address));
  s.setField(STATE.control + 8 * 2, linear, 8);
  body.store(8, gate(s, GATES.faultAddress), linear);
  noteChange(s, GATE_CHANGE.faultAddress);
  body.end();
  body.if(eq(vector, VECTOR.deviceNotAvailable));
  const control = s.pin(s.field(STATE.control));
  body.if(and(control, CR0.ts));
  s.setField(STATE.control, and(control, ~CR0.ts));
  noteChange(s, GATE_CHANGE.taskSwitched);
  body.end();
  body.end();
  const cost = s.pin(gate(s, GATES.faultCost));
  const left = s.pin(sub(budget, cost));
  s.setField(STATE.budget, left);
  s.setField(STATE.lastDelivery, left);
  s.setField(STATE.gates + GATES.charged, add(gate(s, GATES.charged), cost));
  body.push(i32(DONE));
});

/** As on a processor of its own, under a monitor: in 64-bit code, by {@link BOUNCE_FAULT}. */
export const BOUNCE_PAGE_FAULT: SupportFunction = {
  ...DELIVER_PAGE_FAULT,
  emit(body, context) {
    const fault = load(TYPE.i32, 4, false, i32(context.state), STATE.fault);
    body.if(ne(shrU(fault, 16), packFault(VECTOR.pageFault, 0) >>> 16));
    body.return(i32(REFUSED));
    body.end();
    body.call(context.indexOf(BOUNCE_FAULT), fault);
  },
};
