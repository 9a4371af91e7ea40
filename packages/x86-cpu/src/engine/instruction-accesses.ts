import { REGISTER, SEGMENT, type SegmentIndex } from "@xenolith/x86-architecture";
import type { Instruction } from "../decoder/instruction.ts";
import { STATE } from "../state/layout.ts";
import type { VcpuState } from "../state/vcpu-state.ts";
import { isString, memoryOperand, stringAddresses } from "./instruction-form.ts";
import type { OperandAccess } from "./system-operations.ts";

/** An access to data that an instruction will make if nothing stands in its way. */
export interface DataAccess {
  readonly segment: SegmentIndex;
  /** Offset in the segment, as `OperandAccess.offsetOf` gives it. */
  readonly offset: number;
  readonly sizeBytes: number;
  readonly isWrite: boolean;
  /** What its address must be a multiple of where alignment is checked. [SDM3A-6.15 table 6-7] */
  readonly alignment: number;
}

/** Whose registers and operands decide. */
interface Machine {
  readonly state: VcpuState;
  readonly operands: OperandAccess;
}

/** Instructions whose memory operand is an address and no access. */
const ADDRESS_ONLY: ReadonlySet<string> = new Set(["lea", "nop", "invlpg", "prefetch", "clflush"]);

/** Stack accesses by mnemonic: how many values are pushed, or popped from the top. */
const PUSHES: Readonly<Record<string, number>> = {
  push: 1,
  call: 1,
  pushf: 1,
  "push-sreg": 1,
  pusha: 8,
  "call-far": 2,
  enter: 1,
};
const POPS: Readonly<Record<string, number>> = {
  pop: 1,
  ret: 1,
  popf: 1,
  "pop-sreg": 1,
  popa: 8,
  "ret-far": 2,
  iret: 3,
};

/** Instructions that load a pointer: the selector is two bytes of it. */
const FAR_POINTERS: ReadonlySet<string> = new Set(["lds", "les", "lfs", "lgs", "lss", "call-far", "jmp-far"]);

const LARGEST_ALIGNMENT = 8;

/** Instructions whose 16 bytes need not be aligned: where alignment is checked, to 8 bytes. [SDM2B-4.3 "MOVUPS"] */
const UNALIGNED_VECTORS: ReadonlySet<string> = new Set(["movups", "movupd", "movdqu", "lddqu"]);

/** Alignment of an operand by its size: naturally, for pointers that of their offset. Other vectors have their own checks. */
const alignmentOf = (instruction: Instruction, sizeBytes: number): number => {
  if (FAR_POINTERS.has(instruction.mnemonic)) return sizeBytes - 2;
  if (instruction.mnemonic === "bound") return sizeBytes / 2;
  if (sizeBytes === 10 || UNALIGNED_VECTORS.has(instruction.mnemonic)) return LARGEST_ALIGNMENT;
  return sizeBytes === 2 || sizeBytes === 4 || sizeBytes === 8 ? sizeBytes : 1;
};

/** An offset in SS, `distance` bytes from a register. */
const stackOffset = (state: VcpuState, register: number, distance: number): number => {
  if (state.isWideCode) return state.addressRegister(register) + distance;
  return ((state.register(register) + distance) & state.u32(STATE.stackMask)) >>> 0;
};

const stackAccesses = ({ state }: Machine, instruction: Instruction): DataAccess[] => {
  const { mnemonic, operandBytes } = instruction;
  const sizeBytes = operandBytes === 2 || operandBytes === 8 ? operandBytes : 4;
  const access = (offset: number, isWrite: boolean): DataAccess => ({
    segment: SEGMENT.ss,
    offset,
    sizeBytes,
    isWrite,
    alignment: sizeBytes,
  });
  if (mnemonic === "leave") return [access(stackOffset(state, REGISTER.rbp, 0), false)];
  const pops = (POPS[mnemonic] ?? 0) + (mnemonic === "iret" && state.isWideCode ? 2 : 0);
  const accesses: DataAccess[] = [];
  for (let position = 0; position < pops; position++) {
    accesses.push(access(stackOffset(state, REGISTER.rsp, sizeBytes * position), false));
  }
  for (let position = 1; position <= (PUSHES[mnemonic] ?? 0); position++) {
    accesses.push(access(stackOffset(state, REGISTER.rsp, -sizeBytes * position), true));
  }
  return accesses;
};

/** An index register as an offset at the address size. */
const indexOffset = (state: VcpuState, register: number, addressBytes: number): number => {
  if (addressBytes === 8) return state.addressRegister(register);
  return addressBytes === 4 ? state.register(register) : state.register(register) & 0xffff;
};

const stringAccesses = ({ state }: Machine, instruction: Instruction): DataAccess[] => {
  const { mnemonic, addressBytes, operandBytes } = instruction;
  const counter = indexOffset(state, REGISTER.rcx, addressBytes);
  if (instruction.repeat !== "none" && counter === 0) return [];
  const isInput = mnemonic === "ins";
  const uses = isString(instruction)
    ? stringAddresses(mnemonic)
    : { source: !isInput, destination: isInput, writes: isInput };
  const sizeBytes = isString(instruction) ? operandBytes : Math.min(operandBytes, 4);
  const access = (segment: SegmentIndex, register: number, isWrite: boolean): DataAccess => ({
    segment,
    offset: indexOffset(state, register, addressBytes),
    sizeBytes,
    isWrite,
    alignment: sizeBytes,
  });
  return [
    ...(uses.source ? [access(instruction.segment, REGISTER.rsi, false)] : []),
    ...(uses.destination ? [access(SEGMENT.es, REGISTER.rdi, uses.writes)] : []),
  ];
};

/** Offset of the element that a bit string's register selects, from its memory operand. */
const bitStringDistance = ({ state }: Machine, { mnemonic, operands, operandBytes }: Instruction): number => {
  const number = operands[1];
  const isBitTest = mnemonic === "bt" || mnemonic === "bts" || mnemonic === "btr" || mnemonic === "btc";
  if (!isBitTest || number?.kind !== "register") return 0;
  const bits = BigInt(8 * operandBytes);
  const value = BigInt.asIntN(8 * operandBytes, state.wideRegister(number.register));
  const element = (value - (((value % bits) + bits) % bits)) / bits;
  return Number(element) * operandBytes;
};

const operandAccesses = (machine: Machine, instruction: Instruction): DataAccess[] => {
  const memory = memoryOperand(instruction);
  if (memory === null || ADDRESS_ONLY.has(instruction.mnemonic)) return [];
  const { operand, isWrite } = memory;
  if (operand.sizeBytes === 0) return [];
  const offset = machine.operands.offsetOf(instruction, operand) + bitStringDistance(machine, instruction);
  return [
    {
      segment: operand.segment,
      offset: machine.state.isWideCode ? offset : offset >>> 0,
      sizeBytes: operand.sizeBytes,
      isWrite,
      alignment: alignmentOf(instruction, operand.sizeBytes),
    },
  ];
};

/**
 * Accesses to data that an instruction at the instruction pointer is about to make, of one iteration where it repeats.
 * Descriptor tables, task states and the frames of interrupts are not among them, nor are the outer frames that ENTER copies:
 * TypeScript makes those accesses, and tells of them as it does.
 */
export const dataAccesses = (machine: Machine, instruction: Instruction): readonly DataAccess[] => {
  const { mnemonic } = instruction;
  if (isString(instruction) || mnemonic === "ins" || mnemonic === "outs") {
    return stringAccesses(machine, instruction);
  }
  const accesses = [...operandAccesses(machine, instruction), ...stackAccesses(machine, instruction)];
  if (mnemonic === "xlat") {
    const { state } = machine;
    const sum =
      indexOffset(state, REGISTER.rbx, instruction.addressBytes) + (state.register(REGISTER.rax) & 0xff);
    const isShort = instruction.addressBytes === 2;
    const offset = isShort ? sum & 0xffff : state.isWideCode ? sum : sum >>> 0;
    accesses.push({ segment: instruction.segment, offset, sizeBytes: 1, isWrite: false, alignment: 1 });
  }
  return accesses;
};
