import {
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
import { ATTRIBUTE, FLAG, REGISTER, SEGMENT, type SegmentIndex } from "@xenolith/x86-architecture";
import { ARITHMETIC_FLAGS } from "../../state/flags.ts";
import { GATES, SEGMENT_BYTES, SEGMENT_FIELD, STATE } from "../../state/layout.ts";
import type { SupportFunction } from "../support-function.ts";
import { FLAG_IMAGE, SET_ARITHMETIC_FLAGS } from "./flag-image.ts";
import { LOCATE_READ_WIDE, LOCATE_WRITE_WIDE, READ_DESCRIPTOR } from "./linear-access.ts";
import {
  DONE,
  REFUSED,
  refuseClosedGates,
  type SystemEmitter,
  systemFunction,
  UNUSUAL_FLAGS,
} from "./system-emitter.ts";

const register = (index: number): number => STATE.registers + 8 * index;
const gate = (s: SystemEmitter, field: number): Value => s.field(STATE.gates + field);
const wideGate = (s: SystemEmitter, field: number): Value => s.wideField(STATE.gates + field);

/** rcx r11 rip cs|mask rflags rsp ss */
const ENTRY_FRAME = { rcx: 0, r11: 8, rip: 16, cs: 24, rflags: 32, rsp: 40, ss: 48, sizeBytes: 56 } as const;
/** rax r11 rcx flags rip cs rflags rsp ss; see `TransitionGates`. */
const RETURN_FRAME = {
  ...{ rax: 0, r11: 8, rcx: 16, flags: 24, rip: 32, cs: 40, rflags: 48, rsp: 56, ss: 64, sizeBytes: 72 },
  asSysret: 0x100,
} as const;

/** Attributes of flat 64-bit code and of a flat stack in ring 3. */
const CODE_64 = 0xa0fb;
const STACK_64 = 0xc0f3;
const ENTRY_CLEARED = FLAG.ac | FLAG.tf | FLAG.nt | FLAG.rf | FLAG.vm | FLAG.df;

/** What emitting the gates shares: values that every one of them needs. */
interface Events {
  readonly isPending: Value;
  readonly isMasked: Value;
}

const eventsOf = (s: SystemEmitter): Events => ({
  isPending: s.pin(load(TYPE.i32, 1, false, gate(s, GATES.eventPending))),
  isMasked: s.pin(ne(load(TYPE.i32, 1, false, gate(s, GATES.eventMask)), 0)),
});

/** Refuses where an event waits that would not be held back, or where somebody wants to see that the mask changes. */
const refuseEvents = (s: SystemEmitter, { isPending, isMasked }: Events, willBeMasked: Value): void => {
  s.refuseIf(and(ne(isPending, 0), isZero(willBeMasked)));
  s.body.if(ne(isMasked, willBeMasked));
  const frame = shrU(gate(s, GATES.eventMask), 12);
  s.refuseIf(load(TYPE.i32, 1, false, frame, s.context.watchTable));
  s.body.end();
};

const setMask = (s: SystemEmitter, isMasked: Value): void =>
  s.body.store(1, gate(s, GATES.eventMask), isMasked);

const refuseReserved = (s: SystemEmitter, address: Value): void =>
  s.refuseIf(ltU(sub(address, wideGate(s, GATES.reservedFirst)), wideGate(s, GATES.reservedBytes)));

/** Puts a flat segment of 4 GiB into CS or SS, whatever was there. */
const setFlat = (s: SystemEmitter, index: SegmentIndex, selector: Value, attributes: Value): void => {
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
const refuseUsedGs = (s: SystemEmitter): void => s.refuseIf(s.segment(SEGMENT.gs, SEGMENT_FIELD.attributes));

const swapGs = (s: SystemEmitter): void => {
  const at = STATE.segments + SEGMENT.gs * SEGMENT_BYTES + SEGMENT_FIELD.base;
  const present = s.pin(s.wideField(at));
  s.setField(at, wideGate(s, GATES.otherBase), 8);
  s.setField(STATE.gates + GATES.otherBase, present, 8);
};

/** Goes on in the space of a side. @returns its tag of user accesses */
const enterSide = (s: SystemEmitter, side: number): Value => {
  s.body.call(s.context.enterSide, i32(side));
  const tag = s.body.local(TYPE.i32);
  s.body.set(tag);
  return tag;
};

/** The user's side calls its kernel. */
const emitEntry = (s: SystemEmitter): void => {
  const { body } = s;
  const entry = s.pin(wideGate(s, GATES.entry));
  s.refuseIf(isZero(entry));
  s.refuseIf(isZero(gate(s, GATES.kernelSpace)));
  refuseUsedGs(s);
  const events = eventsOf(s);
  const willBeMasked = s.pin(or(events.isMasked, gate(s, GATES.entryMasksEvents)));
  refuseEvents(s, events, willBeMasked);
  const top = and(wideGate(s, GATES.kernelStack), -16);
  const bottom = s.pin(sub(top, ENTRY_FRAME.sizeBytes));
  refuseReserved(s, bottom);
  const tag = enterSide(s, 1);
  const frame = s.call(LOCATE_WRITE_WIDE, bottom, i32(ENTRY_FRAME.sizeBytes), tag);
  body.if(s.isNowhere(frame));
  enterSide(s, 0);
  body.return(i32(REFUSED));
  body.end();

  // Nothing can go wrong any more.
  const flags = s.call(FLAG_IMAGE);
  const next = s.pin(s.wideField(STATE.instructionPointer));
  const wideFlags = widen(flags, false);
  const selector = gate(s, GATES.codeSelector);
  const shown = or(and(flags, ~(FLAG.if | FLAG.iopl)), select(i32(0), i32(FLAG.if), events.isMasked));
  body.store(8, frame, next, ENTRY_FRAME.rcx);
  body.store(8, frame, wideFlags, ENTRY_FRAME.r11);
  body.store(8, frame, next, ENTRY_FRAME.rip);
  body.store(4, frame, selector, ENTRY_FRAME.cs);
  body.store(4, frame, events.isMasked, ENTRY_FRAME.cs + 4);
  body.store(8, frame, widen(shown, false), ENTRY_FRAME.rflags);
  body.store(8, frame, s.wideField(register(REGISTER.rsp)), ENTRY_FRAME.rsp);
  body.store(8, frame, widen(gate(s, GATES.stackSelector), false), ENTRY_FRAME.ss);
  s.setField(register(REGISTER.rcx), next, 8);
  s.setField(register(REGISTER.r11), wideFlags, 8);
  s.setField(register(REGISTER.rsp), bottom, 8);
  s.setField(STATE.instructionPointer, entry, 8);
  s.setField(STATE.systemFlags, or(and(s.systemFlags, ~ENTRY_CLEARED), FLAG.if));
  setFlat(s, SEGMENT.cs, selector, i32(CODE_64));
  setFlat(s, SEGMENT.ss, gate(s, GATES.stackSelector), i32(STACK_64));
  swapGs(s);
  s.setField(STATE.gates + GATES.side, i32(1));
  s.setField(STATE.spaceTag, tag);
  body.if(gate(s, GATES.entryMasksEvents));
  setMask(s, i32(1));
  body.end();
  body.return(i32(DONE));
};

/** The kernel's call that has one answer. */
const emitAnswer = (s: SystemEmitter): void => {
  const { body } = s;
  s.refuseIf(ne(s.field(register(REGISTER.rdi)), gate(s, GATES.answeredArgument)));
  const events = eventsOf(s);
  refuseEvents(s, events, events.isMasked);
  const flags = s.call(FLAG_IMAGE);
  s.setField(register(REGISTER.rcx), s.wideField(STATE.instructionPointer), 8);
  s.setField(register(REGISTER.r11), widen(flags, false), 8);
  s.setField(register(REGISTER.rax), widen(gate(s, GATES.answer), false), 8);
  setFlat(s, SEGMENT.cs, gate(s, GATES.codeSelector), i32(CODE_64));
  setFlat(s, SEGMENT.ss, gate(s, GATES.stackSelector), i32(STACK_64));
  body.push(i32(DONE));
};

/** The kernel returns to itself or to the user's side. */
const emitReturn = (s: SystemEmitter): void => {
  const { body } = s;
  const pointer = s.pin(s.wideField(register(REGISTER.rsp)));
  refuseReserved(s, pointer);
  const presentTag = s.pin(s.field(STATE.spaceTag));
  const frame = s.call(LOCATE_READ_WIDE, pointer, i32(RETURN_FRAME.sizeBytes), presentTag);
  s.refuseIf(s.isNowhere(frame));
  const wide = (offset: number): Value => load(TYPE.i64, 8, false, frame, offset);
  const image = s.pin(s.read(frame, RETURN_FRAME.rflags));
  s.refuseIf(and(image, UNUSUAL_FLAGS));
  const events = eventsOf(s);
  const willBeMasked = s.pin(isZero(and(image, FLAG.if)));
  refuseEvents(s, events, willBeMasked);
  const target = s.pin(wide(RETURN_FRAME.rip));
  s.refuseIf(ne(shrS(shl(target, 16), 16), target));
  const givenCode = s.pin(s.read(frame, RETURN_FRAME.cs, 2));
  const toUser = s.pin(eq(and(givenCode, 3), 3));
  s.refuseIf(and(toUser, isZero(gate(s, GATES.userSpace))));
  body.if(toUser);
  refuseUsedGs(s);
  body.end();
  const code = s.pin(or(givenCode, 3));
  const isFast = s.pin(and(s.read(frame, RETURN_FRAME.flags), RETURN_FRAME.asSysret));
  const codeSelector = body.local(TYPE.i32);
  const codeAttributes = body.local(TYPE.i32);
  const stackSelector = body.local(TYPE.i32);
  const stackAttributes = body.local(TYPE.i32);
  body.if(isFast);
  s.refuseIf(eq(code, gate(s, GATES.compatibleSelector)));
  body.set(codeSelector, gate(s, GATES.codeSelector));
  body.set(codeAttributes, i32(CODE_64));
  body.set(stackSelector, gate(s, GATES.stackSelector));
  body.set(stackAttributes, i32(STACK_64));
  body.else();
  const [codeLow, codeHigh] = s.callForTwo(READ_DESCRIPTOR, code);
  s.refuseUnlessFlatCode64(codeLow, codeHigh);
  s.refuseIf(ne(s.privilegeOf(codeHigh), 3));
  body.set(codeSelector, code);
  body.set(codeAttributes, s.attributesOf(codeHigh));
  body.set(stackSelector, or(s.read(frame, RETURN_FRAME.ss, 2), 3));
  const [stackLow, stackHigh] = s.callForTwo(READ_DESCRIPTOR, stackSelector);
  s.refuseUnlessFlatData(stackLow, stackHigh);
  s.refuseIf(ne(s.privilegeOf(stackHigh), 3));
  body.set(stackAttributes, s.attributesOf(stackHigh));
  body.end();

  // Nothing can go wrong any more.
  const flags = s.pin(or(and(image, ~(FLAG.iopl | FLAG.vm)), FLAG.if | FLAG.fixed));
  s.setField(register(REGISTER.rax), wide(RETURN_FRAME.rax), 8);
  s.setField(register(REGISTER.rcx), select(target, wide(RETURN_FRAME.rcx), isFast), 8);
  s.setField(register(REGISTER.r11), select(widen(flags, false), wide(RETURN_FRAME.r11), isFast), 8);
  s.setField(register(REGISTER.rsp), wide(RETURN_FRAME.rsp), 8);
  s.setField(STATE.instructionPointer, target, 8);
  s.setField(STATE.systemFlags, and(flags, ~ARITHMETIC_FLAGS));
  body.call(s.context.indexOf(SET_ARITHMETIC_FLAGS), image);
  setFlat(s, SEGMENT.cs, codeSelector, codeAttributes);
  setFlat(s, SEGMENT.ss, stackSelector, stackAttributes);
  setMask(s, willBeMasked);
  body.if(toUser);
  swapGs(s);
  s.setField(STATE.gates + GATES.side, i32(0));
  s.setField(STATE.spaceTag, enterSide(s, 0));
  body.end();
  body.return(i32(DONE));
};

/**
 * () -> done or refused: SYSCALL of 64-bit code under a monitor, by `TransitionGates`: a system call of the user's side, and of
 * the kernel's side the calls that return and that have one answer.
 */
export const CALL_MONITOR: SupportFunction = systemFunction("callMonitor", [], (s) => {
  const { body } = s;
  refuseClosedGates(s);
  body.if(isZero(gate(s, GATES.side)));
  emitEntry(s);
  body.end();
  const call = s.pin(s.field(register(REGISTER.rax)));
  body.if(eq(call, gate(s, GATES.returnCall)));
  emitReturn(s);
  body.end();
  s.refuseIf(ne(call, gate(s, GATES.answeredCall)));
  emitAnswer(s);
});
