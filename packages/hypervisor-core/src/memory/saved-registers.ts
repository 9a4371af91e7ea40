import { REGISTER, type VcpuContext } from "@xenolith/x86-architecture";

/** Notes the registers that an instruction of a kernel may change. @returns a function that sets them again. */
export const saveRegisters = (context: VcpuContext): (() => void) => {
  const general = Array.from({ length: REGISTER.r15 + 1 }, (_, index) => context.wideRegister(index));
  const { instructionPointer, flags } = context;
  return () => {
    for (const [index, value] of general.entries()) context.setWideRegister(index, value);
    context.instructionPointer = instructionPointer;
    context.flags = flags;
  };
};
