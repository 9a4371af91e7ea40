import {
  type PackedFault,
  packFault,
  REGISTER,
  SEGMENT,
  type SegmentIndex,
  VECTOR,
} from "@xenolith/x86-architecture";
import type { Instruction, MemoryOperand } from "../decoder/instruction.ts";
import { SEGMENT_FIELD, STATE } from "../state/layout.ts";
import type { VcpuState } from "../state/vcpu-state.ts";
import { displacementOf } from "./instruction-form.ts";
import type { VcpuMemory } from "./linear-memory.ts";
import {
  accessFault,
  failedAccess,
  isAccessFault,
  type OperandAccess,
  type ReadResult,
} from "./system-operations.ts";

type AccessBytes = 1 | 2 | 4;

/** Bound of the canonical halves. [SDM1-3.3.7] */
const CANONICAL_END = 2 ** 47;
const WORD = 0x1_0000_0000;

const isCanonical = (at: number): boolean => at >= -CANONICAL_END && at < CANONICAL_END;

const segmentFault = (segment: SegmentIndex): ReadResult =>
  failedAccess(packFault(segment === SEGMENT.ss ? VECTOR.stackFault : VECTOR.generalProtection, 0));

/** Operands and stack of one VCPU, for TypeScript. */
export class VcpuOperands implements OperandAccess {
  low = 0;
  high = 0;
  readonly #state: VcpuState;
  readonly #memory: VcpuMemory;

  constructor(state: VcpuState, memory: VcpuMemory) {
    this.#state = state;
    this.#memory = memory;
  }

  offsetOf(instruction: Instruction, operand: MemoryOperand): number {
    if (instruction.addressBytes === 8 || operand.isRipRelative)
      return this.#wideOffset(instruction, operand);
    const base = operand.base < 0 ? 0 : this.#state.register(operand.base);
    const index = operand.index < 0 ? 0 : this.#state.register(operand.index) * 2 ** operand.scale;
    const sum = base + index + displacementOf(instruction, operand);
    return instruction.addressBytes === 2 ? sum & 0xffff : sum >>> 0;
  }

  #wideOffset(instruction: Instruction, operand: MemoryOperand): number {
    const state = this.#state;
    let sum = BigInt(displacementOf(instruction, operand));
    if (operand.isRipRelative) sum += BigInt(state.instructionPointer);
    if (operand.base >= 0) sum += state.wideRegister(operand.base);
    if (operand.index >= 0) sum += state.wideRegister(operand.index) << BigInt(operand.scale);
    return Number(instruction.addressBytes === 8 ? BigInt.asIntN(64, sum) : BigInt.asUintN(32, sum));
  }

  linear(segment: SegmentIndex, offset: number, lengthBytes: number, isWrite: boolean): ReadResult {
    const state = this.#state;
    if (!this.#memory.isNarrow) return this.#wideLinear(segment, offset, lengthBytes);
    const first = state.segmentField(segment, isWrite ? SEGMENT_FIELD.writeFirst : SEGMENT_FIELD.readFirst);
    const last = state.segmentField(segment, isWrite ? SEGMENT_FIELD.writeLast : SEGMENT_FIELD.readLast);
    if (offset < first || offset + lengthBytes - 1 > last) return segmentFault(segment);
    return (state.segmentField(segment, SEGMENT_FIELD.base) + offset) >>> 0;
  }

  /** In 64-bit code only FS and GS have a base, and none has a limit. [SDM3A-3.2.4] */
  #wideLinear(segment: SegmentIndex, offset: number, lengthBytes: number): ReadResult {
    const hasBase = segment === SEGMENT.fs || segment === SEGMENT.gs;
    const at = hasBase ? this.#state.segment(segment).base + offset : offset;
    return isCanonical(at) && isCanonical(at + lengthBytes - 1) ? at : segmentFault(segment);
  }

  read(instruction: Instruction, which: number, sizeBytes: AccessBytes): ReadResult {
    const operand = instruction.operands[which];
    if (operand?.kind === "memory") {
      const at = this.linear(operand.segment, this.offsetOf(instruction, operand), sizeBytes, false);
      return isAccessFault(at) ? at : this.#readMemory(at, sizeBytes);
    }
    const mask = sizeBytes === 4 ? 0xffff_ffff : 2 ** (8 * sizeBytes) - 1;
    if (operand?.kind === "register") {
      const value = this.#state.register(operand.register) >>> (operand.high ? 8 : 0);
      return (value & mask) >>> 0;
    }
    return operand?.kind === "immediate" ? (operand.value & mask) >>> 0 : 0;
  }

  read64(instruction: Instruction, which: number): PackedFault | 0 {
    const operand = instruction.operands[which];
    if (operand?.kind === "memory") {
      const at = this.linear(operand.segment, this.offsetOf(instruction, operand), 8, false);
      return isAccessFault(at) ? accessFault(at) : this.#readMemory64(at);
    }
    if (operand?.kind === "register") {
      const place = STATE.registers + 8 * operand.register;
      this.low = this.#state.u32(place);
      this.high = this.#state.u32(place + 4);
    } else if (operand?.kind === "immediate") {
      this.low = operand.value >>> 0;
      this.high = operand.high >>> 0;
    }
    return 0;
  }

  #readMemory(at: number, sizeBytes: AccessBytes): ReadResult {
    if (sizeBytes === 4) return this.#memory.read32(at);
    return sizeBytes === 2 ? this.#memory.read16(at) : this.#memory.read8(at);
  }

  #readMemory64(at: number): PackedFault | 0 {
    const fault = this.#memory.read64(at);
    if (fault !== 0) return fault;
    this.low = this.#memory.low;
    this.high = this.#memory.high;
    return 0;
  }

  write(instruction: Instruction, which: number, sizeBytes: AccessBytes, value: number): PackedFault | 0 {
    const operand = instruction.operands[which];
    if (operand?.kind === "memory") {
      const at = this.linear(operand.segment, this.offsetOf(instruction, operand), sizeBytes, true);
      return isAccessFault(at) ? accessFault(at) : this.#writeMemory(at, sizeBytes, value);
    }
    if (operand?.kind === "register") this.#writeRegister(operand.register, operand.high, sizeBytes, value);
    return 0;
  }

  write64(instruction: Instruction, which: number, low: number, high: number): PackedFault | 0 {
    const operand = instruction.operands[which];
    if (operand?.kind === "memory") {
      const at = this.linear(operand.segment, this.offsetOf(instruction, operand), 8, true);
      return isAccessFault(at) ? accessFault(at) : this.#memory.write64(at, low, high);
    }
    if (operand?.kind === "register") {
      const place = STATE.registers + 8 * operand.register;
      this.#state.setU32(place, low);
      this.#state.setU32(place + 4, high);
    }
    return 0;
  }

  #writeMemory(at: number, sizeBytes: AccessBytes | 8, value: number): PackedFault | 0 {
    if (sizeBytes === 8) return this.#memory.write64(at, value >>> 0, Math.floor(value / WORD) >>> 0);
    if (sizeBytes === 4) return this.#memory.write32(at, value);
    return sizeBytes === 2 ? this.#memory.write16(at, value) : this.#memory.write8(at, value);
  }

  #writeRegister(register: number, high: boolean, sizeBytes: AccessBytes, value: number): void {
    const state = this.#state;
    if (sizeBytes === 4) state.setRegister(register, value >>> 0);
    else if (sizeBytes === 2) state.setRegister16(register, value & 0xffff);
    else {
      const shift = high ? 8 : 0;
      const kept = state.register(register) & ~(0xff << shift);
      state.setRegister16(register, (kept | ((value & 0xff) << shift)) & 0xffff);
    }
  }

  /** Offset in SS of what lies `distance` bytes from the top of the stack. */
  #stackOffset(distance: number): number {
    const state = this.#state;
    if (this.#memory.isNarrow) {
      return ((state.register(REGISTER.rsp) + distance) & state.u32(STATE.stackMask)) >>> 0;
    }
    return Number(BigInt.asIntN(64, state.wideRegister(REGISTER.rsp) + BigInt(distance)));
  }

  push(value: number, sizeBytes: 2 | 4 | 8): PackedFault | 0 {
    const at = this.linear(SEGMENT.ss, this.#stackOffset(-sizeBytes), sizeBytes, true);
    if (isAccessFault(at)) return accessFault(at);
    const fault = this.#writeMemory(at, sizeBytes, value);
    if (fault === 0) this.adjustStack(-sizeBytes);
    return fault;
  }

  peek(offset: number, sizeBytes: 2 | 4): ReadResult {
    const at = this.linear(SEGMENT.ss, this.#stackOffset(offset), sizeBytes, false);
    return isAccessFault(at) ? at : this.#readMemory(at, sizeBytes);
  }

  peek64(offset: number): PackedFault | 0 {
    const at = this.linear(SEGMENT.ss, this.#stackOffset(offset), 8, false);
    return isAccessFault(at) ? accessFault(at) : this.#readMemory64(at);
  }

  adjustStack(bytes: number): void {
    const state = this.#state;
    if (!this.#memory.isNarrow) {
      state.setWideRegister(REGISTER.rsp, state.wideRegister(REGISTER.rsp) + BigInt(bytes));
      return;
    }
    const pointer = state.register(REGISTER.rsp);
    const mask = state.u32(STATE.stackMask);
    state.setRegister(REGISTER.rsp, ((pointer & ~mask) | ((pointer + bytes) & mask)) >>> 0);
  }
}
