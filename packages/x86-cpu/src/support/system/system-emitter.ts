import {
  add,
  and,
  compare,
  eq,
  type FunctionBody,
  i32,
  i64,
  load,
  ne,
  or,
  select,
  shrU,
  TYPE,
  type Value,
  type ValueType,
  widen,
} from "@xenolith/wasm-emitter";
import { ATTRIBUTE, CR0, EFER, FLAG, REGISTER, SEGMENT, type SegmentIndex } from "@xenolith/x86-architecture";
import { GATES, MSR_SLOT, SEGMENT_BYTES, SEGMENT_FIELD, STATE } from "../../state/layout.ts";
import type { SupportContext, SupportFunction } from "../support-function.ts";

/** Answer of a function that does a system instruction: it has done all of it. */
export const DONE = 0;
/**
 * Nothing has changed, and TypeScript's operation of the same mnemonic is to do it: that one is the reference, with all the
 * cases and faults that are not the usual ones.
 */
export const REFUSED = 1;
/** As done, and control goes back to TypeScript's loop: see `Machine.system`. */
export const ATTEND = 2;

/** No host address: see `LOCATE_READ`. */
export const NOWHERE = -1;

/** Offset in the block of the stack pointer. */
export const STACK_POINTER: number = STATE.registers + 8 * REGISTER.rsp;

/** Flags with which nothing is usual: single steps, nested tasks, virtual-8086 mode, alignment checks. */
export const UNUSUAL_FLAGS: number = FLAG.tf | FLAG.nt | FLAG.vm | FLAG.ac;

/** Bounds of a segment as one i64, first offset in the low word, last in the high one; see `SEGMENT_FIELD`. */
const WHOLE_BOUNDS = i64(-0x1_0000_0000);
const NO_BOUNDS = i64(1);

/** Bits of the high word of a descriptor. [SDM3A-3.4.5] */
export const HIGH = {
  accessed: 0x100,
  writableOrReadable: 0x200,
  conformingOrDown: 0x400,
  code: 0x800,
  codeOrData: 0x1000,
  present: 0x8000,
  limit: 0xf_0000,
  long: 0x20_0000,
  big: 0x40_0000,
  granular: 0x80_0000,
  base: 0xff00_00ff,
} as const;

const FLAT_LOW = 0xffff;
const FLAT = HIGH.limit | HIGH.big | HIGH.granular | HIGH.present | HIGH.codeOrData | HIGH.accessed;
const FLAT_MASK = FLAT | HIGH.base | HIGH.long | HIGH.code | HIGH.conformingOrDown;

/** Emits functions that do system instructions in 32-bit protected mode with flat segments. */
export class SystemEmitter {
  readonly body: FunctionBody;
  readonly context: SupportContext;
  readonly #state: Value;

  constructor(body: FunctionBody, context: SupportContext) {
    this.body = body;
    this.context = context;
    this.#state = i32(context.state);
  }

  /** Names a value. */
  pin(value: Value): Value {
    const name = this.body.local(value.type);
    this.body.set(name, value);
    return name;
  }

  // State block

  /** A word of the state block. */
  field(offset: number): Value {
    return load(TYPE.i32, 4, false, this.#state, offset);
  }

  setField(offset: number, value: Value, bytes = 4): void {
    this.body.store(bytes, this.#state, value, offset);
  }

  /** A field of 64 bits. */
  wideField(offset: number): Value {
    return load(TYPE.i64, 8, false, this.#state, offset);
  }

  /** Stores a word, zero-extended to 64 bits: a register, or an offset in CS. */
  setWide(offset: number, value: Value): void {
    this.setField(offset, widen(value, false), 8);
  }

  segment(index: SegmentIndex, field: number): Value {
    return this.field(STATE.segments + SEGMENT_BYTES * index + field);
  }

  setSegmentField(index: SegmentIndex, field: number, value: Value, bytes = 4): void {
    this.setField(STATE.segments + SEGMENT_BYTES * index + field, value, bytes);
  }

  get privilege(): Value {
    return this.field(STATE.privilege);
  }

  get systemFlags(): Value {
    return this.field(STATE.systemFlags);
  }

  // Control

  /** Leaves it to TypeScript. */
  refuseIf(condition: Value): void {
    this.body.if(condition);
    this.body.return(i32(REFUSED));
    this.body.end();
  }

  refuseUnlessEqual(value: Value, expected: number): void {
    this.refuseIf(ne(value, expected));
  }

  /** Calls a function of one result and names it. */
  call(support: SupportFunction, ...values: readonly Value[]): Value {
    this.body.call(this.context.indexOf(support), ...values);
    const result = this.body.local(support.results[0] ?? TYPE.i32);
    this.body.set(result);
    return result;
  }

  /** Calls a function of two results and names them. */
  callForTwo(support: SupportFunction, ...values: readonly Value[]): readonly [Value, Value] {
    this.body.call(this.context.indexOf(support), ...values);
    const first = this.body.local(support.results[0] ?? TYPE.i32);
    const second = this.body.local(support.results[1] ?? TYPE.i32);
    this.body.set(second);
    this.body.set(first);
    return [first, second];
  }

  // What must be so before anything

  /** Refuses outside 32-bit protected mode with flat code and a flat stack, and where flags are unusual. */
  refuseUnlessUsual(): void {
    this.refuseUnlessEqual(and(this.field(STATE.control), CR0.pe), CR0.pe);
    this.refuseIf(and(this.field(STATE.msr + 8 * MSR_SLOT.efer), EFER.lma));
    this.refuseIf(and(this.systemFlags, UNUSUAL_FLAGS));
    const sizes = and(this.segment(SEGMENT.cs, SEGMENT_FIELD.attributes), ATTRIBUTE.big | ATTRIBUTE.long);
    this.refuseUnlessEqual(sizes, ATTRIBUTE.big);
    this.refuseIf(this.field(STATE.codeBase));
    this.refuseUnlessEqual(this.segment(SEGMENT.cs, SEGMENT_FIELD.limit), -1);
    this.refuseUnlessFlatStack();
  }

  refuseUnlessFlatStack(): void {
    const last = this.segment(SEGMENT.ss, SEGMENT_FIELD.flatLast);
    this.refuseUnlessEqual(and(last, this.field(STATE.stackMask)), -1);
  }

  /** Refuses while an interrupt waits that could be taken if IF were set. */
  refuseIfInterrupted(): void {
    this.body.call(this.context.interruptRequested);
    this.body.if();
    this.body.return(i32(REFUSED));
    this.body.end();
  }

  /** Holds interrupts off for the next instruction, unless they were held off for this one. */
  beginShadow(): void {
    const budget = this.field(STATE.budget);
    this.body.if(ne(this.field(STATE.shadowMark), add(budget, 1)));
    this.setField(STATE.shadowMark, budget);
    this.body.end();
  }

  // Descriptors

  /** Refuses what is not a flat 32-bit code segment, present, not conforming, and accessed already. */
  refuseUnlessFlatCode(low: Value, high: Value): void {
    this.refuseUnlessEqual(low, FLAT_LOW);
    this.refuseUnlessEqual(and(high, FLAT_MASK), FLAT | HIGH.code);
  }

  /** Refuses what is not a flat 64-bit code segment, present, not conforming, and accessed already. */
  refuseUnlessFlatCode64(low: Value, high: Value): void {
    this.refuseUnlessEqual(low, FLAT_LOW);
    this.refuseUnlessEqual(and(high, FLAT_MASK | HIGH.big), (FLAT & ~HIGH.big) | HIGH.code | HIGH.long);
  }

  /** Refuses what is not a flat 32-bit data segment that grows up, present, writable, and accessed already. */
  refuseUnlessFlatData(low: Value, high: Value): void {
    this.refuseUnlessEqual(low, FLAT_LOW);
    const mask = FLAT_MASK | HIGH.writableOrReadable;
    this.refuseUnlessEqual(and(high, mask), FLAT | HIGH.writableOrReadable);
  }

  privilegeOf(high: Value): Value {
    return and(shrU(high, 13), 3);
  }

  /** Attributes as a segment register has them. */
  attributesOf(high: Value): Value {
    return and(shrU(high, 8), 0xf0ff);
  }

  /** Puts a flat code segment into CS, and the privilege and space tag that go with it. */
  setCode(selector: Value, attributes: Value, privilege: Value): void {
    const { cs } = SEGMENT;
    const isReadable = and(attributes, ATTRIBUTE.readable);
    this.setSegmentField(cs, SEGMENT_FIELD.selector, selector);
    this.setSegmentField(cs, SEGMENT_FIELD.attributes, attributes);
    this.setSegmentField(cs, SEGMENT_FIELD.readFirst, select(WHOLE_BOUNDS, NO_BOUNDS, isReadable), 8);
    this.setSegmentField(cs, SEGMENT_FIELD.writeFirst, NO_BOUNDS, 8);
    this.setSegmentField(cs, SEGMENT_FIELD.flatLast, i32(0));
    this.setField(STATE.privilege, privilege);
    this.setField(STATE.spaceTag, this.tagFor(privilege));
  }

  /** Puts a flat data segment into SS in place of another one. */
  setStack(selector: Value, attributes: Value): void {
    this.setSegmentField(SEGMENT.ss, SEGMENT_FIELD.selector, selector);
    this.setSegmentField(SEGMENT.ss, SEGMENT_FIELD.attributes, attributes);
  }

  /** Space tag of accesses at a privilege. */
  tagFor(privilege: Value): Value {
    return or(and(this.field(STATE.spaceTag), ~1), eq(privilege, 3));
  }

  get supervisorTag(): Value {
    return and(this.field(STATE.spaceTag), ~1);
  }

  // Memory

  read(host: Value, offset: number, bytes = 4): Value {
    return load(TYPE.i32, bytes, false, host, offset);
  }

  isNowhere(host: Value): Value {
    return eq(host, NOWHERE);
  }

  /** Whether `a` is above `b`, both unsigned. */
  above(a: Value, b: Value | number): Value {
    return compare("gtU", a, b);
  }

  /** Whether the bytes from `offset` to `offset + last` go beyond a limit. */
  beyond(offset: Value, last: number, limit: Value): Value {
    return this.above(add(offset, last), limit);
  }
}

/** Enabled breakpoints of DR7. */
const BREAKPOINTS = 0xff;

/** Refuses while an event is held back, and while breakpoints are enabled: then RF has a meaning. */
export const refuseWhileHeld = (s: SystemEmitter): void =>
  s.refuseIf(or(s.field(STATE.pending), and(s.field(STATE.debug + 8 * 7), BREAKPOINTS)));

/** Refuses a transition gate of a monitor while none is to be taken, while flags are unusual, and while somebody looks on. */
export const refuseClosedGates = (s: SystemEmitter): void => {
  s.refuseIf(eq(s.field(STATE.gates + GATES.isOpen), 0));
  s.refuseIf(and(s.systemFlags, UNUSUAL_FLAGS));
  s.refuseIf(s.field(STATE.isObserved));
  refuseWhileHeld(s);
};

/** Makes a function that does a system instruction out of its body. */
export const systemFunction = (
  name: string,
  parameters: readonly ValueType[],
  emit: (emitter: SystemEmitter, parameters: readonly Value[]) => void,
): SupportFunction => ({
  name,
  parameters,
  results: [TYPE.i32],
  emit: (body, context) =>
    emit(
      new SystemEmitter(body, context),
      parameters.map((_, position) => body.parameter(position)),
    ),
});
