import { CR4, FLAG, type PackedFault, SEGMENT } from "@xenolith/x86-architecture";
import {
  accessFault,
  isAccessFault,
  OUTCOME,
  type Outcome,
  type ProcessorCore,
} from "../engine/system-operations.ts";
import type { VcpuState } from "../state/vcpu-state.ts";
import { generalProtection } from "./faults.ts";
import { ioPrivilege } from "./flag-permissions.ts";
import { paragraphSegment } from "./real-mode.ts";
import { presentStack, pushFrame, setStackPointer } from "./stack-frame.ts";
import { isInterruptRedirected } from "./task-state.ts";

/** Bytes of an entry of the interrupt table of 8086 programs, which lies at linear address 0. */
const ENTRY_BYTES = 4;

const hasExtension = (state: VcpuState, bit: number): boolean => (state.control(4) & bit) !== 0;

/** Whether code of virtual-8086 mode has VIF in place of IF: CR4.VME, and IOPL does not give it the real one. [SDM3A-21.3.3] */
export const hasVirtualFlags = (state: VcpuState): boolean =>
  state.isVirtual8086 && ioPrivilege(state) < 3 && hasExtension(state, CR4.vme);

/** Whether CLI and STI mean VIF: there, and in protected mode at privilege 3 with CR4.PVI. [SDM3A-21.4] */
const hasVirtualInterrupts = (state: VcpuState): boolean => {
  if (state.isVirtual8086) return hasVirtualFlags(state);
  return state.privilege === 3 && ioPrivilege(state) < 3 && !state.isRealMode && hasExtension(state, CR4.pvi);
};

/** CLI or STI on VIF; null where they mean IF. An interrupt that waits makes STI fault. */
export const changeVirtualInterrupts = ({ state }: ProcessorCore, isEnabled: boolean): Outcome | null => {
  if (!hasVirtualInterrupts(state)) return null;
  if (!isEnabled) state.systemFlags &= ~FLAG.vif;
  else if ((state.systemFlags & FLAG.vip) !== 0) return generalProtection(0);
  else state.systemFlags |= FLAG.vif;
  return OUTCOME.next;
};

/** Flags as code with {@link hasVirtualFlags} sees them: VIF for IF, and IOPL 3. */
export const virtualImage = (flags: number): number =>
  (flags & ~FLAG.if) | FLAG.iopl | ((flags & FLAG.vif) !== 0 ? FLAG.if : 0);

/** Whether such code may take 16 bits of flags from the stack: not TF, nor IF while an interrupt waits. */
export const acceptsVirtualImage = (state: VcpuState, image: number): boolean => {
  const isWaiting = (state.systemFlags & FLAG.vip) !== 0;
  return (image & FLAG.tf) === 0 && !(isWaiting && (image & FLAG.if) !== 0);
};

/** Takes IF of an image into VIF. */
export const takeVirtualInterrupts = (state: VcpuState, image: number): void => {
  const kept = state.systemFlags & ~FLAG.vif;
  state.systemFlags = (image & FLAG.if) !== 0 ? kept | FLAG.vif : kept;
};

/**
 * INT n of virtual-8086 mode that the task redirects to the program's own handler, through the table at 0. [SDM3A-21.3.3.3]
 * @returns null where it is not redirected, and goes on as without the extension.
 */
export const redirectInterrupt = (core: ProcessorCore, vector: number, returnTo: number): Outcome | null => {
  const { state } = core;
  if (!state.isVirtual8086 || !hasExtension(state, CR4.vme)) return null;
  const redirected = isInterruptRedirected(core, vector);
  if (typeof redirected === "number") return redirected;
  return redirected ? enterProgram(core, vector, returnTo) : null;
};

const enterProgram = (core: ProcessorCore, vector: number, returnTo: number): Outcome | PackedFault => {
  const { state } = core;
  const entry = core.memory.read32(ENTRY_BYTES * vector, "supervisor");
  if (isAccessFault(entry)) return accessFault(entry);
  const isVirtual = hasVirtualFlags(state);
  const image = (isVirtual ? virtualImage(state.flags) : state.flags) & 0xffff;
  const frame = [image, state.selector(SEGMENT.cs), returnTo];
  const stackPointer = pushFrame(core, presentStack(core), frame, 2);
  if (stackPointer < 0) return -stackPointer;
  setStackPointer(core, stackPointer);
  state.systemFlags &= ~(FLAG.tf | FLAG.rf | (isVirtual ? FLAG.vif : FLAG.if));
  state.setSegment(SEGMENT.cs, paragraphSegment(state, SEGMENT.cs, entry >>> 16));
  state.instructionPointer = entry & 0xffff;
  return OUTCOME.jumped;
};
