import type { Asid, DirectGate, Executor } from "@xenolith/machine-interface";
import type { PackedFault } from "./exceptions.ts";
import type { RegisterIndex, SegmentIndex } from "./registers.ts";
import type { TransitionGates } from "./transition-gates.ts";

/** Visible and hidden part of a segment register. */
export interface SegmentState {
  /** 16-bit selector. */
  readonly selector: number;
  /** Linear base: 32 bits unsigned; canonical number for FS and GS in 64-bit mode. */
  readonly base: number;
  /** Last valid offset in bytes, 0 to 2^32 - 1. */
  readonly limit: number;
  /** In the form of `ATTRIBUTE`; 0 means unusable (a null selector). */
  readonly attributes: number;
}

/** The x87 and vector registers of one VCPU as TypeScript sees them. [SDM1-8.1] [SDM1-10.2] */
export interface FloatingPointContext {
  /** x87 control word. */
  control: number;
  /** x87 status word, TOP in bits 13:11. */
  status: number;
  /** Bit n: physical register n is not empty, as FXSAVE stores it. */
  tags: number;
  mxcsr: number;
  /** A physical x87 register: 80 bits, sign and exponent above a mantissa of 64. MMX registers are its low 64 bits. */
  register(physical: number): bigint;
  setRegister(physical: number, value: bigint): void;
  /** Low 128 bits of a vector register. */
  vector(index: number): bigint;
  setVector(index: number, value: bigint): void;
}

/**
 * The registers of one VCPU as TypeScript sees them, valid between runs. Flags are always whole: what the engine keeps
 * lazily is worked out on reading.
 */
export interface VcpuContext {
  /** Low 32 bits of a general register, unsigned. */
  register(index: RegisterIndex): number;
  /** Writes 32 bits and zeroes the upper half, as a 32-bit MOV does. */
  setRegister(index: RegisterIndex, value: number): void;
  /** High 32 bits of a general register, unsigned. */
  registerHigh(index: RegisterIndex): number;
  /** Writes all 64 bits as two words. */
  setRegisterWords(index: RegisterIndex, low: number, high: number): void;
  /** All 64 bits, unsigned. */
  wideRegister(index: RegisterIndex): bigint;
  setWideRegister(index: RegisterIndex, value: bigint): void;
  /** Offset in CS: 32 bits unsigned in 16 and 32-bit code, canonical in 64-bit code. */
  instructionPointer: number;
  /** EFLAGS / low half of RFLAGS; bit 1 reads as 1. */
  flags: number;
  /** Current privilege level, 0 to 3. Follows from CS and SS as they are set. */
  readonly privilege: number;
  segment(index: SegmentIndex): SegmentState;
  /** Sets visible and hidden part without any check. Setting CS or SS sets the privilege and the code size. */
  setSegment(index: SegmentIndex, state: SegmentState): void;
  /**
   * Loads a segment register from the descriptor tables with the checks of MOV / far transfer at the current privilege.
   * @returns 0, or the fault; then nothing has changed.
   */
  loadSegment(index: SegmentIndex, selector: number): PackedFault | 0;
  /** CR0, CR2, CR3, CR4, CR8. */
  control(index: number): number;
  /** Sets a control register without the checks of MOV CR, but with its effects on paging. */
  setControl(index: number, value: number): void;
  /** Low 32 bits of DR0-DR7; of DR0-DR3 in IA-32e mode the address, signed. */
  debug(index: number): number;
  setDebug(index: number, value: number): void;
  readonly floatingPoint: FloatingPointContext;
}

/** Where segment descriptors come from when it is not the processor's own GDTR and LDTR: a monitor's virtual tables. */
export interface DescriptorSource {
  /**
   * Reads the descriptor a non-null selector names (bits 15:3 index, bit 2 LDT). On success leaves its two words in
   * `low` and `high`.
   * @returns false when the selector is beyond the table (#GP with the selector).
   */
  read(selector: number): boolean;
  low: number;
  high: number;
  /** Sets the accessed bit of the descriptor. Called for present code and data segments when they are loaded. */
  setAccessed(selector: number): void;
}

/**
 * An instruction that the monitor is asked to emulate (exit `privileged`): it is refused at the current privilege (#GP(0) on
 * hardware) or would enter ring 0 (SYSCALL in 64-bit code, SYSENTER). Nothing of it has happened; the instruction pointer
 * names it. IRET, RET, CALL and JMP are not among them: they work natively among rings 1 to 3, and what leads elsewhere exits
 * with its fault.
 */
export interface PrivilegedOperation {
  /** Lower-case mnemonic of the instruction. */
  readonly mnemonic:
    | "in"
    | "out"
    | "ins"
    | "outs"
    | "cli"
    | "sti"
    | "hlt"
    | "clts"
    | "invd"
    | "wbinvd"
    | "invlpg"
    | "lgdt"
    | "lidt"
    | "lldt"
    | "ltr"
    | "lmsw"
    | "mov-from-cr"
    | "mov-to-cr"
    | "mov-from-dr"
    | "mov-to-dr"
    | "rdmsr"
    | "wrmsr"
    | "rdtsc"
    | "rdtscp"
    | "rdpmc"
    | "cpuid"
    | "xsetbv"
    | "swapgs"
    | "syscall"
    | "sysenter"
    | "sysret"
    | "sysexit"
    | "iret";
  /** Length of the instruction in bytes: where to go on after emulating it. */
  readonly lengthBytes: number;
  /** Operand size in bytes: 1, 2, 4 or 8. */
  readonly sizeBytes: number;
  /** Control or debug register number, for the moves. */
  readonly system: number;
  /** General register, for the moves and for LMSW from a register. */
  readonly register: number;
  /** Port of IN and OUT (immediate or DX), of INS and OUTS (DX). */
  readonly port: number;
  /** INS, OUTS: whether a REP prefix stands before it, and its address size in bytes. */
  readonly repeat: boolean;
  readonly addressBytes: number;
  /** OUTS: segment of the source. */
  readonly segment: SegmentIndex;
}

/** One virtual x86 processor: an executor with registers. */
export interface X86Vcpu extends Executor {
  readonly context: VcpuContext;
  /** Address space it runs in. May be changed between runs. */
  space: Asid;
  /** Installs, replaces or (null) removes the direct gate of a vector. */
  setDirectGate(vector: number, gate: DirectGate | null): void;
  readonly gates: TransitionGates;
  /** To be called when descriptors have changed that it may have read: it keeps copies for direct gates and IRET. */
  forgetDescriptors(): void;
  /** The operation behind the last exit of kind `privileged`. Reused: read it before running again. */
  readonly privilegedOperation: PrivilegedOperation;
  /** Makes a run that is under way, or the next one, come back with exit `request` at an instruction boundary. */
  requestExit(): void;
  /** Gives its state back to the processor it was made by. Not to be used any more. */
  release(): void;
}

/** What a VCPU under a monitor is made with. */
export interface MonitoredVcpuOptions {
  /** Virtual descriptor tables. */
  readonly descriptors: DescriptorSource;
  /** Time-stamp counter when `retired` instructions of the present run have retired, as an exact number. */
  readonly timestamp: (retired: number) => number;
  /** CR4.TSD as the monitor sets it: RDTSC exits as privileged outside ring 0. */
  readonly trapTimestamp?: boolean;
  /** CPUID exits as privileged (CPUID faulting). Without it CPUID is answered by the processor's model. */
  readonly trapCpuid?: boolean;
  /**
   * EFER.LMA as the monitor sets it, for good, with no-execute pages and SYSCALL: a code segment with the long attribute
   * holds 64-bit code, others compatible code. The spaces it runs in have the format "long". Bases of FS and GS are those
   * that `setSegment` gives; SWAPGS exits, so the other base of GS is the monitor's. Direct gates of INT n are not taken.
   */
  readonly longMode?: boolean;
}

/**
 * Makes VCPUs whose ring 0 is the monitor: every fault, every software interrupt without a direct gate and every
 * privileged instruction exits.
 */
export interface MonitoredProcessor {
  createVcpu(options: MonitoredVcpuOptions): X86Vcpu;
  /** Forgets decoded and translated code, which comes back as it is needed. Between runs only. What runs does not change. */
  forgetCode(): void;
}
