import { FLAG } from "@xenolith/x86-architecture";
import type { Instruction } from "../decoder/instruction.ts";
import {
  OUTCOME,
  type Outcome,
  type ProcessorCore,
  type SystemOperation,
} from "../engine/system-operations.ts";
import { ARITHMETIC_FLAGS } from "../state/flags.ts";

/** RDRAND and RDSEED: always a number, so CF is set, the other arithmetic flags are clear. [SDM2B-4.3] */
const random: SystemOperation = (core: ProcessorCore, instruction: Instruction): Outcome => {
  const { state, environment } = core;
  const operand = instruction.operands[0];
  if (operand?.kind !== "register") return OUTCOME.next;
  const low = environment.entropy.next32();
  if (instruction.operandBytes === 2) state.setRegister16(operand.register, low & 0xffff);
  else if (instruction.operandBytes === 4) state.setRegister(operand.register, low);
  else state.setWideRegister(operand.register, (BigInt(environment.entropy.next32()) << 32n) | BigInt(low));
  state.arithmeticFlags = (state.flags & ~ARITHMETIC_FLAGS) | FLAG.cf;
  return OUTCOME.next;
};

/** RDRAND and RDSEED. */
export const RANDOM: Readonly<Record<string, SystemOperation>> = { rdrand: random, rdseed: random };
