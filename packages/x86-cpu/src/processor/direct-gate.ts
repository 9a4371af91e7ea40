import type { DirectGate } from "@xenolith/machine-interface";
import { type PackedFault, SEGMENT, VECTOR } from "@xenolith/x86-architecture";
import type { ProcessorCore } from "../engine/system-operations.ts";
import { CLEARED_BY_DELIVERY } from "../state/flags.ts";
import { GATES, STATE } from "../state/layout.ts";
import { lookUpCode, prepareCodeSegment } from "../system/code-segment.ts";
import { prepareStackSegment } from "../system/segment-load.ts";
import { presentStack, pushFrame, type StackTarget, setStackPointer } from "../system/stack-frame.ts";

const stackOf = (core: ProcessorCore, privilege: number): StackTarget | PackedFault => {
  if (privilege === core.state.privilege) return presentStack(core);
  const selector = core.state.u32(STATE.gates + GATES.kernelStackSelector);
  const segment = prepareStackSegment(core, selector, privilege, VECTOR.generalProtection);
  if (typeof segment === "number") return segment;
  return { segment, pointer: core.state.u32(STATE.gates + GATES.kernelStack), privilege, errorCode: 0 };
};

/** Whether an event waits that is not held back: the monitor would hand it over behind the transfer. */
const isEventWaiting = ({ state, machine }: ProcessorCore): boolean => {
  const byteAt = (field: number): number => machine.bytes[state.u32(STATE.gates + field)] ?? 0;
  return byteAt(GATES.eventPending) !== 0 && byteAt(GATES.eventMask) === 0;
};

/**
 * Takes a direct gate: the transfer that a trap gate of the processor would make. This is the reference for what generated
 * code may do on its own.
 * @returns false when anything stands in the way; then nothing has changed, but that the frame may be there already.
 */
export const takeDirectGate = (core: ProcessorCore, gate: DirectGate, returnTo: number): boolean => {
  const { state } = core;
  if (state.privilege !== gate.fromPrivilege || state.isLongMode) return false;
  if (isEventWaiting(core)) return false;
  const privilege = gate.codeSelector & 3;
  if (privilege > state.privilege) return false;
  const code = lookUpCode(core, gate.codeSelector);
  if (typeof code === "number") return false;
  const segment = prepareCodeSegment(core, code, privilege, gate.target);
  if (typeof segment === "number") return false;
  const stack = stackOf(core, privilege);
  if (typeof stack === "number") return false;
  const frame = [state.flags, state.selector(SEGMENT.cs), returnTo];
  if (privilege < state.privilege) frame.unshift(state.selector(SEGMENT.ss), state.register(4));
  const stackPointer = pushFrame(core, stack, frame, 4);
  // The frame may lie where the monitor looks for events.
  if (stackPointer < 0 || isEventWaiting(core)) return false;
  state.systemFlags = state.systemFlags & ~CLEARED_BY_DELIVERY;
  const changesStack = privilege < state.privilege;
  state.setSegment(SEGMENT.cs, segment);
  if (changesStack) state.setSegment(SEGMENT.ss, stack.segment);
  setStackPointer(core, stackPointer);
  state.instructionPointer = gate.target;
  return true;
};
