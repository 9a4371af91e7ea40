import { type PackedFault, SEGMENT, type SegmentState } from "@xenolith/x86-architecture";
import type { Instruction } from "../decoder/instruction.ts";
import { OUTCOME, type Outcome, type ProcessorCore } from "../engine/system-operations.ts";
import { allowsReturn, isForWideCode, lookUpCode, prepareCodeSegment } from "./code-segment.ts";
import { isNullSelector, nullSegment, selectorError } from "./descriptor.ts";
import { generalProtection } from "./faults.ts";
import { stackBytes } from "./instruction-flow.ts";
import { paragraphSegment, usesParagraphs } from "./real-mode.ts";
import { dropInnerDataSegments, prepareStackSegment } from "./segment-load.ts";
import {
  addressOf,
  allowsNullStack,
  loadPoppedPointer,
  peekStack,
  releaseStack,
  type StackBytes,
  type StackValue,
} from "./wide-stack.ts";

/** The checks of CS that RET and IRET share. Gives what CS will hold, or the fault. */
export const prepareReturn = (
  core: ProcessorCore,
  selector: number,
  offset: number,
): SegmentState | PackedFault => {
  const code = lookUpCode(core, selector);
  if (typeof code === "number") return code;
  if (!allowsReturn(code, core.state.privilege)) return generalProtection(selectorError(selector));
  return prepareCodeSegment(core, code, selector & 3, offset);
};

/** The stack that a return goes to. */
export interface ReturnStack {
  readonly segment: SegmentState;
  readonly pointer: StackValue;
}

/**
 * Reads the stack to return to at `position` bytes above the top of the present one, and checks it. A null selector may only
 * be loaded for 64-bit code inside ring 3.
 */
export const prepareReturnStack = (
  core: ProcessorCore,
  position: number,
  sizeBytes: StackBytes,
  privilege: number,
  code: SegmentState,
): ReturnStack | PackedFault => {
  const pointer = peekStack(core, position, sizeBytes);
  if (typeof pointer === "number") return pointer;
  const word = peekStack(core, position + sizeBytes, sizeBytes);
  if (typeof word === "number") return word;
  const selector = word.low & 0xffff;
  if (isNullSelector(selector) && allowsNullStack(selector, privilege, isForWideCode(core, code))) {
    return { segment: nullSegment(selector), pointer };
  }
  const segment = prepareStackSegment(core, selector, privilege);
  return typeof segment === "number" ? segment : { segment, pointer };
};

/** Changes code and stack, and drops data segments that the new privilege must not see. Nothing can fail any more. */
export const enterReturnStack = (
  core: ProcessorCore,
  code: SegmentState,
  stack: ReturnStack,
  released: number,
): void => {
  const { state } = core;
  const before = state.privilege;
  state.setSegment(SEGMENT.cs, code);
  state.setSegment(SEGMENT.ss, stack.segment);
  loadPoppedPointer(core, stack.pointer, released);
  if (state.privilege > before) dropInnerDataSegments(core);
};

/** RET far, to the same or an outer privilege, releasing bytes of parameters. [SDM2-4.3] [SDM3A-5.8.6] */
export const returnFar = (core: ProcessorCore, instruction: Instruction): Outcome => {
  const { state } = core;
  const sizeBytes = stackBytes(instruction);
  const operand = instruction.operands[0];
  const released = operand?.kind === "immediate" ? operand.value & 0xffff : 0;
  const target = peekStack(core, 0, sizeBytes);
  if (typeof target === "number") return target;
  const selectorWord = peekStack(core, sizeBytes, sizeBytes);
  if (typeof selectorWord === "number") return selectorWord;
  const offset = addressOf(target);
  const selector = selectorWord.low & 0xffff;
  const popped = 2 * sizeBytes;
  if (usesParagraphs(state)) {
    const segment = paragraphSegment(state, SEGMENT.cs, selector);
    if (offset > segment.limit) return generalProtection(0);
    releaseStack(core, popped + released);
    state.setSegment(SEGMENT.cs, segment);
    state.instructionPointer = offset;
    return OUTCOME.jumped;
  }
  const code = prepareReturn(core, selector, offset);
  if (typeof code === "number") return code;
  const privilege = selector & 3;
  if (privilege === state.privilege) {
    releaseStack(core, popped + released);
    state.setSegment(SEGMENT.cs, code);
  } else {
    const stack = prepareReturnStack(core, popped + released, sizeBytes, privilege, code);
    if (typeof stack === "number") return stack;
    enterReturnStack(core, code, stack, released);
  }
  state.instructionPointer = offset;
  return OUTCOME.jumped;
};
