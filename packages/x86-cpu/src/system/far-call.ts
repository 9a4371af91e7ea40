import { type PackedFault, SEGMENT, VECTOR } from "@xenolith/x86-architecture";
import type { Instruction } from "../decoder/instruction.ts";
import {
  accessFault,
  isAccessFault,
  OUTCOME,
  type Outcome,
  type ProcessorCore,
} from "../engine/system-operations.ts";
import { type CallGate, readCallGate } from "./call-gate.ts";
import { allowsDirectTransfer, lookUpCode, prepareCodeSegment } from "./code-segment.ts";
import {
  type Descriptor,
  isCode,
  isConformingCode,
  isNullSelector,
  privilegeOf,
  selectorError,
} from "./descriptor.ts";
import { lookUpDescriptor } from "./descriptor-tables.ts";
import { generalProtection } from "./faults.ts";
import { farPointer, nextInstruction, wordOrDoubleword } from "./instruction-flow.ts";
import { paragraphSegment, usesParagraphs } from "./real-mode.ts";
import { prepareStackSegment } from "./segment-load.ts";
import { presentStack, pushFrame, setStackPointer } from "./stack-frame.ts";
import { readInnerStack } from "./task-state.ts";

/** CALL far, direct or through a call gate, to the same or a more privileged level. [SDM2-3.2] [SDM3A-5.8] */
export const callFar = (core: ProcessorCore, instruction: Instruction): Outcome => {
  const { state } = core;
  const pointer = farPointer(core, instruction, instruction.operands[0]);
  if (typeof pointer === "number") return pointer;
  const { selector, offset } = pointer;
  const returnTo = nextInstruction(core, instruction);
  const sizeBytes = wordOrDoubleword(instruction.operandBytes);
  if (usesParagraphs(state)) return callParagraph(core, selector, offset, returnTo, sizeBytes);
  if (isNullSelector(selector)) return generalProtection(0);
  const descriptor = lookUpDescriptor(core, selector);
  if (typeof descriptor === "number") return descriptor;
  if (descriptor === null) return generalProtection(selectorError(selector));
  if (isCode(descriptor)) {
    if (!allowsDirectTransfer(descriptor, state.privilege)) return generalProtection(selectorError(selector));
    return callSamePrivilege(core, descriptor, offset, returnTo, sizeBytes);
  }
  const gate = readCallGate(core, descriptor);
  return typeof gate === "number" ? gate : callThroughGate(core, gate, returnTo);
};

const callParagraph = (
  core: ProcessorCore,
  selector: number,
  offset: number,
  returnTo: number,
  sizeBytes: 2 | 4,
): Outcome => {
  const { state } = core;
  const segment = paragraphSegment(state, SEGMENT.cs, selector);
  if (offset > segment.limit) return generalProtection(0);
  const stackPointer = pushFrame(core, presentStack(core), [state.selector(SEGMENT.cs), returnTo], sizeBytes);
  if (stackPointer < 0) return -stackPointer;
  setStackPointer(core, stackPointer);
  state.setSegment(SEGMENT.cs, segment);
  state.instructionPointer = offset;
  return OUTCOME.jumped;
};

const callSamePrivilege = (
  core: ProcessorCore,
  code: Descriptor,
  offset: number,
  returnTo: number,
  sizeBytes: 2 | 4,
): Outcome => {
  const { state } = core;
  const segment = prepareCodeSegment(core, code, state.privilege, offset);
  if (typeof segment === "number") return segment;
  const stackPointer = pushFrame(core, presentStack(core), [state.selector(SEGMENT.cs), returnTo], sizeBytes);
  if (stackPointer < 0) return -stackPointer;
  setStackPointer(core, stackPointer);
  state.setSegment(SEGMENT.cs, segment);
  state.instructionPointer = offset;
  return OUTCOME.jumped;
};

const callThroughGate = (core: ProcessorCore, gate: CallGate, returnTo: number): Outcome => {
  const { state } = core;
  const code = lookUpCode(core, gate.selector);
  if (typeof code === "number") return code;
  const privilege = privilegeOf(code);
  if (privilege > state.privilege) return generalProtection(selectorError(gate.selector));
  if (isConformingCode(code) || privilege === state.privilege) {
    return callSamePrivilege(core, code, gate.offset, returnTo, gate.sizeBytes);
  }
  return callInnerPrivilege(core, gate, code, returnTo);
};

/** Changes to the stack that the TSS names, copies the parameters, and pushes the outer stack and the way back. */
const callInnerPrivilege = (
  core: ProcessorCore,
  gate: CallGate,
  code: Descriptor,
  returnTo: number,
): Outcome => {
  const { state } = core;
  const privilege = privilegeOf(code);
  const inner = readInnerStack(core, privilege);
  if (typeof inner === "number") return inner;
  const stackSegment = prepareStackSegment(core, inner.selector, privilege, VECTOR.invalidTss);
  if (typeof stackSegment === "number") return stackSegment;
  const parameters = readParameters(core, gate);
  if (typeof parameters === "number") return parameters;
  const segment = prepareCodeSegment(core, code, privilege, gate.offset);
  if (typeof segment === "number") return segment;
  const stack = {
    segment: stackSegment,
    pointer: inner.pointer,
    privilege,
    errorCode: selectorError(inner.selector),
  };
  const frame = [
    state.selector(SEGMENT.ss),
    state.register(4),
    ...parameters,
    state.selector(SEGMENT.cs),
    returnTo,
  ];
  const stackPointer = pushFrame(core, stack, frame, gate.sizeBytes);
  if (stackPointer < 0) return -stackPointer;
  state.setSegment(SEGMENT.cs, segment);
  state.setSegment(SEGMENT.ss, stackSegment);
  setStackPointer(core, stackPointer);
  state.instructionPointer = gate.offset;
  return OUTCOME.jumped;
};

/** The gate's parameters from the outer stack, the deepest first, as they are pushed again. */
const readParameters = (core: ProcessorCore, gate: CallGate): number[] | PackedFault => {
  const values: number[] = [];
  for (let position = gate.parameters - 1; position >= 0; position--) {
    const value = core.operands.peek(position * gate.sizeBytes, gate.sizeBytes);
    if (isAccessFault(value)) return accessFault(value);
    values.push(value);
  }
  return values;
};
