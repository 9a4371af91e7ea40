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
import type { OperandAccess, ReadResult } from "./system-operations.ts";

type AccessBytes = 1 | 2 | 4;

/** Operands and stack of one VCPU in 16 and 32-bit code, for TypeScript. */
export class VcpuOperands implements OperandAccess {
  readonly #state: VcpuState;
  readonly #memory: VcpuMemory;

  constructor(state: VcpuState, memory: VcpuMemory) {
    this.#state = state;
    this.#memory = memory;
  }

  offsetOf(instruction: Instruction, operand: MemoryOperand): number {
    const base = operand.base < 0 ? 0 : this.#state.register(operand.base);
    const index = operand.index < 0 ? 0 : this.#state.register(operand.index) * 2 ** operand.scale;
    const sum = base + index + displacementOf(instruction, operand);
    return instruction.addressBytes === 2 ? sum & 0xffff : sum >>> 0;
  }

  linear(segment: SegmentIndex, offset: number, lengthBytes: number, isWrite: boolean): ReadResult {
    const state = this.#state;
    const first = state.segmentField(segment, isWrite ? SEGMENT_FIELD.writeFirst : SEGMENT_FIELD.readFirst);
    const last = state.segmentField(segment, isWrite ? SEGMENT_FIELD.writeLast : SEGMENT_FIELD.readLast);
    if (offset < first || offset + lengthBytes - 1 > last) {
      return -packFault(segment === SEGMENT.ss ? VECTOR.stackFault : VECTOR.generalProtection, 0);
    }
    return (state.segmentField(segment, SEGMENT_FIELD.base) + offset) >>> 0;
  }

  read(instruction: Instruction, which: number, sizeBytes: AccessBytes): ReadResult {
    const operand = instruction.operands[which];
    if (operand?.kind === "memory") {
      const at = this.linear(operand.segment, this.offsetOf(instruction, operand), sizeBytes, false);
      return at < 0 ? at : this.#readMemory(at, sizeBytes);
    }
    const mask = sizeBytes === 4 ? 0xffff_ffff : 2 ** (8 * sizeBytes) - 1;
    if (operand?.kind === "register") {
      const value = this.#state.register(operand.register) >>> (operand.high ? 8 : 0);
      return (value & mask) >>> 0;
    }
    return operand?.kind === "immediate" ? (operand.value & mask) >>> 0 : 0;
  }

  #readMemory(at: number, sizeBytes: AccessBytes): ReadResult {
    if (sizeBytes === 4) return this.#memory.read32(at);
    return sizeBytes === 2 ? this.#memory.read16(at) : this.#memory.read8(at);
  }

  write(instruction: Instruction, which: number, sizeBytes: AccessBytes, value: number): PackedFault | 0 {
    const operand = instruction.operands[which];
    if (operand?.kind === "memory") {
      const at = this.linear(operand.segment, this.offsetOf(instruction, operand), sizeBytes, true);
      return at < 0 ? -at : this.#writeMemory(at, sizeBytes, value);
    }
    if (operand?.kind === "register") this.#writeRegister(operand.register, operand.high, sizeBytes, value);
    return 0;
  }

  #writeMemory(at: number, sizeBytes: AccessBytes, value: number): PackedFault | 0 {
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

  push(value: number, sizeBytes: 2 | 4): PackedFault | 0 {
    const state = this.#state;
    const mask = state.u32(STATE.stackMask);
    const top = ((state.register(REGISTER.rsp) - sizeBytes) & mask) >>> 0;
    const at = this.linear(SEGMENT.ss, top, sizeBytes, true);
    if (at < 0) return -at;
    const fault = this.#writeMemory(at, sizeBytes, value);
    if (fault === 0) this.adjustStack(-sizeBytes);
    return fault;
  }

  peek(offset: number, sizeBytes: 2 | 4): ReadResult {
    const state = this.#state;
    const from = ((state.register(REGISTER.rsp) + offset) & state.u32(STATE.stackMask)) >>> 0;
    const at = this.linear(SEGMENT.ss, from, sizeBytes, false);
    return at < 0 ? at : this.#readMemory(at, sizeBytes);
  }

  adjustStack(bytes: number): void {
    const state = this.#state;
    const pointer = state.register(REGISTER.rsp);
    const mask = state.u32(STATE.stackMask);
    state.setRegister(REGISTER.rsp, ((pointer & ~mask) | ((pointer + bytes) & mask)) >>> 0);
  }
}
