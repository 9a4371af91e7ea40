import { and, i32, load, or, TYPE, type Value, xor } from "@xenolith/wasm-emitter";
import { FLAG, SEGMENT } from "@xenolith/x86-architecture";
import { ARITHMETIC_FLAGS } from "../../state/flags.ts";
import { STATE } from "../../state/layout.ts";
import type { SupportFunction } from "../support-function.ts";
import { SET_ARITHMETIC_FLAGS } from "./flag-image.ts";
import { FREE_FLAGS } from "./interrupt-exit.ts";
import { LOCATE_READ_WIDE } from "./linear-access.ts";
import { flatCodeOfUser, flatStackOfUser, refuseUnlessCanonical, setFlat } from "./side-entry.ts";
import { DONE, refuseWhileHeld, STACK_POINTER, systemFunction, UNUSUAL_FLAGS } from "./system-emitter.ts";

/** rip cs rflags rsp ss */
const FRAME = { rip: 0, cs: 8, rflags: 16, rsp: 24, ss: 32, sizeBytes: 40 } as const;

/** The ring that kernel and user code run in. */
const USER_RING = 3;

/**
 * () -> done or refused: the usual case of IRET with 64-bit operands in ring 3, to flat 64-bit code of ring 3. A kernel that
 * runs there does it to be sure that code it has patched is fetched anew.
 */
export const RETURN_FROM_INTERRUPT_WIDE: SupportFunction = systemFunction(
  "returnFromInterruptWide",
  [],
  (s) => {
    const { body } = s;
    s.refuseUnlessEqual(s.privilege, USER_RING);
    const before = s.pin(s.systemFlags);
    // With I/O privilege IF may change.
    s.refuseIf(and(before, UNUSUAL_FLAGS | FLAG.iopl));
    refuseWhileHeld(s);
    const pointer = s.pin(s.wideField(STACK_POINTER));
    const tag = s.pin(s.field(STATE.spaceTag));
    const frame = s.call(LOCATE_READ_WIDE, pointer, i32(FRAME.sizeBytes), tag);
    s.refuseIf(s.isNowhere(frame));
    const wide = (offset: number): Value => load(TYPE.i64, 8, false, frame, offset);
    const image = s.pin(s.read(frame, FRAME.rflags));
    s.refuseIf(and(image, UNUSUAL_FLAGS));
    const target = s.pin(wide(FRAME.rip));
    refuseUnlessCanonical(s, target);
    const selectorOf = (offset: number): Value => {
      const selector = s.pin(s.read(frame, offset, 2));
      s.refuseUnlessEqual(and(selector, 3), USER_RING);
      return selector;
    };
    const code = selectorOf(FRAME.cs);
    const codeAttributes = s.pin(flatCodeOfUser(s, code));
    const stack = selectorOf(FRAME.ss);
    const stackAttributes = s.pin(flatStackOfUser(s, stack));

    // Nothing can go wrong any more.
    const flags = or(and(before, xor(i32(FREE_FLAGS), -1)), and(image, FREE_FLAGS));
    s.setField(STATE.systemFlags, or(and(flags, ~ARITHMETIC_FLAGS), FLAG.fixed));
    body.call(s.context.indexOf(SET_ARITHMETIC_FLAGS), image);
    s.setField(STACK_POINTER, wide(FRAME.rsp), 8);
    s.setField(STATE.instructionPointer, target, 8);
    setFlat(s, SEGMENT.cs, code, codeAttributes);
    setFlat(s, SEGMENT.ss, stack, stackAttributes);
    body.push(i32(DONE));
  },
);
