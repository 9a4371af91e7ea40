import { type PackedFault, REGISTER, SEGMENT, VECTOR } from "@xenolith/x86-architecture";
import type { Instruction } from "../decoder/instruction.ts";
import {
  accessFault,
  isAccessFault,
  OUTCOME,
  type Outcome,
  type ProcessorCore,
} from "../engine/system-operations.ts";
import { type CallGate, lookUpGateCode, readCallGate } from "./call-gate.ts";
import { valueOfAddress } from "./canonical.ts";
import { allowsDirectTransfer, prepareCodeSegment } from "./code-segment.ts";
import {
  type Descriptor,
  isCode,
  isConformingCode,
  isNullSelector,
  nullSegment,
  privilegeOf,
  selectorError,
} from "./descriptor.ts";
import { lookUpDescriptor } from "./descriptor-tables.ts";
import { generalProtection } from "./faults.ts";
import { farPointer, nextInstruction, stackBytes } from "./instruction-flow.ts";
import { paragraphSegment, usesParagraphs } from "./real-mode.ts";
import { prepareStackSegment } from "./segment-load.ts";
import { pushFrame, setStackPointer } from "./stack-frame.ts";
import { hasTasks, isTaskDescriptor, lookUpTransferTask } from "./task-descriptor.ts";
import { readInnerStack, readPrivilegeStack } from "./task-state.ts";
import { transferToTask } from "./task-switch.ts";
import { pushValues, pushWideFrame, type StackBytes } from "./wide-stack.ts";

/** CALL far, direct or through a call gate, to the same or a more privileged level, or to another task. [SDM2-3.2] [SDM3A-5.8] */
export const callFar = (core: ProcessorCore, instruction: Instruction): Outcome => {
  const { state } = core;
  const pointer = farPointer(core, instruction, instruction.operands[0]);
  if (typeof pointer === "number") return pointer;
  const { selector, offset } = pointer;
  const returnTo = nextInstruction(core, instruction);
  const sizeBytes = stackBytes(instruction);
  if (usesParagraphs(state)) return callParagraph(core, selector, offset, returnTo, sizeBytes);
  if (isNullSelector(selector)) return generalProtection(0);
  const descriptor = lookUpDescriptor(core, selector);
  if (typeof descriptor === "number") return descriptor;
  if (descriptor === null) return generalProtection(selectorError(selector));
  if (isCode(descriptor)) {
    if (!allowsDirectTransfer(descriptor, state.privilege)) return generalProtection(selectorError(selector));
    return callSamePrivilege(core, descriptor, offset, returnTo, sizeBytes);
  }
  if (isTaskDescriptor(descriptor) && hasTasks(core)) {
    const task = lookUpTransferTask(core, descriptor);
    return typeof task === "number" ? task : transferToTask(core, task, "call", returnTo);
  }
  const gate = readCallGate(core, descriptor);
  return typeof gate === "number" ? gate : callThroughGate(core, gate, returnTo);
};

/** Pushes the present code segment and the offset to return to. Returns 0 or the fault. */
const pushReturn = (core: ProcessorCore, returnTo: number, sizeBytes: StackBytes): PackedFault | 0 =>
  pushValues(core, [BigInt(core.state.selector(SEGMENT.cs)), valueOfAddress(returnTo)], sizeBytes);

const callParagraph = (
  core: ProcessorCore,
  selector: number,
  offset: number,
  returnTo: number,
  sizeBytes: StackBytes,
): Outcome => {
  const { state } = core;
  const segment = paragraphSegment(state, SEGMENT.cs, selector);
  if (offset > segment.limit) return generalProtection(0);
  const fault = pushReturn(core, returnTo, sizeBytes);
  if (fault !== 0) return fault;
  state.setSegment(SEGMENT.cs, segment);
  state.instructionPointer = offset;
  return OUTCOME.jumped;
};

const callSamePrivilege = (
  core: ProcessorCore,
  code: Descriptor,
  offset: number,
  returnTo: number,
  sizeBytes: StackBytes,
): Outcome => {
  const { state } = core;
  const segment = prepareCodeSegment(core, code, state.privilege, offset);
  if (typeof segment === "number") return segment;
  const fault = pushReturn(core, returnTo, sizeBytes);
  if (fault !== 0) return fault;
  state.setSegment(SEGMENT.cs, segment);
  state.instructionPointer = offset;
  return OUTCOME.jumped;
};

const callThroughGate = (core: ProcessorCore, gate: CallGate, returnTo: number): Outcome => {
  const { state } = core;
  const code = lookUpGateCode(core, gate);
  if (typeof code === "number") return code;
  const privilege = privilegeOf(code);
  if (privilege > state.privilege) return generalProtection(selectorError(gate.selector));
  if (isConformingCode(code) || privilege === state.privilege) {
    return gate.sizeBytes === 8
      ? callWide(core, gate, code, returnTo)
      : callSamePrivilege(core, code, gate.offset, returnTo, gate.sizeBytes);
  }
  return gate.sizeBytes === 8
    ? callWide(core, gate, code, returnTo)
    : callInnerPrivilege(core, gate, gate.sizeBytes, code, returnTo);
};

/** Changes to the stack that the TSS names, copies the parameters, and pushes the outer stack and the way back. */
const callInnerPrivilege = (
  core: ProcessorCore,
  gate: CallGate,
  sizeBytes: 2 | 4,
  code: Descriptor,
  returnTo: number,
): Outcome => {
  const { state } = core;
  const privilege = privilegeOf(code);
  const inner = readInnerStack(core, privilege);
  if (typeof inner === "number") return inner;
  const stackSegment = prepareStackSegment(core, inner.selector, privilege, VECTOR.invalidTss);
  if (typeof stackSegment === "number") return stackSegment;
  const parameters = readParameters(core, gate.parameters, sizeBytes);
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
  const stackPointer = pushFrame(core, stack, frame, sizeBytes);
  if (stackPointer < 0) return -stackPointer;
  state.setSegment(SEGMENT.cs, segment);
  state.setSegment(SEGMENT.ss, stackSegment);
  setStackPointer(core, stackPointer);
  state.instructionPointer = gate.offset;
  return OUTCOME.jumped;
};

/**
 * Through a gate of IA-32e mode: eight bytes each are pushed and no parameters copied. An inner privilege gets its stack
 * pointer from the TSS and a null stack segment. [SDM3A-5.8.5.1]
 */
const callWide = (core: ProcessorCore, gate: CallGate, code: Descriptor, returnTo: number): Outcome => {
  const { state } = core;
  const isSame = isConformingCode(code) || privilegeOf(code) === state.privilege;
  const privilege = isSame ? state.privilege : privilegeOf(code);
  const stack = isSame
    ? { pointer: state.addressRegister(REGISTER.rsp) }
    : readPrivilegeStack(core, privilege);
  if (typeof stack === "number") return stack;
  const segment = prepareCodeSegment(core, code, privilege, gate.offset);
  if (typeof segment === "number") return segment;
  const frame = [BigInt(state.selector(SEGMENT.cs)), valueOfAddress(returnTo)];
  if (!isSame) frame.unshift(BigInt(state.selector(SEGMENT.ss)), state.wideRegister(REGISTER.rsp));
  const { pointer } = stack;
  const access = privilege < 3 ? "supervisor" : "current";
  const fault = pushWideFrame(core, { pointer, access, errorCode: 0 }, frame, 8);
  if (fault !== 0) return fault;
  state.setSegment(SEGMENT.cs, segment);
  if (!isSame) state.setSegment(SEGMENT.ss, nullSegment(privilege));
  state.setAddressRegister(REGISTER.rsp, pointer - 8 * frame.length);
  state.instructionPointer = gate.offset;
  return OUTCOME.jumped;
};

/** The gate's parameters from the outer stack, the deepest first, as they are pushed again. */
const readParameters = (core: ProcessorCore, count: number, sizeBytes: 2 | 4): number[] | PackedFault => {
  const values: number[] = [];
  for (let position = count - 1; position >= 0; position--) {
    const value = core.operands.peek(position * sizeBytes, sizeBytes);
    if (isAccessFault(value)) return accessFault(value);
    values.push(value);
  }
  return values;
};
