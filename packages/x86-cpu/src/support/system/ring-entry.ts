import { add, and, eq, i32, ltU, ne, or, select, shl, sub, type Value } from "@xenolith/wasm-emitter";
import { SEGMENT } from "@xenolith/x86-architecture";
import { CLEARED_BY_DELIVERY } from "../../state/flags.ts";
import { SEGMENT_FIELD, STATE } from "../../state/layout.ts";
import { FLAG_IMAGE } from "./flag-image.ts";
import { LOCATE_WRITE, READ_DESCRIPTOR } from "./linear-access.ts";
import { STACK_POINTER, type SystemEmitter } from "./system-emitter.ts";

/** [error code] EIP CS EFLAGS ESP SS: offsets without an error code, which moves all. The last two only from an outer ring. */
const FRAME = { eip: 0, cs: 4, eflags: 8, esp: 12, ss: 16, innerBytes: 12, outerBytes: 20 } as const;

/** How flat 32-bit code of an inner ring is entered under a monitor. Values that are used more than once have names. */
export interface RingEntry {
  /** 1 from ring 3, to another stack; 0 from the same ring; null: always from ring 3. */
  readonly fromOuter: Value | null;
  readonly codeSelector: Value;
  readonly target: Value;
  readonly stackSelector: Value;
  readonly stackPointer: Value;
  /** Not 0 in `isPresent`: the frame has an error code. */
  readonly error: { readonly isPresent: Value; readonly code: Value } | null;
  /** What else stands in the slot of CS, and EFLAGS as the frame shows them. */
  readonly shown: (flags: Value) => { readonly besideCode: Value | null; readonly flags: Value };
  /** Refuses more, when it is known where the frame is to lie: linear address, and host address. */
  readonly refuseFrame: ((bottom: Value, frame: Value) => void) | null;
}

/** A descriptor of the stack of an inner ring: its high word. */
const innerStackHigh = (s: SystemEmitter, selector: Value, privilege: Value): Value => {
  const [low, high] = s.callForTwo(READ_DESCRIPTOR, selector);
  s.refuseUnlessFlatData(low, high);
  s.refuseIf(or(ne(s.privilegeOf(high), privilege), ne(and(selector, 3), privilege)));
  return high;
};

/**
 * Pushes the frame and goes on at the target, or returns that it is refused; then nothing has changed. What the caller
 * appends cannot be refused any more. The caller has seen that code and stack are flat ones of 32 bits.
 */
export const emitRingEntry = (s: SystemEmitter, entry: RingEntry): void => {
  const { body } = s;
  const { fromOuter, error, codeSelector, stackSelector } = entry;
  const privilege = s.pin(and(codeSelector, 3));
  s.refuseIf(eq(privilege, 3));
  const [codeLow, codeHigh] = s.callForTwo(READ_DESCRIPTOR, codeSelector);
  s.refuseUnlessFlatCode(codeLow, codeHigh);
  s.refuseIf(ne(s.privilegeOf(codeHigh), privilege));
  const stackHigh = s.pin(i32(0));
  const top = s.pin(s.field(STACK_POINTER));
  const whenFromOuter = (emit: () => void): void => {
    if (fromOuter !== null) body.if(fromOuter);
    emit();
    if (fromOuter !== null) body.end();
  };
  whenFromOuter(() => {
    body.set(stackHigh, innerStackHigh(s, stackSelector, privilege));
    body.set(top, entry.stackPointer);
  });
  const wordBytes =
    fromOuter === null
      ? i32(FRAME.outerBytes)
      : select(i32(FRAME.outerBytes), i32(FRAME.innerBytes), fromOuter);
  const errorBytes = error === null ? i32(0) : s.pin(shl(error.isPresent, 2));
  const frameBytes = s.pin(add(wordBytes, errorBytes));
  s.refuseIf(ltU(top, frameBytes));
  const bottom = s.pin(sub(top, frameBytes));
  const frame = s.call(LOCATE_WRITE, bottom, frameBytes, s.tagFor(privilege));
  s.refuseIf(s.isNowhere(frame));
  entry.refuseFrame?.(bottom, frame);

  // Nothing can go wrong any more.
  const flags = s.call(FLAG_IMAGE);
  const shown = entry.shown(flags);
  const rest = error === null ? frame : s.pin(add(frame, errorBytes));
  if (error !== null) body.store(4, frame, error.code);
  const code = s.segment(SEGMENT.cs, SEGMENT_FIELD.selector);
  body.store(4, rest, s.field(STATE.instructionPointer), FRAME.eip);
  body.store(4, rest, shown.besideCode === null ? code : or(code, shown.besideCode), FRAME.cs);
  body.store(4, rest, shown.flags, FRAME.eflags);
  whenFromOuter(() => {
    body.store(4, rest, s.field(STACK_POINTER), FRAME.esp);
    body.store(4, rest, s.segment(SEGMENT.ss, SEGMENT_FIELD.selector), FRAME.ss);
    s.setStack(stackSelector, s.attributesOf(stackHigh));
  });
  s.setField(STATE.systemFlags, and(s.systemFlags, ~CLEARED_BY_DELIVERY));
  s.setCode(codeSelector, s.attributesOf(codeHigh), privilege);
  s.setWide(STACK_POINTER, bottom);
  s.setWide(STATE.instructionPointer, entry.target);
};
