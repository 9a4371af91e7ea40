/**
 * How a rare instruction (segment loads, far transfers, gates, control registers, ports …) reaches its TypeScript
 * meaning. STABLE: `Outcome`, `OUTCOME`, `SystemOperation`, `SystemOperations`, `ProcessorCore`, `LinearMemory`,
 * `OperandAccess`, `ProcessorEnvironment`. Members may be added, none will change.
 */
import type { EntropySource, LinearAddress, MachineMemory } from "@xenolith/machine-interface";
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
 * A value read, unsigned, or a canonical address; or, when the access faulted, a number below them all (`isAccessFault`,
 * `accessFault`). For a page fault the address is in `VcpuState` at `STATE.faultAddress`.
 */
export type ReadResult = number;

/** Faults lie below it: no canonical address does, nor any number that generated code hands over. */
const LOWEST_RESULT = -(2 ** 52);

/** Whether a read failed. */
export const isAccessFault = (result: ReadResult): boolean => result < LOWEST_RESULT;

/** The fault of a failed read. */
export const accessFault = (result: ReadResult): PackedFault => LOWEST_RESULT - result;

/** The result of a read that failed. */
export const failedAccess = (fault: PackedFault): ReadResult => LOWEST_RESULT - fault;

/**
 * Memory by linear address, through the TLB with all its checks. An access that crosses a page happens whole or not at all.
 * Stores pass the frame watch. In 16 and 32-bit code an access that begins below 2^32 wraps there; addresses above are those
 * of system structures of long mode, and good in any code. What is not canonical faults with #GP(0).
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
  /** Reads bytes as a whole. @returns false where that cannot be: on two pages, at a fault, and while somebody looks on. */
  copyFrom(at: number, target: Uint8Array): boolean;
  /** As {@link copyFrom}, for writing: false means that nothing has been written. */
  copyTo(at: number, source: Uint8Array): boolean;
}

/** Operands of an instruction through segmentation: limit, type and presence checks give #GP(0) or #SS(0). */
export interface OperandAccess {
  /**
   * Offset of a memory operand in its segment, wrapped at the address size. In 64-bit code: signed, and exact below 2^52
   * (beyond, no segment base makes it canonical).
   */
  offsetOf(instruction: Instruction, operand: MemoryOperand): number;
  /**
   * Linear address of `lengthBytes` at `offset` in a segment: within its limits, or canonical in 64-bit code.
   * @returns the address, or a fault (see {@link ReadResult}).
   */
  linear(segment: SegmentIndex, offset: number, lengthBytes: number, isWrite: boolean): ReadResult;
  /** Reads operand number `which` (register, memory or immediate) with `sizeBytes` of 1, 2 or 4. */
  read(instruction: Instruction, which: number, sizeBytes: 1 | 2 | 4): ReadResult;
  /** Writes operand number `which`. A 4-byte write to a register zeroes its upper half. */
  write(instruction: Instruction, which: number, sizeBytes: 1 | 2 | 4, value: number): PackedFault | 0;
  /** Reads 64 bits of operand number `which` into `low` and `high`. Returns 0 or the fault. */
  read64(instruction: Instruction, which: number): PackedFault | 0;
  write64(instruction: Instruction, which: number, low: number, high: number): PackedFault | 0;
  /** Words of the last successful {@link read64} or {@link peek64}, unsigned. */
  readonly low: number;
  readonly high: number;
  /**
   * Pushes one value at the stack size in place; ESP moves only when the store succeeds. 8 bytes: the value is a safe
   * integer, sign-extended.
   */
  push(value: number, sizeBytes: 2 | 4 | 8): PackedFault | 0;
  /** Reads the stack `offset` bytes above its top without moving it. */
  peek(offset: number, sizeBytes: 2 | 4): ReadResult;
  /** Reads 64 bits of the stack into `low` and `high`. Returns 0 or the fault. */
  peek64(offset: number): PackedFault | 0;
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
  /** Where RDRAND and RDSEED get their numbers. */
  readonly entropy: EntropySource;
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
