import {
  add,
  and,
  eq,
  i32,
  i64,
  isZero,
  load,
  ltU,
  ne,
  or,
  select,
  shl,
  shrS,
  shrU,
  sub,
  TYPE,
  type Value,
  widen,
} from "@xenolith/wasm-emitter";
import {
  ATTRIBUTE,
  FLAG,
  GATE_CHANGE,
  REGISTER,
  SEGMENT,
  type SegmentIndex,
} from "@xenolith/x86-architecture";
import { GATES, SEGMENT_BYTES, SEGMENT_FIELD, STATE } from "../../state/layout.ts";
import { FLAG_IMAGE } from "./flag-image.ts";
import { LOCATE_WRITE_WIDE, READ_DESCRIPTOR } from "./linear-access.ts";
import { REFUSED, type SystemEmitter } from "./system-emitter.ts";

/** Offset in the block of a general register. */
export const register = (index: number): number => STATE.registers + 8 * index;
/** A word of the gates. */
export const gate = (s: SystemEmitter, field: number): Value => s.field(STATE.gates + field);
/** A field of the gates of 64 bits. */
export const wideGate = (s: SystemEmitter, field: number): Value => s.wideField(STATE.gates + field);

/** rcx r11 [error code] rip cs|mask rflags rsp ss: offsets without an error code, which moves all behind it. */
const ENTRY_FRAME = { rcx: 0, r11: 8, rip: 16, cs: 24, rflags: 32, rsp: 40, ss: 48, sizeBytes: 56 } as const;
/** Attributes of flat 64-bit code and of a flat stack in ring 3. */
export const CODE_64 = 0xa0fb;
/** See {@link CODE_64}. */
export const STACK_64 = 0xc0f3;
/** Ring of both sides. */
const USER_RING = 3;
/** Flags that are clear in every handler. */
const ENTRY_CLEARED = FLAG.ac | FLAG.tf | FLAG.nt | FLAG.rf | FLAG.vm;

/** What emitting the gates shares: values that every one of them needs. */
export interface Events {
  readonly isPending: Value;
  readonly isMasked: Value;
}

/** Reads them. */
export const eventsOf = (s: SystemEmitter): Events => ({
  isPending: s.pin(load(TYPE.i32, 1, false, gate(s, GATES.eventPending))),
  isMasked: s.pin(ne(load(TYPE.i32, 1, false, gate(s, GATES.eventMask)), 0)),
});

/** Refuses where an event waits that would not be held back, or where somebody wants to see that the mask changes. */
export const refuseEvents = (
  s: SystemEmitter,
  { isPending, isMasked }: Events,
  willBeMasked: Value,
): void => {
  s.refuseIf(and(ne(isPending, 0), isZero(willBeMasked)));
  s.body.if(ne(isMasked, willBeMasked));
  const frame = shrU(gate(s, GATES.eventMask), 12);
  s.refuseIf(load(TYPE.i32, 1, false, frame, s.context.watchTable));
  s.body.end();
};

/** Refuses where an event waits that is not held back: the monitor would hand it over. */
export const refuseWaitingEvent = (s: SystemEmitter): void => {
  const { isPending, isMasked } = eventsOf(s);
  s.refuseIf(and(ne(isPending, 0), isZero(isMasked)));
};

/** Takes a cost, a field of the gates, out of the budget, without instructions for it. @returns the budget that is left */
export const charge = (s: SystemEmitter, budget: Value, field: number): Value =>
  chargeFor(s, budget, gate(s, field));

/** The same for a cost that is worked out. */
export const chargeFor = (s: SystemEmitter, budget: Value, value: Value): Value => {
  const cost = s.pin(value);
  const left = s.pin(sub(budget, cost));
  s.setField(STATE.budget, left);
  s.setField(STATE.gates + GATES.charged, add(gate(s, GATES.charged), cost));
  return left;
};

/** What looking at an entry of a table costs. */
export const entryCost = (s: SystemEmitter): Value =>
  sub(gate(s, GATES.updateCost), gate(s, GATES.requestCost));

/** Refuses an address whose upper bits are not copies of bit 47. */
export const refuseUnlessCanonical = (s: SystemEmitter, address: Value): void =>
  s.refuseIf(ne(shrS(shl(address, 16), 16), address));

/** Attributes of the flat 64-bit code of ring 3 that a selector names. Refuses anything else. */
export const flatCodeOfUser = (s: SystemEmitter, selector: Value): Value => {
  const [low, high] = s.callForTwo(READ_DESCRIPTOR, selector);
  s.refuseUnlessFlatCode64(low, high);
  s.refuseUnlessEqual(s.privilegeOf(high), USER_RING);
  return s.attributesOf(high);
};

/** Attributes of the flat stack of ring 3 that a selector names. Refuses anything else. */
export const flatStackOfUser = (s: SystemEmitter, selector: Value): Value => {
  const [low, high] = s.callForTwo(READ_DESCRIPTOR, selector);
  s.refuseUnlessFlatData(low, high);
  s.refuseUnlessEqual(s.privilegeOf(high), USER_RING);
  return s.attributesOf(high);
};

/** Holds events back, or does not any more. */
export const setMask = (s: SystemEmitter, isMasked: Value): void =>
  s.body.store(1, gate(s, GATES.eventMask), isMasked);

/** Refuses a frame in the range that is the monitor's. */
export const refuseReserved = (s: SystemEmitter, address: Value): void =>
  s.refuseIf(ltU(sub(address, wideGate(s, GATES.reservedFirst)), wideGate(s, GATES.reservedBytes)));

/** Whether a frame, given its host address, lies in the page of the events: storing it may change what has been read of them. */
export const isAtEvents = (s: SystemEmitter, frame: Value): Value =>
  eq(shrU(frame, 12), shrU(gate(s, GATES.eventMask), 12));

/** Puts a flat segment of 4 GiB into CS or SS, whatever was there. */
export const setFlat = (s: SystemEmitter, index: SegmentIndex, selector: Value, attributes: Value): void => {
  const isCode = index === SEGMENT.cs;
  const whole = i64(-0x1_0000_0000);
  const nothing = i64(1);
  const canRead = isCode ? and(attributes, ATTRIBUTE.readable) : i32(1);
  s.setSegmentField(index, SEGMENT_FIELD.selector, selector);
  s.setSegmentField(index, SEGMENT_FIELD.attributes, attributes);
  s.setSegmentField(index, SEGMENT_FIELD.base, i64(0), 8);
  s.setSegmentField(index, SEGMENT_FIELD.limit, i32(-1));
  s.setSegmentField(index, SEGMENT_FIELD.readFirst, select(whole, nothing, canRead), 8);
  s.setSegmentField(index, SEGMENT_FIELD.writeFirst, isCode ? nothing : whole, 8);
  s.setSegmentField(index, SEGMENT_FIELD.flatLast, i32(isCode ? 0 : -1));
  if (isCode) s.setField(STATE.codeBase, i64(0), 8);
  else s.setField(STATE.stackMask, i32(-1));
};

/** Refuses where bounds hang on the base of GS: it is to be another one. */
export const refuseUsedGs = (s: SystemEmitter): void =>
  s.refuseIf(s.segment(SEGMENT.gs, SEGMENT_FIELD.attributes));

/** Exchanges the bases of GS of the two sides. */
const swapGs = (s: SystemEmitter): void => {
  const at = STATE.segments + SEGMENT.gs * SEGMENT_BYTES + SEGMENT_FIELD.base;
  const present = s.pin(s.wideField(at));
  s.setField(at, wideGate(s, GATES.otherBase), 8);
  s.setField(STATE.gates + GATES.otherBase, present, 8);
};

/** Notes for the monitor that something has changed: a bit of `GATE_CHANGE`. */
export const noteChange = (s: SystemEmitter, bit: number): void =>
  s.setField(STATE.gates + GATES.changes, or(gate(s, GATES.changes), bit));

/** Sets the kernel's stack, given as 64 bits, and the selector that goes with it. */
export const setKernelStack = (s: SystemEmitter, pointer: Value, selector: Value): void => {
  s.setField(STATE.gates + GATES.kernelStack, pointer, 8);
  s.setField(STATE.gates + GATES.kernelStackSelector, selector);
  noteChange(s, GATE_CHANGE.kernelStack);
};

/** Makes a side the present one, whose space has been entered, and exchanges the bases of GS. */
export const setSide = (s: SystemEmitter, side: number, tag: Value): void => {
  swapGs(s);
  s.setField(STATE.gates + GATES.side, i32(side));
  s.setField(STATE.spaceTag, tag);
  noteChange(s, GATE_CHANGE.side);
};

/** Goes on in the space of a side. @returns its tag of user accesses */
export const enterSide = (s: SystemEmitter, side: number): Value => {
  s.body.call(s.context.enterSide, i32(side));
  const tag = s.body.local(TYPE.i32);
  s.body.set(tag);
  return tag;
};

/** How the kernel's side is entered: by a call of the user's side, or by an exception of either. */
export interface KernelEntry {
  /** 1 where the kernel's side is interrupted; null: the user's always is. */
  readonly fromKernel: Value | null;
  readonly target: Value;
  /** Not 0: events are held back from now on. */
  readonly masksEvents: Value;
  /** Not 0 in `isPresent`: the frame has an error code. */
  readonly error: { readonly isPresent: Value; readonly code: Value } | null;
  /** RCX and R11 of the frame, given all flags. */
  readonly saved: (flags: Value) => { readonly rcx: Value; readonly r11: Value };
  /** Selectors of CS, as it was, and of SS for the frame. */
  readonly code: Value;
  readonly stack: Value;
  /** Flags that are cleared besides those that every handler has clear. */
  readonly clearedFlags: number;
}

/**
 * Pushes the frame and goes on at the target, or returns that it is refused; then nothing has changed. What the caller
 * appends cannot be refused any more.
 */
export const emitKernelEntry = (s: SystemEmitter, entry: KernelEntry): void => {
  const { body } = s;
  const { fromKernel, error } = entry;
  const whenFromUser = (emit: () => void): void => {
    if (fromKernel !== null) body.if(isZero(fromKernel));
    emit();
    if (fromKernel !== null) body.end();
  };
  whenFromUser(() => {
    s.refuseIf(isZero(gate(s, GATES.kernelSpace)));
    refuseUsedGs(s);
  });
  const events = eventsOf(s);
  refuseEvents(s, events, s.pin(or(events.isMasked, ne(entry.masksEvents, 0))));
  const kernelStack = wideGate(s, GATES.kernelStack);
  const pointer = s.wideField(register(REGISTER.rsp));
  const top = fromKernel === null ? kernelStack : select(pointer, kernelStack, fromKernel);
  const errorBytes = error === null ? i32(0) : s.pin(shl(error.isPresent, 3));
  const frameBytes = add(errorBytes, ENTRY_FRAME.sizeBytes);
  const bottom = s.pin(sub(and(top, -16), widen(frameBytes, false)));
  refuseReserved(s, bottom);
  const tag = s.pin(s.field(STATE.spaceTag));
  whenFromUser(() => body.set(tag, enterSide(s, 1)));
  const frame = s.call(LOCATE_WRITE_WIDE, bottom, frameBytes, tag);
  body.if(or(s.isNowhere(frame), isAtEvents(s, frame)));
  whenFromUser(() => enterSide(s, 0));
  body.return(i32(REFUSED));
  body.end();

  // Nothing can go wrong any more.
  const flags = s.call(FLAG_IMAGE);
  const { rcx, r11 } = entry.saved(flags);
  const { code } = entry;
  const selector = fromKernel === null ? code : and(code, select(i32(~3), i32(-1), fromKernel));
  const shown = or(and(flags, ~(FLAG.if | FLAG.iopl)), select(i32(0), i32(FLAG.if), events.isMasked));
  body.store(8, frame, rcx, ENTRY_FRAME.rcx);
  body.store(8, frame, r11, ENTRY_FRAME.r11);
  const rest = error === null ? frame : s.pin(add(frame, errorBytes));
  if (error !== null) body.store(8, frame, widen(error.code, false), ENTRY_FRAME.rip);
  body.store(8, rest, s.wideField(STATE.instructionPointer), ENTRY_FRAME.rip);
  body.store(4, rest, selector, ENTRY_FRAME.cs);
  body.store(4, rest, events.isMasked, ENTRY_FRAME.cs + 4);
  body.store(8, rest, widen(shown, false), ENTRY_FRAME.rflags);
  body.store(8, rest, pointer, ENTRY_FRAME.rsp);
  body.store(8, rest, widen(entry.stack, false), ENTRY_FRAME.ss);
  s.setField(register(REGISTER.rsp), bottom, 8);
  s.setField(STATE.instructionPointer, entry.target, 8);
  s.setField(STATE.systemFlags, or(and(s.systemFlags, ~(ENTRY_CLEARED | entry.clearedFlags)), FLAG.if));
  setFlat(s, SEGMENT.cs, gate(s, GATES.codeSelector), i32(CODE_64));
  setFlat(s, SEGMENT.ss, gate(s, GATES.stackSelector), i32(STACK_64));
  whenFromUser(() => setSide(s, 1, tag));
  body.if(entry.masksEvents);
  setMask(s, i32(1));
  body.end();
};
