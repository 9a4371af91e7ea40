import { REGISTER, type VcpuContext } from "@xenolith/x86-architecture";

const GENERAL_REGISTERS = REGISTER.r15 + 1;

/** Notes the registers that an instruction of a kernel may change. @returns a function that sets them again. */
export const saveRegisters = (context: VcpuContext): (() => void) => {
  const low = new Uint32Array(GENERAL_REGISTERS);
  const high = new Uint32Array(GENERAL_REGISTERS);
  for (let index = 0; index < GENERAL_REGISTERS; index++) {
    low[index] = context.register(index);
    high[index] = context.registerHigh(index);
  }
  const { instructionPointer, flags } = context;
  return () => {
    for (let index = 0; index < GENERAL_REGISTERS; index++)
      context.setRegisterWords(index, low[index] ?? 0, high[index] ?? 0);
    context.instructionPointer = instructionPointer;
    context.flags = flags;
  };
};
