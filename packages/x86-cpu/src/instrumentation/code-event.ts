import { formatInstruction } from "../decoder/format.ts";
import type { CodeBytes } from "../decoder/index.ts";
import type { Instruction } from "../decoder/instruction.ts";
import type { CodeEvent } from "./types.ts";

/** An instruction as handlers see it; its text is made when it is asked for. */
export const describeCode = (
  address: number,
  instructionPointer: number,
  instruction: Instruction | null,
  bytes: Uint8Array,
  codeBytes: CodeBytes,
): CodeEvent => ({
  address,
  codeBytes,
  instructionPointer,
  instruction,
  bytes,
  get text(): string {
    return instruction === null ? "(cannot be fetched)" : formatInstruction(instruction, instructionPointer);
  },
});
