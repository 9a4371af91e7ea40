import { HostError, type MachineMemory } from "@xenolith/machine-interface";
import { REGISTER, type VcpuContext } from "@xenolith/x86-architecture";
import { copyIn } from "./copy-in.ts";

/** The stack of a flat machine. */
export interface FlatStack {
  readonly context: VcpuContext;
  readonly memory: MachineMemory;
  readonly isWide: boolean;
}

/** Registers of the first six arguments in 64-bit code. */
const ARGUMENT_REGISTERS = [REGISTER.rdi, REGISTER.rsi, REGISTER.rdx, REGISTER.rcx, 8, 9];
const STACK_ALIGNMENT = 16;

/**
 * Puts arguments and a return address where a C function expects them.
 * @throws HostError `call-arguments` for more than six in 64-bit code, `memory-range` when the stack is not in RAM.
 */
export const pushCall = (
  { context, memory, isWide }: FlatStack,
  args: readonly (number | bigint)[],
  returnTo: number,
): void => {
  const values = args.map(BigInt);
  if (isWide && values.length > ARGUMENT_REGISTERS.length) {
    throw new HostError("call-arguments", `at most ${ARGUMENT_REGISTERS.length} arguments can be passed`);
  }
  const wordBytes = isWide ? 8 : 4;
  const onStack = isWide ? [] : values;
  const top = Number(context.wideRegister(REGISTER.rsp));
  const aligned = top - (top % STACK_ALIGNMENT) - STACK_ALIGNMENT;
  const first = aligned - Math.ceil((onStack.length * wordBytes) / STACK_ALIGNMENT) * STACK_ALIGNMENT;
  const at = first - wordBytes;
  const frame = new Uint8Array(wordBytes * (1 + onStack.length));
  const view = new DataView(frame.buffer);
  view.setUint32(0, returnTo, true);
  onStack.forEach((value, index) => {
    view.setUint32(wordBytes * (1 + index), Number(BigInt.asUintN(32, value)), true);
  });
  if (at < 0 || first + frame.length > memory.ramBytes) {
    throw new HostError("memory-range", `the stack at ${top} is not in RAM`);
  }
  copyIn(memory, at, frame);
  context.setWideRegister(REGISTER.rsp, BigInt(at));
  if (!isWide) return;
  values.forEach((value, index) => {
    context.setWideRegister(ARGUMENT_REGISTERS[index] ?? 0, BigInt.asUintN(64, value));
  });
};

/** Takes the frame of an exception off the stack, as IRET would. Returns the error code, or null where there is none. */
export const popExceptionFrame = (
  { context, memory, isWide }: FlatStack,
  hasCode: boolean,
): number | null => {
  const wordBytes = isWide ? 8 : 4;
  const at = Number(context.wideRegister(REGISTER.rsp));
  const word = (index: number): number => {
    const address = at + wordBytes * index;
    return address + 8 <= memory.ramBytes && address >= 0 ? memory.view.getUint32(address, true) : 0;
  };
  const high = (index: number): number => {
    const address = at + wordBytes * index + 4;
    return isWide && address + 4 <= memory.ramBytes && address >= 0 ? memory.view.getInt32(address, true) : 0;
  };
  const first = hasCode ? 1 : 0;
  const errorCode = hasCode ? word(0) : null;
  context.instructionPointer = high(first) * 0x1_0000_0000 + word(first);
  context.flags = word(first + 2);
  const stackPointer = isWide
    ? (BigInt(high(first + 3)) << 32n) | BigInt(word(first + 3))
    : BigInt(at + wordBytes * (first + 3));
  context.setWideRegister(REGISTER.rsp, BigInt.asUintN(64, stackPointer));
  return errorCode;
};
