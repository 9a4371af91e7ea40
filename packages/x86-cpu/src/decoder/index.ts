export { decode, MAX_INSTRUCTION_BYTES } from "./decode.ts";
export type { CodeBytes } from "./encoding.ts";
export { FEATURES, type Feature } from "./features.ts";
export { formatInstruction } from "./format.ts";
export type {
  FarOperand,
  ImmediateOperand,
  Instruction,
  MemoryOperand,
  Operand,
  RegisterOperand,
  RelativeOperand,
  Repeat,
  SpecialOperand,
} from "./instruction.ts";
