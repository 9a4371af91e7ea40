import {
  add,
  and,
  eq,
  i32,
  isZero,
  ltS,
  ltU,
  or,
  select,
  shl,
  shrU,
  sub,
  TYPE,
  type Value,
} from "@xenolith/wasm-emitter";
import { ATTRIBUTE, FLAG, SEGMENT, SYSTEM_TYPE, TSS32 } from "@xenolith/x86-architecture";
import { CLEARED_BY_DELIVERY } from "../../state/flags.ts";
import { SEGMENT_FIELD, STATE, TABLE_FIELD } from "../../state/layout.ts";
import type { SupportFunction } from "../support-function.ts";
import { FLAG_IMAGE } from "./flag-image.ts";
import { LOCATE_READ, LOCATE_WRITE, READ_DESCRIPTOR } from "./linear-access.ts";
import { DONE, HIGH, STACK_POINTER, type SystemEmitter, systemFunction } from "./system-emitter.ts";

/** High word of a present 32-bit interrupt or trap gate, but for DPL and what says which. [SDM3A-6.11] */
const GATE_MASK = HIGH.present | HIGH.codeOrData | 0xe00;
const GATE = HIGH.present | 0xe00;
const TRAP = 0x100;

/** SS:ESP of an inner privilege out of a 32-bit TSS, checked: selector, high word of its descriptor, pointer. */
const emitInnerStack = (
  s: SystemEmitter,
  privilege: Value,
  stack: { readonly selector: Value; readonly high: Value; readonly pointer: Value },
): void => {
  const { body } = s;
  const attributes = s.segment(SEGMENT.tr, SEGMENT_FIELD.attributes);
  s.refuseUnlessEqual(and(attributes, ATTRIBUTE.typeMask & ~2), SYSTEM_TYPE.tss);
  const offset = s.pin(add(shl(privilege, 3), TSS32.esp0));
  s.refuseIf(s.beyond(offset, 5, s.segment(SEGMENT.tr, SEGMENT_FIELD.limit)));
  const base = s.segment(SEGMENT.tr, SEGMENT_FIELD.base);
  const host = s.call(LOCATE_READ, add(base, offset), i32(6), s.supervisorTag);
  s.refuseIf(s.isNowhere(host));
  body.set(stack.pointer, s.read(host, 0));
  body.set(stack.selector, s.read(host, 4, 2));
  s.refuseIf(isZero(and(stack.selector, 0xfffc)));
  const [low, high] = s.callForTwo(READ_DESCRIPTOR, stack.selector);
  s.refuseUnlessFlatData(low, high);
  s.refuseIf(isZero(eq(and(stack.selector, 3), privilege)));
  s.refuseIf(isZero(eq(s.privilegeOf(high), privilege)));
  body.set(stack.high, high);
};

/**
 * (vector, error code or -1, flags to add to those pushed, whether the gate's privilege is checked) -> done or refused: the
 * usual case of `deliverThroughIdt`, through a 32-bit gate to flat code of the same or an inner privilege. The instruction
 * pointer of the state block is what is pushed.
 */
export const ENTER_INTERRUPT: SupportFunction = systemFunction(
  "enterInterrupt",
  [TYPE.i32, TYPE.i32, TYPE.i32, TYPE.i32],
  (s, parameters) => {
    const { body } = s;
    const [vector, errorCode, addedFlags, isChecked] = parameters as [Value, Value, Value, Value];
    s.refuseUnlessUsual();
    const current = s.pin(s.privilege);
    const gateOffset = s.pin(shl(vector, 3));
    s.refuseIf(s.beyond(gateOffset, 7, s.field(STATE.idtr + TABLE_FIELD.limit)));
    const gateAddress = add(s.field(STATE.idtr + TABLE_FIELD.base), gateOffset);
    const gate = s.call(LOCATE_READ, gateAddress, i32(8), s.supervisorTag);
    s.refuseIf(s.isNowhere(gate));
    const gateLow = s.pin(s.read(gate, 0));
    const gateHigh = s.pin(s.read(gate, 4));
    s.refuseUnlessEqual(and(gateHigh, GATE_MASK), GATE);
    s.refuseIf(and(isChecked, ltU(s.privilegeOf(gateHigh), current)));

    const selector = s.pin(shrU(gateLow, 16));
    s.refuseIf(isZero(and(selector, 0xfffc)));
    const [codeLow, codeHigh] = s.callForTwo(READ_DESCRIPTOR, selector);
    s.refuseUnlessFlatCode(codeLow, codeHigh);
    const privilege = s.pin(s.privilegeOf(codeHigh));
    s.refuseIf(s.above(privilege, current));

    const isInner = s.pin(ltU(privilege, current));
    const stack = {
      selector: body.local(TYPE.i32),
      high: body.local(TYPE.i32),
      pointer: body.local(TYPE.i32),
    };
    body.set(stack.pointer, s.field(STACK_POINTER));
    body.if(isInner);
    emitInnerStack(s, privilege, stack);
    body.end();

    const hasErrorCode = s.pin(isZero(ltS(errorCode, 0)));
    const bytes = s.pin(add(select(i32(20), i32(12), isInner), shl(hasErrorCode, 2)));
    s.refuseIf(ltU(stack.pointer, bytes));
    const bottom = s.pin(sub(stack.pointer, bytes));
    const frame = s.call(LOCATE_WRITE, bottom, bytes, s.tagFor(privilege));
    s.refuseIf(s.isNowhere(frame));

    // Nothing can go wrong any more.
    const flags = s.call(FLAG_IMAGE);
    const at = s.pin(frame);
    body.if(hasErrorCode);
    body.store(4, at, errorCode);
    body.set(at, add(at, 4));
    body.end();
    body.store(4, at, s.field(STATE.instructionPointer));
    body.store(4, at, s.segment(SEGMENT.cs, SEGMENT_FIELD.selector), 4);
    body.store(4, at, or(flags, addedFlags), 8);
    body.if(isInner);
    body.store(4, at, s.field(STACK_POINTER), 12);
    body.store(4, at, s.segment(SEGMENT.ss, SEGMENT_FIELD.selector), 16);
    s.setStack(stack.selector, s.attributesOf(stack.high));
    body.end();
    const masked = select(
      i32(~CLEARED_BY_DELIVERY),
      i32(~(CLEARED_BY_DELIVERY | FLAG.if)),
      and(gateHigh, TRAP),
    );
    s.setField(STATE.systemFlags, and(s.systemFlags, masked));
    s.setCode(or(and(selector, 0xfffc), privilege), s.attributesOf(codeHigh), privilege);
    s.setWide(STACK_POINTER, bottom);
    s.setWide(STATE.instructionPointer, or(and(gateHigh, -0x1_0000), and(gateLow, 0xffff)));
    body.push(i32(DONE));
  },
);
