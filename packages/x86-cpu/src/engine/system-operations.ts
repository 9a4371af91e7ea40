/**
 * How a rare instruction (segment loads, far transfers, gates, control registers, ports …) reaches its TypeScript
 * meaning. STABLE: `Outcome`, `OUTCOME`, `SystemOperation`, `SystemOperations`, `ProcessorCore`, `LinearMemory`,
 * `OperandAccess`, `ProcessorEnvironment`. Members may be added, none will change.
 */
import type { LinearAddress, MachineMemory } from "@xenolith/machine-interface";
import type { DescriptorSource, PackedFault, SegmentIndex } from "@xenolith/x86-architecture";
import type { Instruction, MemoryOperand } from "../decoder/instruction.ts";
import type { VcpuState } from "../state/vcpu-state.ts";

/**
 * What a system operation did. Any number at or above 0x4000_0000 is a {@link PackedFault}: nothing has changed, the
 * instruction pointer names the instruction, nothing retires.
 * - `next`: done; the engine advances the instruction pointer and one instruction retires.
 * - `jumped`: done, and the operation has set the instruction pointer itself. One instruction retires.
 * - `halt`: as `next`, then the processor sleeps until an interrupt.
 * - `privileged`: to be left to the monitor, nothing has happened. The engine exits with kind `privileged`.
 * - `again`: one iteration of a repeated instruction is done and retires; the instruction pointer stays.
 * - `shadow`: as `next`, and interrupts stay blocked for one more instruction (STI, MOV SS, POP SS).
 * - `shutdown`: the processor cannot go on (triple fault).
 */
export const OUTCOME = {
  next: 0,
  jumped: 1,
  halt: 2,
  privileged: 3,
  again: 4,
  shadow: 5,
  shutdown: 6,
} as const;

/** One value of {@link OUTCOME}, or a {@link PackedFault}. */
export type Outcome = number;

/** Meaning of a rare instruction. The state's instruction pointer names the instruction while it runs. Must not throw. */
export type SystemOperation = (core: ProcessorCore, instruction: Instruction) => Outcome;

/** System operations by mnemonic. An instruction with neither a meaning nor an entry here raises #UD. */
export type SystemOperations = ReadonlyMap<string, SystemOperation>;

/** Privilege of a memory access made by the processor: as the current code, or as supervisor (descriptor tables, TSS). */
export type AccessPrivilege = "current" | "supervisor";

/**
 * A value read, unsigned; or, when the access faulted, a negative number: the negated {@link PackedFault}
 * (`isAccessFault`, `accessFault`). For a page fault the address is in `VcpuState` at `STATE.faultAddress`.
 */
export type ReadResult = number;

/** Whether a read failed. */
export const isAccessFault = (result: ReadResult): boolean => result < 0;

/** The fault of a failed read. */
export const accessFault = (result: ReadResult): PackedFault => -result;

/**
 * Memory by linear address, through the TLB with all its checks. An access that crosses a page happens whole or not at all.
 * Stores pass the frame watch. Linear addresses wrap at 2^32 outside 64-bit mode.
 */
export interface LinearMemory {
  read8(at: number, privilege?: AccessPrivilege): ReadResult;
  read16(at: number, privilege?: AccessPrivilege): ReadResult;
  read32(at: number, privilege?: AccessPrivilege): ReadResult;
  write8(at: number, value: number, privilege?: AccessPrivilege): PackedFault | 0;
  write16(at: number, value: number, privilege?: AccessPrivilege): PackedFault | 0;
  write32(at: number, value: number, privilege?: AccessPrivilege): PackedFault | 0;
  /** Reads 64 bits into `low` and `high`. Returns 0 or the fault. */
  read64(at: number, privilege?: AccessPrivilege): PackedFault | 0;
  write64(at: number, low: number, high: number, privilege?: AccessPrivilege): PackedFault | 0;
  /** Words of the last successful {@link read64}, unsigned. */
  readonly low: number;
  readonly high: number;
  /** Checks that `lengthBytes` (up to 4096) could be written, without writing: for frames that are pushed whole. */
  checkWrite(at: number, lengthBytes: number, privilege?: AccessPrivilege): PackedFault | 0;
  /** As {@link checkWrite}, for reading. */
  checkRead(at: number, lengthBytes: number, privilege?: AccessPrivilege): PackedFault | 0;
}

/** Operands of an instruction through segmentation: limit, type and presence checks give #GP(0) or #SS(0). */
export interface OperandAccess {
  /** Offset of a memory operand in its segment, wrapped at the address size. */
  offsetOf(instruction: Instruction, operand: MemoryOperand): number;
  /**
   * Linear address of `lengthBytes` at `offset` in a segment.
   * @returns the address, or a negated fault (see {@link ReadResult}); in 64-bit mode addresses may be negative too: there
   * the result is only an address (call `isCanonical` first).
   */
  linear(segment: SegmentIndex, offset: number, lengthBytes: number, isWrite: boolean): ReadResult;
  /** Reads operand number `which` (register, memory or immediate) with `sizeBytes` of 1, 2 or 4. */
  read(instruction: Instruction, which: number, sizeBytes: 1 | 2 | 4): ReadResult;
  /** Writes operand number `which`. A 4-byte write to a register zeroes its upper half. */
  write(instruction: Instruction, which: number, sizeBytes: 1 | 2 | 4, value: number): PackedFault | 0;
  /** Pushes one value at the stack size in place; ESP moves only when the store succeeds. */
  push(value: number, sizeBytes: 2 | 4): PackedFault | 0;
  /** Reads the stack `offset` bytes above its top without moving it. */
  peek(offset: number, sizeBytes: 2 | 4): ReadResult;
  /** Moves the stack pointer, wrapping at the stack size. */
  adjustStack(bytes: number): void;
}

/** What stands around a processor. A bare processor and one under a monitor give different environments. */
export interface ProcessorEnvironment {
  /**
   * Whether ring 0 is a monitor: then privileged instructions, software interrupts and faults leave the processor, and
   * descriptors come from `descriptors`.
   */
  readonly isMonitored: boolean;
  /** Descriptor tables of the monitor; null: those at GDTR and LDTR. */
  readonly descriptors: DescriptorSource | null;
  /** Reads a port of 1, 2 or 4 bytes, unsigned. */
  portIn(port: number, sizeBytes: 1 | 2 | 4): number;
  portOut(port: number, sizeBytes: 1 | 2 | 4, value: number): void;
  /** Time-stamp counter after `retired` instructions of the present run. */
  timestamp(retired: number): number;
  /** RDTSC outside ring 0 leaves to the monitor. */
  readonly trapTimestamp: boolean;
  /** CPUID leaves to the monitor. */
  readonly trapCpuid: boolean;
  /** Answer of CPUID: EAX, EBX, ECX, EDX. */
  cpuid(leaf: number, subleaf: number): readonly [number, number, number, number];
  /** Reads a model-specific register that has no slot in the state block; null: none such (#GP). */
  readMsr(index: number): bigint | null;
  /** Writes one; false: #GP. */
  writeMsr(index: number, value: bigint): boolean;
}

/** What a system operation works with. */
export interface ProcessorCore {
  readonly state: VcpuState;
  readonly machine: MachineMemory;
  readonly memory: LinearMemory;
  readonly operands: OperandAccess;
  readonly environment: ProcessorEnvironment;
  /** Instructions retired by the present run before the current one. */
  readonly retired: number;
  /** Forgets the TLB entries of one page, or (undefined) of the whole space, global ones included. */
  invalidate(at?: LinearAddress): void;
}
