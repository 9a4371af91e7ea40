import { type PrivilegedOperation, REGISTER, SEGMENT } from "@xenolith/x86-architecture";
import type { Instruction, Operand } from "../decoder/instruction.ts";
import type { VcpuState } from "../state/vcpu-state.ts";

const numberOf = (operands: readonly Operand[], ...kinds: readonly Operand["kind"][]): number => {
  for (const operand of operands) {
    if (kinds.includes(operand.kind) && "register" in operand) return operand.register;
  }
  return 0;
};

/** Port of IN, OUT, INS and OUTS. */
const portOf = (instruction: Instruction, state: VcpuState): number => {
  const immediate = instruction.operands.find(({ kind }) => kind === "immediate");
  if (immediate?.kind === "immediate") return immediate.value & 0xff;
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
  system: numberOf(instruction.operands, "control", "debug"),
  register: numberOf(instruction.operands, "register"),
  port: portOf(instruction, state),
  repeat: instruction.repeat !== "none",
  addressBytes: instruction.addressBytes,
  segment: instruction.segment,
});
