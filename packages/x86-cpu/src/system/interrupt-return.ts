import { FLAG, SEGMENT } from "@xenolith/x86-architecture";
import type { Instruction } from "../decoder/instruction.ts";
import {
  accessFault,
  isAccessFault,
  OUTCOME,
  type Outcome,
  type ProcessorCore,
} from "../engine/system-operations.ts";
import { enterOuterPrivilege, prepareOuterStack, prepareReturn } from "./far-return.ts";
import { generalProtection } from "./faults.ts";
import { changeableFlags, ioPrivilege } from "./flag-permissions.ts";
import { wordOrDoubleword } from "./instruction-flow.ts";
import { paragraphSegment } from "./real-mode.ts";

/**
 * IRET, to the same or an outer privilege; under a monitor natively among rings 1 to 3. Returns to virtual-8086 mode and
 * to another task raise #GP(0): neither exists here. [SDM2-3.2]
 */
export const returnFromInterrupt = (core: ProcessorCore, instruction: Instruction): Outcome => {
  const { state, operands } = core;
  const sizeBytes = wordOrDoubleword(instruction.operandBytes);
  if (state.isVirtual8086 && ioPrivilege(state) < 3) return generalProtection(0);
  const offset = operands.peek(0, sizeBytes);
  if (isAccessFault(offset)) return accessFault(offset);
  const selectorWord = operands.peek(sizeBytes, sizeBytes);
  if (isAccessFault(selectorWord)) return accessFault(selectorWord);
  const flags = operands.peek(2 * sizeBytes, sizeBytes);
  if (isAccessFault(flags)) return accessFault(flags);
  const selector = selectorWord & 0xffff;
  const width = sizeBytes === 4 ? 0xffff_ffff : 0xffff;
  const popped = 3 * sizeBytes;
  const changeable = returnableFlags(core) & width;
  if (state.isRealMode || state.isVirtual8086) {
    const segment = paragraphSegment(state, SEGMENT.cs, selector);
    if (offset > segment.limit) return generalProtection(0);
    operands.adjustStack(popped);
    state.setSegment(SEGMENT.cs, segment);
  } else {
    if ((state.systemFlags & FLAG.nt) !== 0) return generalProtection(0);
    if ((flags & width & FLAG.vm) !== 0 && state.privilege === 0) return generalProtection(0);
    const code = prepareReturn(core, selector, offset);
    if (typeof code === "number") return code;
    const privilege = selector & 3;
    if (privilege === state.privilege) {
      operands.adjustStack(popped);
      state.setSegment(SEGMENT.cs, code);
    } else {
      const stack = prepareOuterStack(core, popped, sizeBytes, privilege);
      if (typeof stack === "number") return stack;
      enterOuterPrivilege(core, code, stack, 0);
    }
  }
  state.instructionPointer = offset;
  state.flags = (state.flags & ~changeable) | (flags & changeable);
  return OUTCOME.jumped;
};

/** Flags that IRET takes from the stack at the present privilege: those of POPF, RF, and at privilege 0 VIF and VIP. */
const returnableFlags = (core: ProcessorCore): number =>
  changeableFlags(core.state) | FLAG.rf | (core.state.privilege === 0 ? FLAG.vif | FLAG.vip : 0);
