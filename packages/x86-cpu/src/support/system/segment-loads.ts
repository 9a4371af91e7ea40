import {
  add,
  and,
  i32,
  isZero,
  ltU,
  ne,
  or,
  select,
  shl,
  shrU,
  TYPE,
  type Value,
  widen,
} from "@xenolith/wasm-emitter";
import { CR0, EFER, FLAG, REGISTER, SEGMENT } from "@xenolith/x86-architecture";
import { MSR_SLOT, SEGMENT_BYTES, SEGMENT_FIELD, STATE } from "../../state/layout.ts";
import type { SupportFunction } from "../support-function.ts";
import { READ_DESCRIPTOR } from "./linear-access.ts";
import { DONE, HIGH, type SystemEmitter, systemFunction, UNUSUAL_FLAGS } from "./system-emitter.ts";

/** Bounds with first > last: nothing may be accessed. */
const FORBIDDEN = 1;

const NEEDED = HIGH.present | HIGH.codeOrData | HIGH.accessed;

/** Segments are loaded from descriptor tables, by 8-byte descriptors. */
const refuseOutsideProtectedMode = (s: SystemEmitter): void => {
  s.refuseIf(isZero(and(s.field(STATE.control), CR0.pe)));
  s.refuseIf(and(s.systemFlags, FLAG.vm));
  s.refuseIf(and(s.field(STATE.msr + 8 * MSR_SLOT.efer), EFER.lma));
};

/**
 * (index of DS, ES, FS or GS, selector) -> done or refused: `loadDataSegment` for a null selector and for data and readable
 * code, not conforming, that grows up and was accessed before. DS and ES must stay as flat as they are, so that the mode is
 * the same.
 */
export const LOAD_DATA_SEGMENT: SupportFunction = systemFunction(
  "loadDataSegment",
  [TYPE.i32, TYPE.i32],
  (s, parameters) => {
    const { body } = s;
    const [index, selector] = parameters as [Value, Value];
    const place = s.pin(shl(index, Math.log2(SEGMENT_BYTES)));
    const at = s.context.state + STATE.segments;
    refuseOutsideProtectedMode(s);
    const base = body.local(TYPE.i32);
    const limit = body.local(TYPE.i32);
    const attributes = body.local(TYPE.i32);
    const last = s.pin(i32(0));
    const first = s.pin(i32(FORBIDDEN));
    const writeLast = s.pin(i32(0));
    const writeFirst = s.pin(i32(FORBIDDEN));
    body.if(and(selector, 0xfffc));
    const [low, high] = s.callForTwo(READ_DESCRIPTOR, selector);
    s.refuseUnlessEqual(and(high, NEEDED), NEEDED);
    // Of code only what can be read and does not conform, of data only what grows up.
    s.refuseIf(and(high, HIGH.conformingOrDown));
    const isCode = s.pin(and(high, HIGH.code));
    const isReadableOrWritable = s.pin(and(shrU(high, 9), 1));
    s.refuseIf(and(ne(isCode, 0), isZero(isReadableOrWritable)));
    const privilege = s.pin(s.privilegeOf(high));
    s.refuseIf(or(ltU(privilege, and(selector, 3)), ltU(privilege, s.privilege)));
    body.set(attributes, s.attributesOf(high));
    body.set(base, or(or(shrU(low, 16), shl(and(high, 0xff), 16)), and(high, 0xff00_0000)));
    const raw = s.pin(or(and(low, 0xffff), and(high, HIGH.limit)));
    body.set(limit, select(or(shl(raw, 12), 0xfff), raw, and(high, HIGH.granular)));
    body.set(first, i32(0));
    body.set(last, limit);
    body.if(and(isZero(isCode), isReadableOrWritable));
    body.set(writeFirst, i32(0));
    body.set(writeLast, limit);
    body.end();
    body.end();
    const isFlat = and(isZero(base), isZero(writeFirst));
    const flatLast = s.pin(select(limit, i32(0), isFlat));
    const isWatched = ltU(index, SEGMENT.fs);
    s.refuseIf(and(isWatched, ne(flatLast, s.read(place, at + SEGMENT_FIELD.flatLast))));
    const store = (field: number, value: Value, bytes = 4): void =>
      body.store(bytes, place, value, at + field);
    store(SEGMENT_FIELD.selector, and(selector, 0xffff));
    store(SEGMENT_FIELD.attributes, attributes);
    store(SEGMENT_FIELD.base, widen(base, false), 8);
    store(SEGMENT_FIELD.limit, limit);
    store(SEGMENT_FIELD.readFirst, first);
    store(SEGMENT_FIELD.readLast, last);
    store(SEGMENT_FIELD.writeFirst, writeFirst);
    store(SEGMENT_FIELD.writeLast, writeLast);
    store(SEGMENT_FIELD.flatLast, flatLast);
    body.push(i32(DONE));
  },
);

/**
 * (selector, bytes to drop from the stack) -> done or refused: a load of SS from one flat 32-bit segment to another. It holds
 * interrupts off for the next instruction. Ends an instruction.
 */
export const LOAD_STACK_SEGMENT: SupportFunction = systemFunction(
  "loadStackSegment",
  [TYPE.i32, TYPE.i32],
  (s, parameters) => {
    const [selector, released] = parameters as [Value, Value];
    refuseOutsideProtectedMode(s);
    s.refuseIf(and(s.systemFlags, UNUSUAL_FLAGS));
    s.refuseUnlessFlatStack();
    s.refuseIf(isZero(and(selector, 0xfffc)));
    const [low, high] = s.callForTwo(READ_DESCRIPTOR, selector);
    s.refuseUnlessFlatData(low, high);
    const privilege = s.pin(s.privilege);
    s.refuseIf(ne(and(selector, 3), privilege));
    s.refuseIf(ne(s.privilegeOf(high), privilege));
    s.setStack(and(selector, 0xffff), s.attributesOf(high));
    const stackPointer = STATE.registers + 8 * REGISTER.rsp;
    s.setWide(stackPointer, add(s.field(stackPointer), released));
    s.beginShadow();
    s.body.push(i32(DONE));
  },
);

/** () -> done or refused: STI. Ends an instruction. */
export const SET_INTERRUPTS: SupportFunction = systemFunction("setInterrupts", [], (s) => {
  const { body } = s;
  const before = s.pin(s.systemFlags);
  s.refuseIf(and(before, FLAG.vm));
  s.refuseIf(s.above(s.privilege, and(shrU(before, 12), 3)));
  body.if(and(before, FLAG.if));
  body.return(i32(DONE));
  body.end();
  s.refuseIfInterrupted();
  s.setField(STATE.systemFlags, or(before, FLAG.if));
  s.beginShadow();
  body.push(i32(DONE));
});
