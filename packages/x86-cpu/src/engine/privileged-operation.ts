import { type PrivilegedOperation, REGISTER, SEGMENT } from "@xenolith/x86-architecture";
import type { Instruction, Operand } from "../decoder/instruction.ts";
import type { VcpuState } from "../state/vcpu-state.ts";

/** Number of the control or debug register that is named. */
const systemRegisterOf = (operands: readonly Operand[]): number => {
  for (const operand of operands)
    if (operand.kind === "control" || operand.kind === "debug") return operand.register;
  return 0;
};

const generalRegisterOf = (operands: readonly Operand[]): number => {
  for (const operand of operands) if (operand.kind === "register") return operand.register;
  return 0;
};

/** Port of IN, OUT, INS and OUTS. */
const portOf = (operands: readonly Operand[], state: VcpuState): number => {
  for (const operand of operands) if (operand.kind === "immediate") return operand.value & 0xff;
  return state.register(REGISTER.rdx) & 0xffff;
};

/** A harmless HLT, where nothing has been left to the monitor yet. */
export const NOTHING_PRIVILEGED: PrivilegedOperation = {
  mnemonic: "hlt",
  lengthBytes: 1,
  sizeBytes: 4,
  system: 0,
  register: 0,
  port: 0,
  repeat: false,
  addressBytes: 4,
  segment: SEGMENT.ds,
};

/** Describes an instruction for the monitor that is to emulate it. */
export const describePrivileged = (instruction: Instruction, state: VcpuState): PrivilegedOperation => ({
  mnemonic: instruction.mnemonic as PrivilegedOperation["mnemonic"],
  lengthBytes: instruction.lengthBytes,
  sizeBytes: instruction.operandBytes,
  system: systemRegisterOf(instruction.operands),
  register: generalRegisterOf(instruction.operands),
  port: portOf(instruction.operands, state),
  repeat: instruction.repeat !== "none",
  addressBytes: instruction.addressBytes,
  segment: instruction.segment,
});
