import { type PackedFault, REGISTER, SEGMENT, type SegmentIndex } from "@xenolith/x86-architecture";
import type { Instruction } from "../decoder/instruction.ts";
import {
  accessFault,
  isAccessFault,
  OUTCOME,
  type Outcome,
  type ProcessorCore,
  type SystemOperation,
} from "../engine/system-operations.ts";
import { invalidOpcode } from "./faults.ts";
import { farPointer, stackBytes, wordOrDoubleword } from "./instruction-flow.ts";
import { loadSegmentRegister } from "./segment-load.ts";
import { peekStack, pushValues, releaseStack } from "./wide-stack.ts";

/** Segment register that an operand names, ES to GS; -1 for encodings 6 and 7. */
const segmentOperand = (instruction: Instruction, which: number): SegmentIndex => {
  const operand = instruction.operands[which];
  return operand?.kind === "segment" && operand.register <= SEGMENT.gs ? operand.register : -1;
};

/** A load of SS holds interrupts back for one instruction, so that the stack pointer can follow. [SDM3A-6.8.3] */
const loaded = (fault: PackedFault | 0, index: SegmentIndex): Outcome => {
  if (fault !== 0) return fault;
  return index === SEGMENT.ss ? OUTCOME.shadow : OUTCOME.next;
};

/** MOV to a segment register. CS cannot be loaded. [SDM2-4.3] */
const moveToSegment = (core: ProcessorCore, instruction: Instruction): Outcome => {
  const index = segmentOperand(instruction, 0);
  if (index < 0 || index === SEGMENT.cs) return invalidOpcode();
  const selector = core.operands.read(instruction, 1, 2);
  if (isAccessFault(selector)) return accessFault(selector);
  return loaded(loadSegmentRegister(core, index, selector), index);
};

/** MOV from a segment register: 16 bits to memory, zero-extended to a register. [SDM2-4.3] */
const moveFromSegment = (core: ProcessorCore, instruction: Instruction): Outcome => {
  const index = segmentOperand(instruction, 1);
  if (index < 0) return invalidOpcode();
  const isMemory = instruction.operands[0]?.kind === "memory";
  const sizeBytes = isMemory ? 2 : wordOrDoubleword(instruction.operandBytes);
  return core.operands.write(instruction, 0, sizeBytes, core.state.selector(index));
};

/** PUSH of a segment register, zero-extended to the operand size. [SDM2-4.3] */
const pushSegment = (core: ProcessorCore, instruction: Instruction): Outcome =>
  pushValues(core, [BigInt(core.state.selector(segmentOperand(instruction, 0)))], stackBytes(instruction));

/** POP of a segment register. The stack pointer moves by the old stack size, before SS changes. [SDM2-4.3] */
const popSegment = (core: ProcessorCore, instruction: Instruction): Outcome => {
  const { state } = core;
  const index = segmentOperand(instruction, 0);
  const sizeBytes = stackBytes(instruction);
  const value = peekStack(core, 0, sizeBytes);
  if (typeof value === "number") return value;
  const before = state.wideRegister(REGISTER.rsp);
  releaseStack(core, sizeBytes);
  const fault = loadSegmentRegister(core, index, value.low & 0xffff);
  if (fault !== 0) state.setWideRegister(REGISTER.rsp, before);
  return loaded(fault, index);
};

/** LDS, LES, LFS, LGS, LSS: a far pointer into a segment register and a general one. [SDM2-3.2] */
const loadFarPointer =
  (index: SegmentIndex): SystemOperation =>
  (core, instruction) => {
    const pointer = farPointer(core, instruction, instruction.operands[1]);
    if (typeof pointer === "number") return pointer;
    const fault = loadSegmentRegister(core, index, pointer.selector);
    if (fault !== 0) return fault;
    const destination = instruction.operands[0];
    if (instruction.operandBytes === 8 && destination?.kind === "register") {
      core.state.setWideRegister(destination.register, pointer.wide);
      return OUTCOME.next;
    }
    return core.operands.write(instruction, 0, wordOrDoubleword(instruction.operandBytes), pointer.offset);
  };

/** Segment registers: moves, pushes, pops and far pointers. */
export const SEGMENT_MOVES: Readonly<Record<string, SystemOperation>> = {
  "mov-to-sreg": moveToSegment,
  "mov-from-sreg": moveFromSegment,
  "push-sreg": pushSegment,
  "pop-sreg": popSegment,
  lds: loadFarPointer(SEGMENT.ds),
  les: loadFarPointer(SEGMENT.es),
  lfs: loadFarPointer(SEGMENT.fs),
  lgs: loadFarPointer(SEGMENT.gs),
  lss: loadFarPointer(SEGMENT.ss),
};
