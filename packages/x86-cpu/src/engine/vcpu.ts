import {
  type Asid,
  type DirectGate,
  EXIT,
  type Exit,
  type ExitKind,
  type LinearAddress,
  type MachineMemory,
  TLB_TAG,
} from "@xenolith/machine-interface";
import {
  FLAG,
  faultErrorCode,
  faultVector,
  hasErrorCode,
  type PackedFault,
  type PrivilegedOperation,
  packFault,
  type VcpuContext,
  VECTOR,
  type X86Vcpu,
} from "@xenolith/x86-architecture";
import type { CodeBytes } from "../decoder/index.ts";
import type { Instruction } from "../decoder/instruction.ts";
import { LEAVE } from "../interpreter/record.ts";
import { DELIVERY, STATE } from "../state/layout.ts";
import type { VcpuState } from "../state/vcpu-state.ts";
import type { SupportHost } from "../support/support-host.ts";
import { type SupportCall, supportFunctionOf } from "../support/support-module.ts";
import { BOUNCE_FAULT, BOUNCE_TRAP } from "../support/system/bounce.ts";
import { DONE } from "../support/system/system-emitter.ts";
import type { CodeWidth } from "./code-width.ts";
import type { Engine } from "./engine.ts";
import { type EventPolicy, type GatedCore, SOFTWARE_INTERRUPT } from "./event-policy.ts";
import { GateBlock } from "./gate-block.ts";
import { InstructionMonitor } from "./instruction-monitor.ts";
import { InterruptShadow } from "./interrupt-shadow.ts";
import { VcpuMemory } from "./linear-memory.ts";
import { codeBytesOf } from "./mode.ts";
import { VcpuOperands } from "./operand-access.ts";
import { placeDirectGate } from "./placed-gate.ts";
import { PresentCode } from "./present-code.ts";
import { describePrivileged, NOTHING_PRIVILEGED } from "./privileged-operation.ts";
import type { RecordBuilder } from "./record-builder.ts";
import { RunBudget } from "./run-budget.ts";
import { NOT_ADMITTED, type RunObserver, STOP_INSTRUCTION } from "./run-observer.ts";
import { isStackAccess } from "./stack-accesses.ts";
import {
  OUTCOME,
  type Outcome,
  type ProcessorEnvironment,
  type SystemOperations,
} from "./system-operations.ts";
import { CoreSupportHost } from "./vcpu-host.ts";

/** What a VCPU is made of. */
export interface VcpuParts {
  readonly engine: Engine;
  readonly state: VcpuState;
  readonly space: Asid;
  readonly environment: ProcessorEnvironment;
  readonly operations: SystemOperations;
  readonly events: EventPolicy;
  readonly release: () => void;
}

/**
 * Deliveries of exceptions without an instruction between them before a run comes back: a handler whose first instruction
 * faults makes a guest go in circles for ever, but not its host.
 */
const MOST_FRUITLESS_DELIVERIES = 1000;

/** What all VCPUs have at first, and many for good. */
const NO_GATES: readonly DirectGate[] = [];

/** A VCPU: the loop around generated code. */
export class Vcpu implements X86Vcpu, GatedCore {
  readonly state: VcpuState;
  readonly machine: MachineMemory;
  readonly memory: VcpuMemory;
  readonly operands: VcpuOperands;
  readonly environment: ProcessorEnvironment;
  privilegedOperation: PrivilegedOperation = NOTHING_PRIVILEGED;
  readonly host: SupportHost;
  readonly gates: GateBlock;
  #directGates: readonly DirectGate[] = NO_GATES;
  readonly #engine: Engine;
  readonly #operations: SystemOperations;
  readonly #events: EventPolicy;
  readonly #release: () => void;
  readonly #budget = new RunBudget();
  readonly #shadow: InterruptShadow;
  readonly #code: PresentCode;
  readonly #monitor: InstructionMonitor;
  readonly #bounce: SupportCall;
  readonly #bounceTrap: SupportCall;
  readonly #exit: Exit = {
    kind: EXIT.budget,
    retired: 0,
    vector: 0,
    errorCode: -1,
    address: 0,
    software: false,
  };
  #exitRequested = false;
  #observer: RunObserver | null = null;
  #isHalted = false;
  /** Whether the present slice is of one instruction, because somebody looks in between. */
  #isSingle = false;
  /** Exceptions delivered since an instruction last retired, and how many had retired then. */
  #fruitless = 0;
  #deliveredAt = -1;

  constructor(parts: VcpuParts) {
    this.#engine = parts.engine;
    this.machine = parts.engine.machine;
    this.state = parts.state;
    this.gates = new GateBlock(parts.state, parts.engine.identities);
    this.memory = new VcpuMemory(this.machine, parts.engine.translator, parts.state, parts.space);
    this.operands = new VcpuOperands(parts.state, this.memory);
    this.environment = parts.environment;
    this.#operations = parts.operations;
    this.#events = parts.events;
    this.#release = parts.release;
    this.#shadow = new InterruptShadow(parts.state, this.#budget);
    this.#code = new PresentCode(parts.engine, parts.state, this.memory);
    this.#monitor = new InstructionMonitor(this);
    this.#bounce = supportFunctionOf(parts.engine.support, BOUNCE_FAULT);
    this.#bounceTrap = supportFunctionOf(parts.engine.support, BOUNCE_TRAP);
    this.host = new CoreSupportHost(this, () => this.#wantsAttention());
  }

  get context(): VcpuContext {
    return this.state;
  }

  get space(): Asid {
    return this.memory.space;
  }

  set space(space: Asid) {
    this.memory.space = space;
  }

  /** Goes on in the space of a side. @returns the tag of user accesses of 64-bit code there */
  enterSide(isKernel: boolean): number {
    const space = isKernel ? this.gates.kernelSpace : this.gates.userSpace;
    if (space !== 0) this.memory.space = space;
    return this.#engine.translator.activate(this.memory.space) | TLB_TAG.user;
  }

  get retired(): number {
    return this.#budget.retired(this.state.i32(STATE.budget)) - 1;
  }

  invalidate(at?: LinearAddress): void {
    this.#engine.translator.invalidate(this.memory.space, at);
    this.takeTag();
  }

  /**
   * Makes the tag of the space the one that generated code works with, where the space may have lost its own: devices and hooks do
   * that in the midst of a run too, and no code could be found in a space without one.
   */
  takeTag(): void {
    if (!this.memory.isActive) return;
    const ofAccess = this.state.u32(STATE.spaceTag) & (TLB_TAG.user | TLB_TAG.narrow);
    this.state.setU32(STATE.spaceTag, this.#engine.translator.activate(this.memory.space) | ofAccess);
  }

  get directGates(): readonly DirectGate[] {
    return this.#directGates;
  }

  setDirectGate(vector: number, gate: DirectGate | null): void {
    const others = this.#directGates.filter((known) => known.vector !== vector);
    this.#directGates = gate === null ? others : others.concat(gate);
    placeDirectGate(this.state, this.#directGates);
  }

  forgetDescriptors(): void {
    this.state.forgetDescriptors();
  }

  requestExit(): void {
    this.#exitRequested = true;
  }

  /** Whoever looks at runs from between their instructions. Not to be set while one is under way. */
  set observer(observer: RunObserver | null) {
    this.#observer = observer;
    this.#engine.code.isStop = observer === null ? null : (linear) => observer.isStop(linear);
    this.#engine.accesses.observer = observer;
    this.memory.observer = observer;
  }

  /** Whether the loop is to look around before the next instruction. */
  #wantsAttention(): boolean {
    const { state } = this;
    const takesInterrupts = (state.systemFlags & FLAG.if) !== 0 && this.#events.isInterruptRequested;
    return this.#exitRequested || state.modeIsStale || takesInterrupts || state.u32(STATE.pending) !== 0;
  }

  /** Whether an external interrupt waits for IF. */
  get isInterruptRequested(): boolean {
    return this.#events.isInterruptRequested;
  }

  /** Whether it waits for an interrupt. */
  get isHalted(): boolean {
    return this.#isHalted;
  }

  /** Instructions retired by the present run, or by the last one. */
  get retiredInRun(): number {
    return this.#usedNow() - this.gates.charged;
  }

  /** Size of the code that comes next, by its default operands. */
  get codeBytes(): CodeBytes {
    return codeBytesOf(this.state);
  }

  /** Linear address of the instruction that comes next. */
  get linearInstructionPointer(): number {
    const { instructionPointer } = this.state;
    if (this.codeBytes === 8) return instructionPointer;
    return (instructionPointer + this.state.address(STATE.codeBase)) >>> 0;
  }

  /** Puts it where a run left it: waiting or not, with interrupts held off for one instruction or not. */
  rest(isHalted: boolean, isShadowed: boolean): void {
    this.#isHalted = isHalted;
    this.#shadow.set(isShadowed);
  }

  /** Ends a halt without an interrupt, as a reset does. */
  wake(): void {
    this.#isHalted = false;
  }

  release(): void {
    this.gates.setIdentities(null);
    this.#engine.window.leave(this.state);
    this.#release();
  }

  /** Whether interrupts are held off for the instruction after STI or a load of SS. */
  get isShadowed(): boolean {
    return this.#shadow.isHere;
  }

  /** Budget used in this run: instructions retired, and what gates have charged. */
  #usedNow(): number {
    return this.#budget.retired(this.state.i32(STATE.budget));
  }

  run(budget: number): Exit {
    const { isShadowed } = this;
    this.#engine.window.enter(this.state);
    this.#engine.hotCode.ran();
    this.#budget.start(budget);
    this.gates.startRun();
    this.state.setU32(STATE.budget, 0);
    this.#shadow.set(isShadowed);
    this.#fruitless = 0;
    this.#deliveredAt = -1;
    this.#engine.accesses.current = this;
    this.memory.isActive = true;
    const kind = this.#loop();
    this.memory.isActive = false;
    this.#exit.kind = kind;
    this.#exit.retired = this.#usedNow() - this.gates.charged;
    this.#shadow.set(this.isShadowed);
    return this.#exit;
  }

  #loop(): ExitKind {
    const { state } = this;
    for (;;) {
      if (this.#exitRequested) {
        this.#exitRequested = false;
        return EXIT.request;
      }
      this.#code.activate();
      this.#watchData();
      const interrupted = this.isShadowed ? null : this.#events.interrupt(this);
      if (interrupted === OUTCOME.shutdown) return EXIT.shutdown;
      if (interrupted !== null) {
        this.#isHalted = false;
        const trapped = this.#monitor.takesDelivery() ? this.#fault(packFault(VECTOR.debug, 0)) : null;
        if (trapped !== null) return trapped;
      }
      if (this.#isHalted) return EXIT.halt;
      const observer = this.#observer;
      if (observer !== null && !this.#budget.isSpent(state.i32(STATE.budget))) {
        if (!observer.before()) return EXIT.request;
        if (this.#exitRequested) continue;
        this.#code.follow(observer);
        this.#watchData();
      }
      if (state.modeIsStale) this.#code.activate();
      const isMonitored = this.#monitor.isArmed;
      const isShadowed = this.isShadowed;
      const isOne = isMonitored || isShadowed || observer?.isStepping === true;
      this.#isSingle = isOne;
      const limit = isOne ? 1 : Number.MAX_SAFE_INTEGER;
      const { made } = this.#engine.translations;
      const slice = this.#budget.slice(state.i32(STATE.budget), limit, made);
      state.setU32(STATE.budget, slice);
      state.setU32(STATE.untranslated, 0);
      const delivers = !isOne && observer === null && this.#events.deliversPageFaults;
      state.setU32(STATE.lastDelivery, delivers ? DELIVERY.none : DELIVERY.never);
      if (isShadowed) this.#shadow.mark(slice);
      if (slice <= 0) return EXIT.budget;
      const before = this.#usedNow();
      const early = isMonitored
        ? this.#monitor.before(this.#code.instruction, this.linearInstructionPointer)
        : 0;
      const exit = early === 0 ? this.#runSlice() : this.#fault(early);
      const goesOn = observer === null || observer.after();
      if (exit !== null) {
        if (exit === EXIT.interrupt || exit === EXIT.privileged) this.#monitor.leave();
        return exit;
      }
      if (this.#fruitless > MOST_FRUITLESS_DELIVERIES) return EXIT.request;
      if (isMonitored && this.#monitor.after(this.#usedNow() !== before)) {
        this.#isHalted = false;
        const trapped = this.#fault(packFault(VECTOR.debug, 0));
        if (trapped !== null) return trapped;
      }
      if (!goesOn) return EXIT.request;
    }
  }

  /** Lets accesses be seen by whoever wants to see them: then none are made in bulk, or by functions that cannot tell of them. */
  #watchData(): void {
    const { watchesData } = this.#monitor;
    this.#monitor.forget();
    this.memory.watcher = watchesData ? this.#monitor.note : null;
    const isObserved = watchesData || this.#observer?.watchesMemory === true;
    this.state.setU32(STATE.isObserved, isObserved ? 1 : 0);
  }

  /** Runs the rest of a block from the record on that an interpreter has stopped at. */
  #runCarefully(width: CodeWidth): number {
    const { state } = this;
    const run = (): number => width.careful(state.u32(STATE.spaceTag), state.u32(STATE.exitRecord), 1);
    const code = run();
    if (code !== LEAVE.careful) return code;
    width.buildCarefulParts();
    return run();
  }

  /** Runs generated code until its slice is used up or something has happened that the loop must look at. */
  #runSlice(): ExitKind | null {
    const { state } = this;
    const engine = this.#engine;
    let record = 0;
    for (;;) {
      const { mode } = this.#code;
      if (mode === null) return null;
      const width = engine.widthOf(mode);
      const interpret = mode.hasFlatStack ? width.fast : width.careful;
      let code = interpret(state.u32(STATE.spaceTag), record, 0);
      record = 0;
      if (code === LEAVE.careful) code = this.#runCarefully(width);
      switch (code) {
        case LEAVE.resolve:
        case LEAVE.help:
        case LEAVE.hot: {
          const found = this.#code.resolve(mode);
          if (typeof found === "number") {
            const exit = this.#fault(found);
            if (exit !== null || !this.#mayGoOn()) return exit;
            break;
          }
          record = code === LEAVE.help ? found.record : this.#code.begin(found, mode, width);
          break;
        }
        case LEAVE.budget: {
          if (state.i32(STATE.budget) <= 0) return null;
          // What is left of a slice goes into the next one.
          if (!this.#isSingle && !this.#budget.isLastSlice) return null;
          record = this.#code.cutBlock(mode);
          break;
        }
        case LEAVE.rare: {
          const exit = this.#rare(width);
          if (exit !== null || !this.#mayGoOn()) return exit;
          break;
        }
        case LEAVE.attend:
          // What generated code has done may have been to CR0.
          state.modeIsStale = true;
          return null;
        case LEAVE.fault: {
          const fault = state.u32(STATE.fault);
          if (fault === NOT_ADMITTED) return null;
          const exit = this.#fault(fault);
          if (exit !== null || !this.#mayGoOn()) return exit;
          break;
        }
        default:
          break;
      }
    }
  }

  /**
   * Whether generated code may go on in its slice after an instruction or a delivery that TypeScript made, because nothing
   * waits for the loop. Makes space and mode those of the registers.
   */
  #mayGoOn(): boolean {
    if (this.#isSingle || this.#observer !== null || this.#isHalted || this.isShadowed) return false;
    if (this.#wantsAttention() || this.#monitor.isArmed) return false;
    if (this.#fruitless > MOST_FRUITLESS_DELIVERIES) return false;
    this.#code.activate();
    return true;
  }

  /** A fault of the present instruction, which is not charged. Null: it was delivered. */
  #fault(fault: PackedFault): ExitKind | null {
    const exact = this.#withStackFaults(fault);
    this.#monitor.forget();
    const retired = this.#usedNow();
    // Generated code may have delivered one just before, and then leaves the next to this.
    const isFirst = this.state.i32(STATE.lastDelivery) !== this.state.i32(STATE.budget);
    const outcome = this.#events.raise(this, exact);
    if (outcome === OUTCOME.shutdown) return EXIT.shutdown;
    if (outcome === null && this.#bounce(exact) !== DONE) return this.#interruptExit(exact);
    if (faultVector(exact) === VECTOR.deviceNotAvailable) this.state.modeIsStale = true;
    if (retired !== this.#deliveredAt) this.#fruitless = isFirst ? 0 : 1;
    this.#fruitless += 1;
    this.#deliveredAt = this.#usedNow();
    return null;
  }

  /** A limit that the space enforces, and an address that is not canonical, is #SS(0) for accesses through SS. */
  #withStackFaults(fault: PackedFault): PackedFault {
    const address = this.memory.beyondLimit;
    this.memory.beyondLimit = null;
    if (address === null || faultVector(fault) !== VECTOR.generalProtection) return fault;
    const instruction = this.#code.instruction;
    const isStack =
      instruction !== null && isStackAccess(this.state, instruction, address, this.memory.isNarrow);
    return isStack ? packFault(VECTOR.stackFault, 0) : fault;
  }

  #interruptExit(fault: PackedFault): ExitKind {
    const vector = faultVector(fault);
    this.#exit.vector = vector;
    this.#exit.errorCode = hasErrorCode(vector) ? faultErrorCode(fault) : -1;
    this.#exit.address = vector === VECTOR.pageFault ? this.state.f64(STATE.faultAddress) : 0;
    this.#exit.software = false;
    return EXIT.interrupt;
  }

  #rare({ builder }: CodeWidth): ExitKind | null {
    const { state } = this;
    const instruction = this.#rareInstruction(builder, state.u32(STATE.exitRecord));
    if (instruction === null) return null;
    if (instruction === STOP_INSTRUCTION) {
      this.#refund();
      return null;
    }
    const vector = this.#events.softwareInterrupt(this, instruction);
    if (vector >= 0) return this.#softwareExit(instruction, vector);
    if (vector === SOFTWARE_INTERRUPT.done) return null;
    const operation = this.#operations.get(instruction.mnemonic);
    const outcome =
      operation === undefined ? packFault(VECTOR.invalidOpcode, 0) : operation(this, instruction);
    return this.#conclude(instruction, outcome);
  }

  /** The instruction that generated code left to TypeScript: always, or this time. */
  #rareInstruction(builder: RecordBuilder, record: number): Instruction | null {
    if (builder.isRare(record)) return builder.rareInstruction(record) ?? null;
    const known = builder.refusedInstruction(record);
    if (known !== undefined) return known;
    const { instruction } = this.#code;
    if (instruction !== null && record < this.#engine.scratch) builder.rememberRefused(record, instruction);
    return instruction;
  }

  #softwareExit(instruction: Instruction, vector: number): ExitKind | null {
    this.#advance(instruction);
    if (
      instruction.mnemonic === "int3" &&
      this.#mayBounce() &&
      this.#bounceTrap(packFault(vector, 0)) === DONE
    )
      return null;
    this.#exit.vector = vector;
    this.#exit.errorCode = -1;
    this.#exit.address = 0;
    // INT1 is a debug exception: no gate's privilege is asked for.
    this.#exit.software = instruction.mnemonic !== "int1";
    return EXIT.interrupt;
  }

  /** Whether generated code delivers exceptions in this slice: nobody looks at what comes between instructions. */
  #mayBounce(): boolean {
    return this.state.i32(STATE.lastDelivery) !== DELIVERY.never;
  }

  #advance(instruction: Instruction): void {
    const next = this.state.instructionPointer + instruction.lengthBytes;
    this.state.instructionPointer = this.#code.mode?.codeBytes === 8 ? next : next >>> 0;
  }

  #refund(): void {
    this.state.setU32(STATE.budget, this.state.i32(STATE.budget) + 1);
  }

  #conclude(instruction: Instruction, outcome: Outcome): ExitKind | null {
    switch (outcome) {
      case OUTCOME.next:
        this.#advance(instruction);
        return null;
      case OUTCOME.jumped:
      case OUTCOME.again:
        return null;
      case OUTCOME.halt:
        this.#advance(instruction);
        this.#isHalted = true;
        return null;
      case OUTCOME.shadow:
        this.#advance(instruction);
        this.#shadow.begin();
        return null;
      case OUTCOME.privileged:
        this.#refund();
        this.privilegedOperation = describePrivileged(instruction, this.state);
        return EXIT.privileged;
      case OUTCOME.shutdown:
        return EXIT.shutdown;
      default:
        this.#refund();
        return this.#fault(outcome);
    }
  }
}
