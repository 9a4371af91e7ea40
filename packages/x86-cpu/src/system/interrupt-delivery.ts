import {
  FLAG,
  gateOffset,
  gateSelector,
  type PackedFault,
  REGISTER,
  SEGMENT,
  SYSTEM_TYPE,
  VECTOR,
} from "@xenolith/x86-architecture";
import {
  accessFault,
  isAccessFault,
  OUTCOME,
  type Outcome,
  type ProcessorCore,
} from "../engine/system-operations.ts";
import { CLEARED_BY_DELIVERY } from "../state/flags.ts";
import { lookUpCode, prepareCodeSegment } from "./code-segment.ts";
import {
  type Descriptor,
  isCodeOrData,
  isConformingCode,
  isPresent,
  privilegeOf,
  selectorError,
  systemType,
} from "./descriptor.ts";
import { generalProtection, segmentNotPresent } from "./faults.ts";
import { IDT_ERROR, type InterruptEvent } from "./interrupt-event.ts";
import { deliverLongMode } from "./long-interrupt-delivery.ts";
import { paragraphSegment } from "./real-mode.ts";
import { prepareStackSegment } from "./segment-load.ts";
import { presentStack, pushFrame, type StackTarget, setStackPointer } from "./stack-frame.ts";
import { lookUpGateTask } from "./task-descriptor.ts";
import { readInnerStack } from "./task-state.ts";
import { switchTask } from "./task-switch.ts";
import { dropVirtualSegments, virtualSelectors } from "./virtual-8086.ts";

interface Gate {
  readonly selector: number;
  readonly offset: number;
  readonly sizeBytes: 2 | 4;
  /** Interrupt gates clear IF, trap gates do not. */
  readonly masks: boolean;
}

/**
 * Transfers control through the IDT (or the interrupt table of real mode).
 * @returns `jumped`, or the fault that the delivery met; then no register has changed.
 */
export const deliverThroughIdt = (core: ProcessorCore, event: InterruptEvent): Outcome => {
  if (core.state.isRealMode) return deliverRealMode(core, event);
  return core.state.isLongMode ? deliverLongMode(core, event) : deliverProtected(core, event);
};

const deliverRealMode = (core: ProcessorCore, event: InterruptEvent): Outcome => {
  const { state, memory } = core;
  const { base, limit } = state.idtr;
  if (event.vector * 4 + 3 > limit) return generalProtection(event.vector * 8 + IDT_ERROR);
  const entry = memory.read32(base + event.vector * 4, "supervisor");
  if (isAccessFault(entry)) return accessFault(entry);
  const frame = [event.flags & 0xffff, state.selector(SEGMENT.cs), event.returnTo];
  const stackPointer = pushFrame(core, presentStack(core), frame, 2);
  if (stackPointer < 0) return -stackPointer;
  setStackPointer(core, stackPointer);
  state.systemFlags = state.systemFlags & ~(FLAG.if | FLAG.tf | FLAG.ac);
  state.setSegment(SEGMENT.cs, paragraphSegment(state, SEGMENT.cs, entry >>> 16));
  state.instructionPointer = entry & 0xffff;
  return OUTCOME.jumped;
};

const deliverProtected = (core: ProcessorCore, event: InterruptEvent): Outcome => {
  const { state } = core;
  const external = event.isSoftware ? 0 : 1;
  const gate = readGate(core, event, external);
  if (typeof gate === "number") return gate;
  if ("gate" in gate) return switchThroughGate(core, gate.gate, event);
  const code = lookUpCode(core, gate.selector, external);
  if (typeof code === "number") return code;
  const privilege = isConformingCode(code) ? Math.max(privilegeOf(code), state.privilege) : privilegeOf(code);
  // Out of virtual-8086 mode interrupts lead to privilege 0 and nowhere else.
  const isVirtual = state.isVirtual8086;
  if (privilege > state.privilege || (isVirtual && privilege !== 0)) {
    return generalProtection(selectorError(gate.selector, external));
  }
  const segment = prepareCodeSegment(core, code, privilege, gate.offset, external);
  if (typeof segment === "number") return segment;
  const stack =
    privilege < state.privilege ? innerStack(core, privilege, external) : presentStack(core, external);
  if (typeof stack === "number") return stack;
  const changesStack = privilege < state.privilege;
  const { flags, returnTo, errorCode } = event;
  const frame = changesStack
    ? [state.selector(SEGMENT.ss), state.register(REGISTER.rsp), flags, state.selector(SEGMENT.cs), returnTo]
    : [flags, state.selector(SEGMENT.cs), returnTo];
  if (isVirtual) frame.unshift(...virtualSelectors(core));
  if (errorCode >= 0) frame.push(errorCode);
  const stackPointer = pushFrame(core, stack, frame, gate.sizeBytes);
  if (stackPointer < 0) return -stackPointer;
  state.systemFlags = state.systemFlags & ~(CLEARED_BY_DELIVERY | (gate.masks ? FLAG.if : 0));
  state.setSegment(SEGMENT.cs, segment);
  if (changesStack) state.setSegment(SEGMENT.ss, stack.segment);
  if (isVirtual) dropVirtualSegments(core);
  setStackPointer(core, stackPointer);
  state.instructionPointer = gate.offset;
  return OUTCOME.jumped;
};

/** Another task takes the interrupt, nested in the present one. [SDM3A-6.12.2] */
const switchThroughGate = (core: ProcessorCore, gate: Descriptor, event: InterruptEvent): Outcome => {
  const external = event.isSoftware ? 0 : 1;
  const task = lookUpGateTask(core, gate, external);
  if (typeof task === "number") return task;
  const { returnTo, flags, errorCode } = event;
  return switchTask(core, { task, kind: "call", returnTo, flags, errorCode, external });
};

/** A gate that names a task. */
interface TaskGate {
  readonly gate: Descriptor;
}

/** Reads and checks the gate of a vector. */
const readGate = (
  core: ProcessorCore,
  event: InterruptEvent,
  external: number,
): Gate | TaskGate | PackedFault => {
  const { state, memory } = core;
  const error = event.vector * 8 + IDT_ERROR;
  const { base, limit } = state.idtr;
  if (event.vector * 8 + 7 > limit) return generalProtection(error | external);
  const fault = memory.read64(base + event.vector * 8, "supervisor");
  if (fault !== 0) return fault;
  const descriptor: Descriptor = { selector: error, low: memory.low, high: memory.high };
  const type = systemType(descriptor);
  const isTask = type === SYSTEM_TYPE.taskGate;
  if (isCodeOrData(descriptor) || !(isTask || isInterruptOrTrap(type))) {
    return generalProtection(error | external);
  }
  if (event.isSoftware && privilegeOf(descriptor) < state.privilege) return generalProtection(error);
  if (!isPresent(descriptor)) return segmentNotPresent(error | external);
  if (isTask) return { gate: descriptor };
  const { low, high } = descriptor;
  const isWide = (type & WIDE_GATE) !== 0;
  return {
    selector: gateSelector(low),
    offset: isWide ? gateOffset(low, high) : low & 0xffff,
    sizeBytes: isWide ? 4 : 2,
    masks: (type & TRAP_GATE) === 0,
  };
};

/** Bits of the type of an interrupt or trap gate: 32-bit, and trap. */
const WIDE_GATE = SYSTEM_TYPE.interruptGate & ~SYSTEM_TYPE.interruptGate16;
const TRAP_GATE = SYSTEM_TYPE.trapGate & ~SYSTEM_TYPE.interruptGate;

const isInterruptOrTrap = (type: number): boolean =>
  (type & ~(WIDE_GATE | TRAP_GATE)) === (SYSTEM_TYPE.interruptGate16 & ~TRAP_GATE);

/** The stack of an inner privilege out of the TSS, checked. */
const innerStack = (core: ProcessorCore, privilege: number, external: number): StackTarget | PackedFault => {
  const inner = readInnerStack(core, privilege, external);
  if (typeof inner === "number") return inner;
  const segment = prepareStackSegment(core, inner.selector, privilege, VECTOR.invalidTss, external);
  if (typeof segment === "number") return segment;
  return { segment, pointer: inner.pointer, privilege, errorCode: selectorError(inner.selector, external) };
};
