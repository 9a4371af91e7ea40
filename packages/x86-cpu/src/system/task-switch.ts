import {
  CR0,
  FLAG,
  type PackedFault,
  packFault,
  SEGMENT,
  type SegmentState,
  VECTOR,
} from "@xenolith/x86-architecture";
import { OUTCOME, type Outcome, type ProcessorCore } from "../engine/system-operations.ts";
import { type Descriptor, segmentFrom, selectorError } from "./descriptor.ts";
import { lookUpDescriptor, markAvailable, markBusy } from "./descriptor-tables.ts";
import { invalidTss } from "./faults.ts";
import { presentStack, pushFrame, setStackPointer } from "./stack-frame.ts";
import { lookUpReturnTask } from "./task-descriptor.ts";
import {
  checkSave,
  isSmallTask,
  leastTaskLimit,
  readTask,
  readTaskLink,
  saveTask,
  type TaskImage,
} from "./task-image.ts";
import { loadTaskSegments } from "./task-segments.ts";

/** Bits of DR7 that a task switch clears: breakpoints of one task. DR6.BT says that a switch trapped. [SDM3A-18.2.4] */
const LOCAL_BREAKPOINTS = 0x155;
const TASK_SWITCH_TRAP = 0x8000;

/** Flags that exist. */
const EXISTING_FLAGS = 0x3f_7fd7;

/** What a switch is about. */
export interface TaskSwitch {
  /** Task state segment of the new task: available, or busy for `return`. */
  readonly task: Descriptor;
  /** `call` nests the new task in the present one, as an interrupt does. */
  readonly kind: "jump" | "call" | "return";
  /** Where the present task will go on, and its flags. */
  readonly returnTo: number;
  readonly flags: number;
  /** Error code that the new task finds on its stack; -1: none. */
  readonly errorCode: number;
  /** EXT of error codes. */
  readonly external: number;
}

/** Bit of the type of a task state segment that says busy. */
const BUSY = 2;

const busySegment = (task: Descriptor): SegmentState => {
  const segment = segmentFrom(task, task.selector);
  return { ...segment, attributes: segment.attributes | BUSY };
};

/** Gives up the present task's busy bit. Returns 0 or the fault. */
const releasePresent = (core: ProcessorCore, selector: number): PackedFault | 0 => {
  const descriptor = lookUpDescriptor(core, selector);
  if (descriptor === null) return 0;
  return typeof descriptor === "number" ? descriptor : markAvailable(core, descriptor);
};

/** Everything that touches memory: save, busy bits, link. A fault leaves the present task in place. */
const leavePresent = (core: ProcessorCore, change: TaskSwitch, next: SegmentState): PackedFault | 0 => {
  const present = core.state.segment(SEGMENT.tr);
  if (present.attributes === 0) return invalidTss(selectorError(present.selector, change.external));
  const nests = change.kind === "call";
  let fault = checkSave(core, present);
  if (fault === 0 && nests) fault = core.memory.checkWrite(next.base, 2, "supervisor");
  if (fault === 0 && change.kind !== "return") fault = markBusy(core, change.task);
  if (fault === 0 && !nests) fault = releasePresent(core, present.selector);
  if (fault !== 0) return fault;
  const flags = change.kind === "return" ? change.flags & ~FLAG.nt : change.flags;
  saveTask(core, present, change.returnTo, flags);
  return nests ? core.memory.write16(next.base, present.selector, "supervisor") : 0;
};

const enterNext = (core: ProcessorCore, change: TaskSwitch, next: SegmentState, image: TaskImage): void => {
  const { state } = core;
  state.setSegment(SEGMENT.tr, next);
  state.setControl(0, (state.control(0) | CR0.ts) >>> 0);
  if (image.control3 !== null && (state.control(0) & CR0.pg) !== 0) state.setControl(3, image.control3);
  state.setDebug(7, state.debug(7) & ~LOCAL_BREAKPOINTS);
  image.registers.forEach((value, index) => {
    state.setRegister(index, value);
  });
  const flags = image.flags & EXISTING_FLAGS;
  state.flags = change.kind === "call" ? flags | FLAG.nt : flags;
  state.instructionPointer = image.instructionPointer;
};

const pushErrorCode = (core: ProcessorCore, next: SegmentState, change: TaskSwitch): PackedFault | 0 => {
  if (change.errorCode < 0) return 0;
  const sizeBytes = isSmallTask(next.attributes) ? 2 : 4;
  const pointer = pushFrame(core, presentStack(core, change.external), [change.errorCode], sizeBytes);
  if (pointer < 0) return -pointer;
  setStackPointer(core, pointer);
  return 0;
};

/**
 * Switches to another task. [SDM3A-7.3]
 * @returns `jumped`, or a fault: of the present task when nothing has changed, else of the new one, whose first instruction the
 * instruction pointer then names.
 */
export const switchTask = (core: ProcessorCore, change: TaskSwitch): Outcome => {
  const next = busySegment(change.task);
  if (next.limit < leastTaskLimit(next)) {
    return invalidTss(selectorError(change.task.selector, change.external));
  }
  const image = readTask(core, next);
  if (typeof image === "number") return image;
  const fault = leavePresent(core, change, next);
  if (fault !== 0) return fault;
  enterNext(core, change, next, image);
  const segmentFault = loadTaskSegments(core, image, change.external) || pushErrorCode(core, next, change);
  if (segmentFault !== 0) return segmentFault;
  if (!image.traps) return OUTCOME.jumped;
  core.state.setDebug(6, core.state.debug(6) | TASK_SWITCH_TRAP);
  return packFault(VECTOR.debug, 0);
};

/** IRET of a nested task: back to the one that its link names. `returnTo`: behind the IRET. */
export const returnToTask = (core: ProcessorCore, returnTo: number): Outcome => {
  const link = readTaskLink(core);
  if (typeof link === "number") return link;
  const task = lookUpReturnTask(core, link.selector);
  if (typeof task === "number") return task;
  return switchTask(core, {
    task,
    kind: "return",
    returnTo,
    flags: core.state.flags,
    errorCode: -1,
    external: 0,
  });
};

/** Far jump or call to a task. */
export const transferToTask = (
  core: ProcessorCore,
  task: Descriptor,
  kind: "jump" | "call",
  returnTo: number,
): Outcome => switchTask(core, { task, kind, returnTo, flags: core.state.flags, errorCode: -1, external: 0 });
