import { FLAG, VECTOR } from "@xenolith/x86-architecture";
import type { Instruction } from "../decoder/instruction.ts";
import { OUTCOME, type Outcome, type ProcessorCore } from "../engine/system-operations.ts";
import { generalProtection } from "./faults.ts";
import { ioPrivilege } from "./flag-permissions.ts";
import { nextInstruction } from "./instruction-flow.ts";
import { deliverThroughIdt } from "./interrupt-delivery.ts";
import { redirectInterrupt } from "./virtual-interrupts.ts";

/**
 * Vector of INT n, INT3, INTO and ICEBP; -1 for an instruction that is none of these. For INTO it is meant for OF set.
 */
export const softwareInterruptVector = (instruction: Instruction): number => {
  switch (instruction.mnemonic) {
    case "int": {
      const operand = instruction.operands[0];
      return operand?.kind === "immediate" ? operand.value & 0xff : -1;
    }
    case "int3":
      return VECTOR.breakpoint;
    case "into":
      return VECTOR.overflow;
    case "int1":
      return VECTOR.debug;
    default:
      return -1;
  }
};

/**
 * INT n, INT3, INTO and ICEBP without a monitor. A fault of the delivery belongs to the instruction itself. ICEBP does
 * not check the gate's privilege. [SDM2-3.2]
 */
export const interruptBySoftware = (core: ProcessorCore, instruction: Instruction): Outcome => {
  const { state } = core;
  const vector = softwareInterruptVector(instruction);
  if (instruction.mnemonic === "into" && (state.flags & FLAG.of) === 0) return OUTCOME.next;
  const returnTo = nextInstruction(core, instruction);
  if (instruction.mnemonic === "int") {
    const redirected = redirectInterrupt(core, vector, returnTo);
    if (redirected !== null) return redirected;
    if (state.isVirtual8086 && ioPrivilege(state) < 3) return generalProtection(0);
  }
  return deliverThroughIdt(core, {
    vector,
    errorCode: -1,
    isSoftware: instruction.mnemonic !== "int1",
    returnTo,
    flags: state.flags,
  });
};
