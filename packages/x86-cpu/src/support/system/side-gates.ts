import {
  and,
  eq,
  i32,
  i64,
  isZero,
  load,
  ne,
  or,
  select,
  TYPE,
  type Value,
  widen,
  wrap,
} from "@xenolith/wasm-emitter";
import { CR0, FLAG, GATE_CHANGE, REGISTER, SEGMENT, type SegmentIndex } from "@xenolith/x86-architecture";
import { ARITHMETIC_FLAGS } from "../../state/flags.ts";
import { GATES, SEGMENT_FIELD, STATE } from "../../state/layout.ts";
import type { SupportFunction } from "../support-function.ts";
import { emitCallList } from "./call-list.ts";
import { FLAG_IMAGE, SET_ARITHMETIC_FLAGS } from "./flag-image.ts";
import { LOCATE_READ_WIDE } from "./linear-access.ts";
import {
  CODE_64,
  charge,
  emitKernelEntry,
  enterSide,
  eventsOf,
  flatCodeOfUser,
  flatStackOfUser,
  gate,
  noteChange,
  refuseEvents,
  refuseReserved,
  refuseUnlessCanonical,
  refuseUsedGs,
  refuseWaitingEvent,
  register,
  STACK_64,
  setFlat,
  setKernelStack,
  setMask,
  setSide,
  wideGate,
} from "./side-entry.ts";
import {
  ATTEND,
  DONE,
  refuseClosedGates,
  type SystemEmitter,
  systemFunction,
  UNUSUAL_FLAGS,
} from "./system-emitter.ts";
import { emitMappingCall } from "./table-mapping.ts";
import { emitFlush, emitTableUpdate } from "./table-update.ts";

/** rax r11 rcx flags rip cs rflags rsp ss; see `TransitionGates`. */
const RETURN_FRAME = {
  ...{ rax: 0, r11: 8, rcx: 16, flags: 24, rip: 32, cs: 40, rflags: 48, rsp: 56, ss: 64, sizeBytes: 72 },
  asSysret: 0x100,
} as const;

/** The user's side calls its kernel: RCX and R11 are lost to it, and CS and SS of the frame are what SYSCALL loads. */
const emitEntry = (s: SystemEmitter): void => {
  const { body } = s;
  const target = s.pin(wideGate(s, GATES.entry));
  s.refuseIf(isZero(target));
  const next = s.pin(s.wideField(STATE.instructionPointer));
  const flags = body.local(TYPE.i64);
  emitKernelEntry(s, {
    fromKernel: null,
    target,
    masksEvents: gate(s, GATES.entryMasksEvents),
    code: gate(s, GATES.codeSelector),
    stack: gate(s, GATES.stackSelector),
    error: null,
    saved: (image) => {
      body.set(flags, widen(image, false));
      return { rcx: next, r11: flags };
    },
    clearedFlags: FLAG.df,
  });
  s.setField(register(REGISTER.rcx), next, 8);
  s.setField(register(REGISTER.r11), flags, 8);
  body.return(i32(DONE));
};

/** Answers a call of the kernel's, as SYSRET returns from it. Nothing can go wrong any more. */
const emitAnswer = (s: SystemEmitter, answer: Value): void => {
  charge(s, s.field(STATE.budget), GATES.callCost);
  const flags = s.call(FLAG_IMAGE);
  s.setField(register(REGISTER.rcx), s.wideField(STATE.instructionPointer), 8);
  s.setField(register(REGISTER.r11), widen(flags, false), 8);
  s.setField(register(REGISTER.rax), widen(answer, false), 8);
  setFlat(s, SEGMENT.cs, gate(s, GATES.codeSelector), i32(CODE_64));
  setFlat(s, SEGMENT.ss, gate(s, GATES.stackSelector), i32(STACK_64));
};

/** The kernel's call that changes its stack. */
const emitStackCall = (s: SystemEmitter): void => {
  const pointer = s.pin(s.wideField(register(REGISTER.rsi)));
  refuseUnlessCanonical(s, pointer);
  setKernelStack(s, pointer, s.field(register(REGISTER.rdi)));
};

/** Bases by their number in the call. */
const BASE = { fs: 0, otherGs: 1, gs: 2, userSelector: 3 } as const;

const setBase = (s: SystemEmitter, index: SegmentIndex, base: Value): void => {
  // Bounds of a segment that can be used hang on its base.
  s.refuseIf(s.segment(index, SEGMENT_FIELD.attributes));
  s.setSegmentField(index, SEGMENT_FIELD.base, base, 8);
};

/** The kernel's call that sets a base of FS or GS, or loads a null selector into the user's GS. */
const emitBaseCall = (s: SystemEmitter): void => {
  const { body } = s;
  const which = s.pin(s.field(register(REGISTER.rdi)));
  const value = s.pin(s.wideField(register(REGISTER.rsi)));
  s.refuseIf(s.above(which, i32(BASE.userSelector)));
  body.if(eq(which, BASE.userSelector));
  const selector = s.pin(and(wrap(value), 0xffff));
  s.refuseIf(s.above(selector, i32(3)));
  refuseUsedGs(s);
  s.setSegmentField(SEGMENT.gs, SEGMENT_FIELD.selector, selector);
  s.setSegmentField(SEGMENT.gs, SEGMENT_FIELD.limit, i32(0));
  s.setField(STATE.gates + GATES.otherBase, i64(0), 8);
  noteChange(s, GATE_CHANGE.otherBase);
  body.else();
  refuseUnlessCanonical(s, value);
  body.if(eq(which, BASE.fs));
  setBase(s, SEGMENT.fs, value);
  body.else();
  body.if(eq(which, BASE.gs));
  setBase(s, SEGMENT.gs, value);
  body.else();
  s.setField(STATE.gates + GATES.otherBase, value, 8);
  noteChange(s, GATE_CHANGE.otherBase);
  body.end();
  body.end();
  body.end();
};

/** The kernel's call that sets or clears CR0.TS. How code is decoded hangs on that: the loop is to look. */
const emitTaskCall = (s: SystemEmitter): void => {
  const { body } = s;
  const control = s.pin(s.field(STATE.control));
  const isSet = s.pin(ne(s.field(register(REGISTER.rdi)), 0));
  const wanted = s.pin(or(and(control, ~CR0.ts), select(i32(CR0.ts), i32(0), isSet)));
  body.if(ne(wanted, control));
  s.setField(STATE.control, wanted);
  noteChange(s, GATE_CHANGE.taskSwitched);
  emitAnswer(s, i32(0));
  body.return(i32(ATTEND));
  body.end();
};

/** The calls of the kernel's that are answered at once. @returns what they are answered */
const emitSimpleCalls = (s: SystemEmitter, call: Value): Value => {
  const { body } = s;
  const answer = body.local(TYPE.i32);
  body.set(answer, i32(0));
  refuseWaitingEvent(s);
  const calls = [
    { number: STATE.gates + GATES.updateCall, emit: emitTableUpdate },
    { number: STATE.gates + GATES.flushCall, emit: emitFlush },
    { number: STATE.mapCall, emit: emitMappingCall },
    { number: STATE.listCall, emit: emitCallList },
    { number: STATE.gates + GATES.stackCall, emit: emitStackCall },
    { number: STATE.gates + GATES.baseCall, emit: emitBaseCall },
    { number: STATE.gates + GATES.taskCall, emit: emitTaskCall },
  ];
  for (const { number, emit } of calls) {
    body.if(eq(call, s.field(number)));
    emit(s);
    body.else();
  }
  s.refuseIf(ne(call, gate(s, GATES.answeredCall)));
  s.refuseIf(ne(s.field(register(REGISTER.rdi)), gate(s, GATES.answeredArgument)));
  body.set(answer, gate(s, GATES.answer));
  for (const _ of calls) body.end();
  return answer;
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
  refuseUnlessCanonical(s, target);
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
  body.set(codeSelector, code);
  body.set(codeAttributes, flatCodeOfUser(s, code));
  body.set(stackSelector, or(s.read(frame, RETURN_FRAME.ss, 2), 3));
  body.set(stackAttributes, flatStackOfUser(s, stackSelector));
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
  setSide(s, 0, enterSide(s, 0));
  body.end();
  charge(s, s.field(STATE.budget), GATES.callCost);
  body.return(i32(DONE));
};

/**
 * () -> done or refused: SYSCALL of 64-bit code under a monitor, by `TransitionGates`: a system call of the user's side, and of
 * the kernel's side the calls that return, that have one answer, that change nothing but the VCPU, that change entries of tables, and that flush.
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
  emitAnswer(s, emitSimpleCalls(s, call));
  body.push(i32(DONE));
});
