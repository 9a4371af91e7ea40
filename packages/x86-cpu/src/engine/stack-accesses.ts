import { REGISTER, SEGMENT } from "@xenolith/x86-architecture";
import type { Instruction } from "../decoder/instruction.ts";
import type { VcpuState } from "../state/vcpu-state.ts";

const STACK_INSTRUCTIONS: ReadonlySet<string> = new Set([
  "push",
  "pop",
  "pusha",
  "popa",
  "pushf",
  "popf",
  "push-sreg",
  "pop-sreg",
  "call",
  "ret",
  "call-far",
  "ret-far",
  "enter",
  "leave",
  "iret",
]);

/** No instruction touches more of the stack around its pointer, but for ENTER with a large frame. */
const STACK_REACH_BYTES = 0x1_0100;

/**
 * Whether an access of an instruction went through SS, for a limit that was enforced without looking at the segment: the
 * instruction pushes or pops and the address is near the stack's top or frame, or its memory operand has SS.
 */
export const isStackAccess = (
  state: VcpuState,
  instruction: Instruction,
  address: number,
  isNarrow: boolean,
): boolean => {
  const usesStack = STACK_INSTRUCTIONS.has(instruction.mnemonic);
  const isNear = (register: number): boolean => {
    const pointer = isNarrow ? state.register(register) : state.addressRegister(register);
    return Math.abs(address - pointer) <= STACK_REACH_BYTES;
  };
  if (usesStack && (isNear(REGISTER.rsp) || isNear(REGISTER.rbp))) return true;
  return instruction.operands.some((operand) => operand.kind === "memory" && operand.segment === SEGMENT.ss);
};
