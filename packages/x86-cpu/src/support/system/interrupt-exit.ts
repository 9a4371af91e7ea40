import {
  add,
  and,
  i32,
  isZero,
  ltU,
  ne,
  or,
  select,
  shrU,
  TYPE,
  type Value,
  xor,
} from "@xenolith/wasm-emitter";
import { ATTRIBUTE, FLAG, SEGMENT } from "@xenolith/x86-architecture";
import { ARITHMETIC_FLAGS } from "../../state/flags.ts";
import { SEGMENT_FIELD, STATE } from "../../state/layout.ts";
import type { SupportFunction } from "../support-function.ts";
import { SET_ARITHMETIC_FLAGS } from "./flag-image.ts";
import { LOCATE_READ, READ_DESCRIPTOR } from "./linear-access.ts";
import {
  DONE,
  refuseWhileHeld,
  STACK_POINTER,
  type SystemEmitter,
  systemFunction,
  UNUSUAL_FLAGS,
} from "./system-emitter.ts";

/** Flags that code of every privilege may change with IRET. */
export const FREE_FLAGS: number =
  FLAG.cf | FLAG.pf | FLAG.af | FLAG.zf | FLAG.sf | FLAG.tf | FLAG.df | FLAG.of | FLAG.nt | FLAG.ac | FLAG.id;

/** Flags that IRET takes from the stack at a privilege; see `returnableFlags`. */
const returnableFlags = (s: SystemEmitter, privilege: Value): Value => {
  const ioPrivilege = and(shrU(s.systemFlags, 12), 3);
  const interrupts = select(i32(0), i32(FLAG.if), s.above(privilege, ioPrivilege));
  const ofSupervisor = select(i32(0), i32(FLAG.iopl | FLAG.vif | FLAG.vip), privilege);
  return or(or(interrupts, ofSupervisor), FREE_FLAGS);
};

/** Refuses where a data segment would have to be dropped, because the outer privilege must not see it. */
const refuseInnerDataSegments = (s: SystemEmitter, privilege: Value): void => {
  for (const index of [SEGMENT.es, SEGMENT.ds, SEGMENT.fs, SEGMENT.gs]) {
    const attributes = s.pin(s.segment(index, SEGMENT_FIELD.attributes));
    const conforming = ATTRIBUTE.code | ATTRIBUTE.conforming;
    const mayGo = ne(and(attributes, conforming), conforming);
    const isInner = ltU(and(shrU(attributes, ATTRIBUTE.dplShift), 3), privilege);
    s.refuseIf(and(and(mayGo, isInner), ne(attributes, 0)));
  }
};

/** () -> done or refused: the usual case of IRET with 32-bit operands, to flat code of the same or an outer privilege. */
export const RETURN_FROM_INTERRUPT: SupportFunction = systemFunction("returnFromInterrupt", [], (s) => {
  const { body } = s;
  s.refuseUnlessUsual();
  refuseWhileHeld(s);
  const current = s.pin(s.privilege);
  const pointer = s.pin(s.field(STACK_POINTER));
  const presentTag = s.pin(s.field(STATE.spaceTag));
  const frame = s.call(LOCATE_READ, pointer, i32(12), presentTag);
  s.refuseIf(s.isNowhere(frame));
  const image = s.pin(s.read(frame, 8));
  s.refuseIf(and(image, UNUSUAL_FLAGS));
  const selector = s.pin(s.read(frame, 4, 2));
  const privilege = s.pin(and(selector, 3));
  s.refuseIf(isZero(and(selector, 0xfffc)));
  s.refuseIf(ltU(privilege, current));
  const [codeLow, codeHigh] = s.callForTwo(READ_DESCRIPTOR, selector);
  s.refuseUnlessFlatCode(codeLow, codeHigh);
  s.refuseIf(ne(s.privilegeOf(codeHigh), privilege));

  const isOuter = s.pin(ne(privilege, current));
  const outerSelector = body.local(TYPE.i32);
  const outerHigh = body.local(TYPE.i32);
  const newPointer = s.pin(add(pointer, 12));
  body.if(isOuter);
  const rest = s.call(LOCATE_READ, newPointer, i32(8), presentTag);
  s.refuseIf(s.isNowhere(rest));
  body.set(outerSelector, s.read(rest, 4, 2));
  body.set(newPointer, s.read(rest, 0));
  s.refuseIf(isZero(and(outerSelector, 0xfffc)));
  const [low, high] = s.callForTwo(READ_DESCRIPTOR, outerSelector);
  s.refuseUnlessFlatData(low, high);
  s.refuseIf(ne(and(outerSelector, 3), privilege));
  s.refuseIf(ne(s.privilegeOf(high), privilege));
  body.set(outerHigh, high);
  refuseInnerDataSegments(s, privilege);
  body.end();

  const before = s.pin(s.systemFlags);
  const changeable = s.pin(returnableFlags(s, current));
  const flags = s.pin(or(and(before, xor(changeable, -1)), and(image, changeable)));
  // An interrupt that waits is delivered as soon as it may be.
  body.if(and(and(flags, xor(before, -1)), FLAG.if));
  s.refuseIfInterrupted();
  body.end();

  // Nothing can go wrong any more.
  const target = s.pin(s.read(frame, 0));
  s.setField(STATE.systemFlags, or(and(flags, ~ARITHMETIC_FLAGS), FLAG.fixed));
  body.call(s.context.indexOf(SET_ARITHMETIC_FLAGS), image);
  s.setCode(selector, s.attributesOf(codeHigh), privilege);
  body.if(isOuter);
  s.setStack(outerSelector, s.attributesOf(outerHigh));
  body.end();
  s.setWide(STACK_POINTER, newPointer);
  s.setWide(STATE.instructionPointer, target);
  body.push(i32(DONE));
});
