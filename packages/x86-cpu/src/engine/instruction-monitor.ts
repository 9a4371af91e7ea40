import {
  CR0,
  CR4,
  FLAG,
  type PackedFault,
  packFault,
  REGISTER,
  SEGMENT,
  VECTOR,
} from "@xenolith/x86-architecture";
import type { Instruction } from "../decoder/instruction.ts";
import { PENDING, STATE } from "../state/layout.ts";
import { type DataAccess, dataAccesses } from "./instruction-accesses.ts";
import { isAccessFault, type ProcessorCore } from "./system-operations.ts";

/** Bits of DR6: a breakpoint each, and a single step. */
const SINGLE_STEP = 0x4000;
/** Bits of `STATE.pending` that have nothing to do with debugging. */
const OTHERS = PENDING.nmiBlocked | PENDING.nmi;
/** L0 G0 … L3 G3 of DR7: any breakpoint at all. */
const ENABLED = 0xff;
const BREAKPOINTS = 4;

/** What a breakpoint is about: bits 1:0 of its field in DR7. [SDM3A-18.2.4] */
const KIND = { execute: 0, write: 1, port: 2, access: 3 } as const;

/** Whether an access meets a breakpoint of a kind. */
const matches = (kind: number, isWrite: boolean): boolean =>
  kind === KIND.access || (kind === KIND.write && isWrite);
/** Bytes by the length field. */
const LENGTHS: readonly number[] = [1, 2, 8, 4];

/** Instructions that deliver an interrupt: that clears TF, and no step is reported. */
const INTERRUPTS: ReadonlySet<string> = new Set(["int", "int3", "into", "int1"]);
/** Instructions after which TF as they leave it decides whether a step is reported. */
const SYSTEM_CALLS: ReadonlySet<string> = new Set(["syscall", "sysret"]);
const PORT_INSTRUCTIONS: ReadonlySet<string> = new Set(["in", "out", "ins", "outs"]);

/** Whether an instruction loads SS and by that holds debug exceptions back for one instruction. [SDM3A-6.8.3] */
const loadsStackSegment = ({ mnemonic, operands }: Instruction): boolean => {
  const first = operands[0];
  const isLoad = mnemonic === "mov-to-sreg" || mnemonic === "pop-sreg";
  return isLoad && first?.kind === "segment" && first.register === SEGMENT.ss;
};

const portOf = ({ operands }: Instruction, dx: number): number => {
  for (const operand of operands) if (operand.kind === "immediate") return operand.value & 0xff;
  return dx & 0xffff;
};

/**
 * Breakpoints of the debug registers, single steps and alignment checks. While any of it is armed, instructions run one by one
 * and this looks at each before and after; else it costs nothing. [SDM3A-18.2] [SDM3A-18.3] [SDM3A-6.15]
 */
export class InstructionMonitor {
  readonly #core: ProcessorCore;
  /** The instruction under way, and flags as it began. */
  #instruction: Instruction | null = null;
  #flags = 0;
  #startedAt = 0;
  /** Bits of DR6 for what the instruction under way does. */
  #hits = 0;

  constructor(core: ProcessorCore) {
    this.#core = core;
  }

  // Methods, not private accessors: reading one of those is a call into the JavaScript engine, and this is asked at every exit.

  #readControl(): number {
    return this.#core.state.u32(STATE.debug + 8 * 7);
  }

  #checksAlignment(): boolean {
    const { state } = this.#core;
    const isAsked = (state.systemFlags & FLAG.ac) !== 0 && (state.control(0) & CR0.am) !== 0;
    return isAsked && state.privilege === 3;
  }

  /** Whether a load of SS holds debug exceptions back for the instruction that comes. */
  #isHeldBack(): boolean {
    return (this.#core.state.u32(STATE.pending) & PENDING.debugHeld) !== 0;
  }

  /** Whether instructions have to be run one by one. */
  get isArmed(): boolean {
    const { state } = this.#core;
    if ((this.#readControl() & ENABLED) !== 0 || this.#isHeldBack()) return true;
    const { systemFlags } = state;
    return (
      (systemFlags & (FLAG.tf | FLAG.ac)) !== 0 && ((systemFlags & FLAG.tf) !== 0 || this.#checksAlignment())
    );
  }

  /** Whether a breakpoint waits for an access to data. Then accesses that TypeScript makes are to be {@link note}d. */
  get watchesData(): boolean {
    const control = this.#readControl();
    if ((control & ENABLED) === 0) return false;
    for (let number = 0; number < BREAKPOINTS; number++) {
      const isEnabled = ((control >>> (2 * number)) & 3) !== 0;
      if (isEnabled && ((control >>> (16 + 4 * number)) & KIND.write) !== 0) return true;
    }
    return false;
  }

  /**
   * An access that an instruction or the delivery of an event makes by itself: to a descriptor table, a task state, a frame
   * on the stack.
   */
  readonly note = (address: number, sizeBytes: number, isWrite: boolean): void => {
    this.#hits |= this.#find((kind) => matches(kind, isWrite), address, sizeBytes);
  };

  /** The instruction under way has faulted: what it has accessed is not reported, but what the delivery will access is. */
  forget(): void {
    this.#hits = 0;
  }

  /** Whether the delivery of an event has met a breakpoint, which is then due before the handler; DR6 says which. */
  takesDelivery(): boolean {
    const hits = this.#hits;
    if (hits === 0) return false;
    this.#hits = 0;
    const { state } = this.#core;
    state.setDebug(6, state.debug(6) | hits);
    return true;
  }

  /**
   * Before an instruction.
   * @param linear - its linear address; null: it cannot be fetched
   * @returns 0, or the fault that it meets before it begins.
   */
  before(instruction: Instruction | null, linear: number): PackedFault | 0 {
    const { state } = this.#core;
    this.#flags = state.systemFlags;
    this.#startedAt = state.instructionPointer;
    this.#instruction = instruction;
    this.#hits = 0;
    const isArmed = (this.#readControl() & ENABLED) !== 0;
    if (isArmed && (this.#flags & FLAG.rf) === 0 && !this.#isHeldBack()) {
      const hits = this.#find((kind) => kind === KIND.execute, linear, 1);
      if (hits !== 0) {
        state.setDebug(6, state.debug(6) | hits);
        return packFault(VECTOR.debug, 0);
      }
    }
    if (instruction === null) return 0;
    const checksAlignment = this.#checksAlignment();
    if (!isArmed && !checksAlignment) return 0;
    const accesses = dataAccesses(this.#core, instruction);
    if (checksAlignment && accesses.some((access) => this.#isMisaligned(access))) {
      return packFault(VECTOR.alignmentCheck, 0);
    }
    if (isArmed) this.#hits = this.#watched(instruction, accesses);
    return 0;
  }

  /** Breakpoints that an instruction's accesses meet, as bits of DR6. */
  #watched(instruction: Instruction, accesses: readonly DataAccess[]): number {
    const { state, operands } = this.#core;
    let hits = 0;
    for (const { segment, offset, sizeBytes, isWrite } of accesses) {
      const linear = operands.linear(segment, offset, sizeBytes, isWrite);
      if (isAccessFault(linear)) continue;
      hits |= this.#find((kind) => matches(kind, isWrite), linear, sizeBytes);
    }
    const hasPorts = (state.control(4) & CR4.de) !== 0 && PORT_INSTRUCTIONS.has(instruction.mnemonic);
    if (!hasPorts) return hits;
    const port = portOf(instruction, state.register(REGISTER.rdx));
    return hits | this.#find((kind) => kind === KIND.port, port, Math.min(instruction.operandBytes, 4));
  }

  /** Enabled breakpoints of some kind that touch a range. */
  #find(isWanted: (kind: number) => boolean, at: number, lengthBytes: number): number {
    const { state } = this.#core;
    const control = this.#readControl();
    let hits = 0;
    for (let number = 0; number < BREAKPOINTS; number++) {
      if (((control >>> (2 * number)) & 3) === 0) continue;
      const field = (control >>> (16 + 4 * number)) & 15;
      if (!isWanted(field & 3)) continue;
      const size = LENGTHS[field >>> 2] ?? 1;
      const wide = state.address(STATE.debug + 8 * number);
      const address = state.isLongMode ? wide : wide >>> 0;
      const first = address - (((address % size) + size) % size);
      if (first < at + lengthBytes && at < first + size) hits |= 1 << number;
    }
    return hits;
  }

  /** Whether an access is misaligned and would be made: faults of segments and pages come first. */
  #isMisaligned({ segment, offset, sizeBytes, isWrite, alignment }: DataAccess): boolean {
    const { operands, memory } = this.#core;
    const linear = operands.linear(segment, offset, sizeBytes, isWrite);
    if (isAccessFault(linear) || linear % alignment === 0) return false;
    const fault = isWrite ? memory.checkWrite(linear, sizeBytes) : memory.checkRead(linear, sizeBytes);
    return fault === 0;
  }

  /**
   * After an instruction that {@link before} has seen.
   * @param hasRetired - false: it met a fault, or was left to a monitor
   * @returns whether a debug exception is due; DR6 then says why.
   */
  after(hasRetired: boolean): boolean {
    const { state } = this.#core;
    const instruction = this.#instruction;
    if (!hasRetired) return this.takesDelivery();
    if ((this.#flags & FLAG.rf) !== 0 && this.#isOver(instruction)) state.systemFlags &= ~FLAG.rf;
    const isHeldBack = instruction !== null && !this.#isHeldBack() && loadsStackSegment(instruction);
    const others = state.u32(STATE.pending) & OTHERS;
    let due = (state.u32(STATE.pending) >>> PENDING.debugShift) | this.#hits;
    if (isHeldBack) {
      state.setU32(STATE.pending, others | PENDING.debugHeld | (due << PENDING.debugShift));
      return false;
    }
    state.setU32(STATE.pending, others);
    if (this.#steps(instruction)) due |= SINGLE_STEP;
    this.#hits = 0;
    if (due === 0) return false;
    state.setDebug(6, state.debug(6) | due);
    return true;
  }

  /**
   * The instruction left to a monitor. What a load of SS held back meets the first instruction of the monitor and is lost to
   * the guest. [SDM3A-6.8.3]
   */
  leave(): void {
    const { state } = this.#core;
    state.setU32(STATE.pending, state.u32(STATE.pending) & OTHERS);
  }

  /** Whether an instruction that retired is done with RF: not IRET, which has loaded it, nor one that goes on repeating. */
  #isOver(instruction: Instruction | null): boolean {
    if (instruction === null || instruction.mnemonic === "iret") return false;
    return instruction.repeat === "none" || this.#core.state.instructionPointer !== this.#startedAt;
  }

  #steps(instruction: Instruction | null): boolean {
    const { state } = this.#core;
    const mnemonic = instruction?.mnemonic ?? "";
    if (SYSTEM_CALLS.has(mnemonic)) return (state.systemFlags & FLAG.tf) !== 0;
    const begins = (this.#flags & FLAG.tf) !== 0;
    // INTO that finds no overflow delivers nothing: TF is still there.
    return begins && !(INTERRUPTS.has(mnemonic) && (state.systemFlags & FLAG.tf) === 0);
  }
}
