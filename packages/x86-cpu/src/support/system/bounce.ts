import {
  and,
  conversion,
  eq,
  i32,
  isZero,
  load,
  ne,
  or,
  select,
  shl,
  shrU,
  TYPE,
  type Value,
  widen,
  wrap,
} from "@xenolith/wasm-emitter";
import {
  ATTRIBUTE,
  CR0,
  EFER,
  FLAG,
  GATE_CHANGE,
  hasErrorCode,
  PAGE_FAULT,
  packFault,
  REGISTER,
  SEGMENT,
  VECTOR,
} from "@xenolith/x86-architecture";
import { GATES, HANDLER_COUNT, MSR_SLOT, SEGMENT_FIELD, STATE } from "../../state/layout.ts";
import type { SupportFunction } from "../support-function.ts";
import { LOCATE_READ_WIDE } from "./linear-access.ts";
import { DELIVER_PAGE_FAULT, refuseFruitless } from "./page-fault.ts";
import { emitRingEntry } from "./ring-entry.ts";
import {
  charge,
  emitKernelEntry,
  eventsOf,
  gate,
  isAtEvents,
  noteChange,
  refuseEvents,
  refuseReserved,
  register,
  setMask,
} from "./side-entry.ts";
import { DONE, REFUSED, refuseClosedGates, type SystemEmitter, systemFunction } from "./system-emitter.ts";
import { emitTableStore, WRITE_TO_PRESENT } from "./table-store.ts";

/** Bit n: exception n has an error code. */
const WITH_ERROR_CODE = Array.from({ length: HANDLER_COUNT }, (_, vector) => vector)
  .filter(hasErrorCode)
  .reduce((bits, vector) => bits | (1 << vector), 0);

/** Ring of the kernels of 32-bit guests. */
const KERNEL_RING = 1;

/** A page fault's error code as its kernel sees it. What the monitor may want to carry out is refused, but for stores to tables. */
const emitPageFaultCode = (s: SystemEmitter, code: Value, fromKernel: Value, isWide: Value): void => {
  const { body, context } = s;
  const isWrite = eq(and(code, WRITE_TO_PRESENT), WRITE_TO_PRESENT);
  body.if(and(isWrite, fromKernel));
  s.refuseIf(isZero(isWide));
  emitTableStore(s, code);
  body.end();
  const frame = shrU(gate(s, GATES.faultAddress), 12);
  s.refuseIf(load(TYPE.i32, 1, false, frame, context.watchTable));
  body.set(code, and(code, select(i32(~PAGE_FAULT.user), i32(-1), fromKernel)));
};

/** What is known of an exception before its frame is made. */
interface Bounced {
  readonly vector: Value;
  readonly masksEvents: Value;
  readonly error: { readonly isPresent: Value; readonly code: Value };
}

/** Refuses what is not valid, but may be meant for the monitor. */
const refuseEmulated = (s: SystemEmitter): void => {
  const at = s.wideField(STATE.instructionPointer);
  const code = s.call(LOCATE_READ_WIDE, at, i32(4), s.field(STATE.spaceTag));
  s.refuseIf(s.isNowhere(code));
  s.refuseIf(eq(s.read(code, 0), gate(s, GATES.emulated)));
};

/** Into the kernel's side, in 64-bit code. */
const emitToSide = (s: SystemEmitter, { vector, ...bounced }: Bounced, fromKernel: Value): void => {
  const target = s.pin(load(TYPE.i64, 8, false, shl(vector, 3), s.context.state + STATE.handlers));
  s.refuseIf(isZero(target));
  s.body.if(eq(vector, VECTOR.invalidOpcode));
  refuseEmulated(s);
  s.body.end();
  emitKernelEntry(s, {
    ...bounced,
    fromKernel,
    target,
    saved: () => ({ rcx: s.wideField(register(REGISTER.rcx)), r11: s.wideField(register(REGISTER.r11)) }),
    code: s.segment(SEGMENT.cs, SEGMENT_FIELD.selector),
    stack: s.segment(SEGMENT.ss, SEGMENT_FIELD.selector),
    clearedFlags: 0,
  });
};

/** Into the kernel's ring, in 32-bit code. */
const emitToRing = (s: SystemEmitter, { vector, masksEvents, error }: Bounced, fromKernel: Value): void => {
  const { body, context } = s;
  const word = (offset: number): Value =>
    s.pin(load(TYPE.i32, 4, false, shl(vector, 3), context.state + STATE.handlers + offset));
  const codeSelector = word(4);
  s.refuseIf(ne(and(codeSelector, 3), KERNEL_RING));
  const events = eventsOf(s);
  refuseEvents(s, events, s.pin(or(events.isMasked, ne(masksEvents, 0))));
  emitRingEntry(s, {
    fromOuter: s.pin(isZero(fromKernel)),
    codeSelector,
    target: word(0),
    stackSelector: s.pin(gate(s, GATES.kernelStackSelector)),
    stackPointer: gate(s, GATES.kernelStack),
    error,
    shown: (flags) => ({
      besideCode: shl(events.isMasked, 16),
      flags: or(and(flags, ~(FLAG.if | FLAG.iopl)), select(i32(0), i32(FLAG.if), events.isMasked)),
    }),
    refuseFrame: (bottom, frame) => {
      refuseReserved(s, widen(bottom, false));
      s.refuseIf(isAtEvents(s, frame));
    },
  });
  s.setField(STATE.systemFlags, or(s.systemFlags, FLAG.if));
  body.if(masksEvents);
  setMask(s, i32(1));
  body.end();
};

/** What a page fault and #NM leave. */
const emitTraces = (s: SystemEmitter, vector: Value, isWide: Value): void => {
  const { body, context } = s;
  body.if(eq(vector, VECTOR.pageFault));
  const address = load(TYPE.f64, 8, false, i32(context.state), STATE.faultAddress);
  const linear = s.pin(conversion("i64.truncSatF64S", address));
  s.setField(STATE.control + 8 * 2, linear, 8);
  const place = s.pin(gate(s, GATES.faultAddress));
  body.if(isWide);
  body.store(8, place, linear);
  body.else();
  body.store(4, place, wrap(linear));
  body.end();
  noteChange(s, GATE_CHANGE.faultAddress);
  body.end();
  body.if(eq(vector, VECTOR.deviceNotAvailable));
  const control = s.pin(s.field(STATE.control));
  body.if(and(control, CR0.ts));
  s.setField(STATE.control, and(control, ~CR0.ts));
  noteChange(s, GATE_CHANGE.taskSwitched);
  body.end();
  body.end();
};

/** An exception enters the kernel, or the function returns that it is refused. */
const emitBounce = (s: SystemEmitter, fault: Value): void => {
  const { body } = s;
  const vector = s.pin(and(shrU(fault, 16), 0xff));
  s.refuseIf(s.above(vector, i32(HANDLER_COUNT - 1)));
  const isWide = s.pin(and(s.segment(SEGMENT.cs, SEGMENT_FIELD.attributes), ATTRIBUTE.long));
  const fromKernel = body.local(TYPE.i32);
  body.if(isWide);
  s.refuseIf(isZero(and(s.field(STATE.msr + 8 * MSR_SLOT.efer), EFER.lma)));
  body.set(fromKernel, gate(s, GATES.side));
  body.else();
  s.refuseUnlessUsual();
  body.set(fromKernel, eq(s.privilege, KERNEL_RING));
  s.refuseIf(and(isZero(fromKernel), ne(s.privilege, 3)));
  body.end();
  const code = s.pin(and(fault, 0xffff));
  body.if(eq(vector, VECTOR.pageFault));
  emitPageFaultCode(s, code, fromKernel, isWide);
  body.end();
  const bounced: Bounced = {
    vector,
    masksEvents: s.pin(and(shrU(gate(s, GATES.handlerMasks), vector), 1)),
    error: { isPresent: s.pin(and(shrU(i32(WITH_ERROR_CODE), vector), 1)), code },
  };
  body.if(isWide);
  emitToSide(s, bounced, fromKernel);
  body.else();
  emitToRing(s, bounced, fromKernel);
  body.end();
  emitTraces(s, vector, isWide);
};

/**
 * (packed fault) -> done or refused: an exception under a monitor enters the guest's kernel, by `TransitionGates`. Refused too
 * where no instruction has retired since the last one.
 */
export const BOUNCE_FAULT: SupportFunction = systemFunction("bounceFault", [TYPE.i32], (s, [fault]) => {
  if (fault === undefined) return;
  refuseClosedGates(s);
  const budget = refuseFruitless(s);
  emitBounce(s, fault);
  s.setField(STATE.lastDelivery, charge(s, budget, GATES.faultCost));
  s.body.push(i32(DONE));
});

/** (packed fault) -> done or refused: likewise for INT3, which retires and is charged for as an instruction, with the pointer behind it. */
export const BOUNCE_TRAP: SupportFunction = systemFunction("bounceTrap", [TYPE.i32], (s, [fault]) => {
  if (fault === undefined) return;
  refuseClosedGates(s);
  emitBounce(s, fault);
  s.body.push(i32(DONE));
});

/** As on a processor of its own, under a monitor: by {@link BOUNCE_FAULT}. */
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
