import { type PackedFault, SEGMENT, type SegmentState } from "@xenolith/x86-architecture";
import type { Instruction } from "../decoder/instruction.ts";
import {
  accessFault,
  isAccessFault,
  OUTCOME,
  type Outcome,
  type ProcessorCore,
} from "../engine/system-operations.ts";
import { allowsReturn, lookUpCode, prepareCodeSegment } from "./code-segment.ts";
import { selectorError } from "./descriptor.ts";
import { generalProtection } from "./faults.ts";
import { wordOrDoubleword } from "./instruction-flow.ts";
import { paragraphSegment, usesParagraphs } from "./real-mode.ts";
import { dropInnerDataSegments, prepareStackSegment } from "./segment-load.ts";
import { setStackPointer } from "./stack-frame.ts";

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

/** The stack of the outer privilege a return goes to. */
export interface OuterStack {
  readonly segment: SegmentState;
  readonly pointer: number;
}

/** Reads the outer stack at `position` bytes above the top of the present one, and checks it. */
export const prepareOuterStack = (
  core: ProcessorCore,
  position: number,
  sizeBytes: 2 | 4,
  privilege: number,
): OuterStack | PackedFault => {
  const pointer = core.operands.peek(position, sizeBytes);
  if (isAccessFault(pointer)) return accessFault(pointer);
  const selector = core.operands.peek(position + sizeBytes, sizeBytes);
  if (isAccessFault(selector)) return accessFault(selector);
  const segment = prepareStackSegment(core, selector & 0xffff, privilege);
  return typeof segment === "number" ? segment : { segment, pointer };
};

/** Changes to the outer code and stack. Nothing can fail any more. */
export const enterOuterPrivilege = (
  core: ProcessorCore,
  code: SegmentState,
  stack: OuterStack,
  released: number,
): void => {
  core.state.setSegment(SEGMENT.cs, code);
  core.state.setSegment(SEGMENT.ss, stack.segment);
  setStackPointer(core, stack.pointer + released);
  dropInnerDataSegments(core);
};

/** RET far, to the same or an outer privilege, releasing bytes of parameters. [SDM2-4.3] [SDM3A-5.8.6] */
export const returnFar = (core: ProcessorCore, instruction: Instruction): Outcome => {
  const { state, operands } = core;
  const sizeBytes = wordOrDoubleword(instruction.operandBytes);
  const operand = instruction.operands[0];
  const released = operand?.kind === "immediate" ? operand.value & 0xffff : 0;
  const offset = operands.peek(0, sizeBytes);
  if (isAccessFault(offset)) return accessFault(offset);
  const selectorWord = operands.peek(sizeBytes, sizeBytes);
  if (isAccessFault(selectorWord)) return accessFault(selectorWord);
  const selector = selectorWord & 0xffff;
  const popped = 2 * sizeBytes;
  if (usesParagraphs(state)) {
    const segment = paragraphSegment(state, SEGMENT.cs, selector);
    if (offset > segment.limit) return generalProtection(0);
    operands.adjustStack(popped + released);
    state.setSegment(SEGMENT.cs, segment);
    state.instructionPointer = offset;
    return OUTCOME.jumped;
  }
  const code = prepareReturn(core, selector, offset);
  if (typeof code === "number") return code;
  const privilege = selector & 3;
  if (privilege === state.privilege) {
    operands.adjustStack(popped + released);
    state.setSegment(SEGMENT.cs, code);
  } else {
    const stack = prepareOuterStack(core, popped + released, sizeBytes, privilege);
    if (typeof stack === "number") return stack;
    enterOuterPrivilege(core, code, stack, released);
  }
  state.instructionPointer = offset;
  return OUTCOME.jumped;
};
