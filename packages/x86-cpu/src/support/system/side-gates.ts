import {
  and,
  eq,
  i32,
  isZero,
  load,
  ne,
  or,
  select,
  shl,
  shrS,
  TYPE,
  type Value,
  widen,
} from "@xenolith/wasm-emitter";
import { FLAG, REGISTER, SEGMENT } from "@xenolith/x86-architecture";
import { ARITHMETIC_FLAGS } from "../../state/flags.ts";
import { GATES, STATE } from "../../state/layout.ts";
import type { SupportFunction } from "../support-function.ts";
import { FLAG_IMAGE, SET_ARITHMETIC_FLAGS } from "./flag-image.ts";
import { LOCATE_READ_WIDE, READ_DESCRIPTOR } from "./linear-access.ts";
import {
  CODE_64,
  emitKernelEntry,
  enterSide,
  eventsOf,
  gate,
  refuseEvents,
  refuseReserved,
  refuseUsedGs,
  register,
  STACK_64,
  setFlat,
  setMask,
  setSide,
  wideGate,
} from "./side-entry.ts";
import {
  DONE,
  refuseClosedGates,
  type SystemEmitter,
  systemFunction,
  UNUSUAL_FLAGS,
} from "./system-emitter.ts";

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
  setSide(s, 0, enterSide(s, 0));
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
