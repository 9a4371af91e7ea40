import { type PackedFault, REGISTER, SEGMENT } from "@xenolith/x86-architecture";
import { OUTCOME, type Outcome, type ProcessorCore } from "../engine/system-operations.ts";
import { nullSegment } from "./descriptor.ts";
import { generalProtection } from "./faults.ts";
import { virtualSegment } from "./real-mode.ts";
import { peekStack, type StackValue } from "./wide-stack.ts";

/** Data segments as a frame out of virtual-8086 mode holds them, deepest first. */
const PUSHED = [SEGMENT.gs, SEGMENT.fs, SEGMENT.ds, SEGMENT.es] as const;

/** What an interrupt out of virtual-8086 mode pushes before the usual frame. [SDM3A-21.3.1] */
export const virtualSelectors = ({ state }: ProcessorCore): number[] =>
  PUSHED.map((index) => state.selector(index));

/** Data segments become null: what they hold means nothing in protected mode. */
export const dropVirtualSegments = ({ state }: ProcessorCore): void => {
  for (const index of PUSHED) state.setSegment(index, nullSegment(0));
};

/** What lies above EIP, CS and EFLAGS in a frame to return with, lowest first. */
const POPPED = [SEGMENT.ss, SEGMENT.es, SEGMENT.ds, SEGMENT.fs, SEGMENT.gs] as const;

/** Reads the values above the flags of a frame: ESP and the segments of {@link POPPED}. */
const readFrame = (core: ProcessorCore): StackValue[] | PackedFault => {
  const values: StackValue[] = [];
  for (let position = 3; position < 4 + POPPED.length; position++) {
    const value = peekStack(core, 4 * position, 4);
    if (typeof value === "number") return value;
    values.push(value);
  }
  return values;
};

/**
 * IRET of 32 bits at privilege 0 with VM in the flags' image: to virtual-8086 mode, with all flags of the image.
 * [SDM3A-21.2.5] [SDM2-3.2 "IRET"]
 */
export const returnToVirtual8086 = (
  core: ProcessorCore,
  offset: number,
  selector: number,
  flags: number,
): Outcome => {
  const { state } = core;
  const values = readFrame(core);
  if (typeof values === "number") return values;
  if (offset > 0xffff) return generalProtection(0);
  state.flags = flags;
  state.setSegment(SEGMENT.cs, virtualSegment(selector));
  POPPED.forEach((index, position) => {
    state.setSegment(index, virtualSegment(values[position + 1]?.low ?? 0));
  });
  state.setRegister(REGISTER.rsp, values[0]?.low ?? 0);
  state.instructionPointer = offset;
  return OUTCOME.jumped;
};
