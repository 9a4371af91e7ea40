import { SEGMENT } from "@xenolith/x86-architecture";
import type { Instruction } from "../decoder/instruction.ts";
import { OUTCOME, type Outcome, type ProcessorCore } from "../engine/system-operations.ts";
import { type CallGate, lookUpGateCode, readCallGate } from "./call-gate.ts";
import { allowsDirectTransfer, prepareCodeSegment } from "./code-segment.ts";
import { isCode, isConformingCode, isNullSelector, privilegeOf, selectorError } from "./descriptor.ts";
import { lookUpDescriptor } from "./descriptor-tables.ts";
import { generalProtection } from "./faults.ts";
import { farPointer, nextInstruction } from "./instruction-flow.ts";
import { paragraphSegment, usesParagraphs } from "./real-mode.ts";
import { hasTasks, isTaskDescriptor, lookUpTransferTask } from "./task-descriptor.ts";
import { transferToTask } from "./task-switch.ts";

/** JMP far, direct, through a call gate or to another task. Without a task the privilege never changes. [SDM2-3.2] */
export const jumpFar = (core: ProcessorCore, instruction: Instruction): Outcome => {
  const { state } = core;
  const pointer = farPointer(core, instruction, instruction.operands[0]);
  if (typeof pointer === "number") return pointer;
  const { selector, offset } = pointer;
  if (usesParagraphs(state)) {
    const segment = paragraphSegment(state, SEGMENT.cs, selector);
    if (offset > segment.limit) return generalProtection(0);
    state.setSegment(SEGMENT.cs, segment);
    state.instructionPointer = offset;
    return OUTCOME.jumped;
  }
  if (isNullSelector(selector)) return generalProtection(0);
  const descriptor = lookUpDescriptor(core, selector);
  if (typeof descriptor === "number") return descriptor;
  if (descriptor === null) return generalProtection(selectorError(selector));
  if (isCode(descriptor)) {
    if (!allowsDirectTransfer(descriptor, state.privilege)) return generalProtection(selectorError(selector));
    const segment = prepareCodeSegment(core, descriptor, state.privilege, offset);
    if (typeof segment === "number") return segment;
    state.setSegment(SEGMENT.cs, segment);
    state.instructionPointer = offset;
    return OUTCOME.jumped;
  }
  if (isTaskDescriptor(descriptor) && hasTasks(core)) {
    const task = lookUpTransferTask(core, descriptor);
    if (typeof task === "number") return task;
    return transferToTask(core, task, "jump", nextInstruction(core, instruction));
  }
  const gate = readCallGate(core, descriptor);
  return typeof gate === "number" ? gate : jumpThroughGate(core, gate);
};

const jumpThroughGate = (core: ProcessorCore, gate: CallGate): Outcome => {
  const { state } = core;
  const { selector, offset } = gate;
  const code = lookUpGateCode(core, gate);
  if (typeof code === "number") return code;
  const privilege = privilegeOf(code);
  const isAllowed = isConformingCode(code) ? privilege <= state.privilege : privilege === state.privilege;
  if (!isAllowed) return generalProtection(selectorError(selector));
  const segment = prepareCodeSegment(core, code, state.privilege, offset);
  if (typeof segment === "number") return segment;
  state.setSegment(SEGMENT.cs, segment);
  state.instructionPointer = offset;
  return OUTCOME.jumped;
};
