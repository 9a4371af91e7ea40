import { FLAG, SEGMENT } from "@xenolith/x86-architecture";
import type { Instruction } from "../decoder/instruction.ts";
import { OUTCOME, type Outcome, type ProcessorCore } from "../engine/system-operations.ts";
import { PENDING, STATE } from "../state/layout.ts";
import { enterReturnStack, prepareReturn, prepareReturnStack } from "./far-return.ts";
import { generalProtection } from "./faults.ts";
import { changeableFlags, ioPrivilege } from "./flag-permissions.ts";
import { nextInstruction, stackBytes } from "./instruction-flow.ts";
import { paragraphSegment, usesParagraphs } from "./real-mode.ts";
import { hasTasks } from "./task-descriptor.ts";
import { returnToTask } from "./task-switch.ts";
import { returnToVirtual8086 } from "./virtual-8086.ts";
import { acceptsVirtualImage, hasVirtualFlags, takeVirtualInterrupts } from "./virtual-interrupts.ts";
import { addressOf, peekStack, releaseStack } from "./wide-stack.ts";

/** Flags that a return to virtual-8086 mode takes: those that exist. */
const VIRTUAL_8086_FLAGS = 0x3f_7fd7;

/**
 * IRET, to the same or an outer privilege, or to virtual-8086 mode, or of a nested task to the one it is nested in; under a
 * monitor natively among rings 1 to 3. 64-bit code always pops its stack too. [SDM2-3.2]
 */
export const returnFromInterrupt = (core: ProcessorCore, instruction: Instruction): Outcome => {
  const { state } = core;
  const sizeBytes = stackBytes(instruction);
  // Even one that faults lets non-maskable interrupts in again. [SDM3A-6.7.1]
  state.setU32(STATE.pending, state.u32(STATE.pending) & ~PENDING.nmiBlocked);
  const isVirtual = hasVirtualFlags(state) && sizeBytes === 2;
  if (state.isVirtual8086 && ioPrivilege(state) < 3 && !isVirtual) return generalProtection(0);
  const isNested = (state.systemFlags & FLAG.nt) !== 0 && !usesParagraphs(state);
  if (isNested) {
    return hasTasks(core) ? returnToTask(core, nextInstruction(core, instruction)) : generalProtection(0);
  }
  const target = peekStack(core, 0, sizeBytes);
  if (typeof target === "number") return target;
  const selectorWord = peekStack(core, sizeBytes, sizeBytes);
  if (typeof selectorWord === "number") return selectorWord;
  const flagsWord = peekStack(core, 2 * sizeBytes, sizeBytes);
  if (typeof flagsWord === "number") return flagsWord;
  const offset = addressOf(target);
  const flags = flagsWord.low;
  const selector = selectorWord.low & 0xffff;
  const width = sizeBytes === 2 ? 0xffff : 0xffff_ffff;
  const popped = 3 * sizeBytes;
  const changeable = returnableFlags(core) & width;
  if (usesParagraphs(state)) {
    const segment = paragraphSegment(state, SEGMENT.cs, selector);
    if (offset > segment.limit) return generalProtection(0);
    if (isVirtual && !acceptsVirtualImage(state, flags)) return generalProtection(0);
    releaseStack(core, popped);
    state.setSegment(SEGMENT.cs, segment);
  } else {
    const isToVirtual8086 = (flags & width & FLAG.vm) !== 0 && !state.isLongMode;
    if (isToVirtual8086 && state.privilege === 0) {
      return returnToVirtual8086(core, offset, selector, flags & VIRTUAL_8086_FLAGS);
    }
    const code = prepareReturn(core, selector, offset);
    if (typeof code === "number") return code;
    const privilege = selector & 3;
    if (privilege === state.privilege && !state.isWideCode) {
      releaseStack(core, popped);
      state.setSegment(SEGMENT.cs, code);
    } else {
      const stack = prepareReturnStack(core, popped, sizeBytes, privilege, code);
      if (typeof stack === "number") return stack;
      enterReturnStack(core, code, stack, 0);
    }
  }
  state.instructionPointer = offset;
  state.flags = (state.flags & ~changeable) | (flags & changeable);
  if (isVirtual) takeVirtualInterrupts(state, flags);
  return OUTCOME.jumped;
};

/** Enabled breakpoints of DR7. */
const BREAKPOINTS = 0xff;

/**
 * Flags that IRET takes from the stack at the present privilege: those of POPF, and at privilege 0 of protected mode VIF and
 * VIP. RF, which the next instruction clears again, only where there are breakpoints that it could hold back.
 */
const returnableFlags = ({ state }: ProcessorCore): number => {
  const hasVirtualInterrupts = state.privilege === 0 && !state.isRealMode;
  const resume = (state.debug(7) & BREAKPOINTS) !== 0 ? FLAG.rf : 0;
  return changeableFlags(state) | resume | (hasVirtualInterrupts ? FLAG.vif | FLAG.vip : 0);
};
