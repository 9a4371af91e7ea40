import type { AddressTranslator, Asid, EntropySource, MachineMemory, Mfn } from "@xenolith/machine-interface";
import {
  FLAG,
  faultErrorCode,
  faultVector,
  hasErrorCode,
  type PackedFault,
  VECTOR,
} from "@xenolith/x86-architecture";
import { Engine } from "../engine/engine.ts";
import { type EventPolicy, SOFTWARE_INTERRUPT } from "../engine/event-policy.ts";
import { OUTCOME, type ProcessorCore, type ProcessorEnvironment } from "../engine/system-operations.ts";
import type { Vcpu, VcpuParts } from "../engine/vcpu.ts";
import { AMD_FEATURE } from "../model/cpuid-bits.ts";
import { I686_MODEL } from "../model/models.ts";
import { answerCpuid, type ProcessorModel } from "../model/processor-model.ts";
import { fillCpuidTable } from "../state/cpuid-table.ts";
import { PENDING, STATE, STATE_BYTES } from "../state/layout.ts";
import { VcpuState } from "../state/vcpu-state.ts";
import { type SupportCall, supportFunctionOf } from "../support/support-module.ts";
import { ENTER_INTERRUPT } from "../support/system/interrupt-entry.ts";
import { DONE } from "../support/system/system-emitter.ts";
import { loadContextSegment } from "../system/context-load.ts";
import { raiseException, raiseInterrupt } from "../system/exception-delivery.ts";
import { keepRootEntries } from "../system/root-entries.ts";
import { BareProcessor, type BareVcpu } from "./bare-processor.ts";
import { createDefaultEntropy } from "./default-entropy.ts";
import { type EngineTuning, engineOptions } from "./engine-choice.ts";
import { InstructionCounter } from "./instruction-counter.ts";
import { ALL_OPERATIONS } from "./operations.ts";
import { isSamePaging, pagingContextOf } from "./paging-context.ts";
import { resetState } from "./reset.ts";

/** Where IN and OUT go. Widths are 1, 2 or 4 bytes, values unsigned. */
export interface PortHandlers {
  read(port: number, sizeBytes: 1 | 2 | 4): number;
  write(port: number, sizeBytes: 1 | 2 | 4, value: number): void;
}

/** A line from an interrupt controller. Asked between instructions, and whenever a run begins. */
export interface InterruptLine {
  readonly isRequested: boolean;
  /** The processor takes the interrupt: gives its vector. */
  acknowledge(): number;
}

/** Model-specific registers that the processor does not have itself. */
export interface MsrHandlers {
  /** Null: no such register, #GP(0). */
  read(index: number): bigint | null;
  /** False: #GP(0). */
  write(index: number, value: bigint): boolean;
}

/** What a processor without a monitor is made with. */
export interface BareProcessorOptions extends EngineTuning {
  readonly memory: MachineMemory;
  readonly translator: AddressTranslator;
  readonly ports: PortHandlers;
  /** Time-stamp counter when `retired` instructions of the present run have retired. Default: counts instructions. */
  readonly timestamp?: (retired: number) => number;
  readonly interrupts?: InterruptLine;
  readonly msrs?: MsrHandlers;
  /**
   * Frames of RAM that answer just below 4 GiB too while paging is off: the last one holds the 16 bytes where a reset begins.
   * Default: none.
   */
  readonly firmware?: readonly Mfn[];
  /** What RDRAND and RDSEED draw from. Default: a source with a fixed seed. */
  readonly entropy?: EntropySource;
  /** What CPUID answers. Default: i686. */
  readonly model?: ProcessorModel;
  /**
   * Lets TypeScript do every system instruction and exception. What comes out is the same, slower: for tests of the generated
   * code that does the usual cases.
   */
  readonly reference?: boolean;
}

const NO_LINE: InterruptLine = { isRequested: false, acknowledge: () => 0 };
const NO_MSRS: MsrHandlers = { read: () => null, write: () => false };

const environmentOf = (options: BareProcessorOptions, counter: InstructionCounter): ProcessorEnvironment => {
  const { ports, model = I686_MODEL, msrs = NO_MSRS, entropy = createDefaultEntropy() } = options;
  const { timestamp = (retired: number): number => counter.at(retired) } = options;
  return {
    isMonitored: false,
    descriptors: null,
    portIn: (port, sizeBytes) => ports.read(port, sizeBytes),
    portOut: (port, sizeBytes, value) => ports.write(port, sizeBytes, value),
    timestamp,
    trapTimestamp: false,
    trapCpuid: false,
    cpuid: (leaf, subleaf) => answerCpuid(model, leaf, subleaf),
    entropy,
    readMsr: (index) => msrs.read(index),
    writeMsr: (index, value) => msrs.write(index, value),
  };
};

/** Vectors whose delivery changes more than the usual: #DB and its flags, and faults on top of faults. */
const UNUSUAL_VECTORS: ReadonlySet<number> = new Set([VECTOR.debug, VECTOR.doubleFault]);

/** Delivers a fault as generated code does, when it is a usual case. */
const raiseQuickly = (enter: SupportCall, core: ProcessorCore, fault: PackedFault): boolean => {
  const { state } = core;
  const vector = faultVector(fault);
  if (UNUSUAL_VECTORS.has(vector) || state.isRealMode) return false;
  if (vector === VECTOR.pageFault) state.setControl(2, state.f64(STATE.faultAddress));
  const errorCode = hasErrorCode(vector) ? faultErrorCode(fault) : -1;
  return enter(vector, errorCode, FLAG.rf, 0) === DONE;
};

const eventsOf = (line: InterruptLine, enter: SupportCall | null): EventPolicy => ({
  raise: (core, fault) =>
    enter !== null && raiseQuickly(enter, core, fault) ? OUTCOME.jumped : raiseException(core, fault),
  deliversPageFaults: enter !== null,
  get isInterruptRequested(): boolean {
    return line.isRequested;
  },
  interrupt: (core) => {
    const waiting = core.state.u32(STATE.pending);
    if ((waiting & (PENDING.nmi | PENDING.nmiBlocked)) === PENDING.nmi) {
      core.state.setU32(STATE.pending, (waiting & ~PENDING.nmi) | PENDING.nmiBlocked);
      return raiseInterrupt(core, VECTOR.nmi);
    }
    if (!line.isRequested || (core.state.systemFlags & FLAG.if) === 0) return null;
    return raiseInterrupt(core, line.acknowledge());
  },
  softwareInterrupt: () => SOFTWARE_INTERRUPT.none,
});

/** Leaf of CPUID whose EDX tells of pages of 1 GiB. */
const EXTENDED_FEATURES_LEAF = 0x8000_0001;

/** Makes one kind of processor of its parts. */
export type MakeProcessor<Made extends BareProcessor> = (
  parts: VcpuParts,
  counter: InstructionCounter,
) => Made;

/** Puts a processor together: in the state after a reset, with a space of its own that follows its control registers. */
export const assembleProcessor = <Made extends BareProcessor>(
  options: BareProcessorOptions,
  make: MakeProcessor<Made>,
): Made => {
  const { memory, translator, firmware = [], model = I686_MODEL, reference = false } = options;
  const hugePages = (answerCpuid(model, EXTENDED_FEATURES_LEAF, 0)[3] & AMD_FEATURE.pdpe1gb) !== 0;
  const paging = { firmware, hugePages };
  const engine = new Engine(
    engineOptions({ memory, translator, model, system: reference ? "none" : "bare" }, options),
  );
  let vcpu: Vcpu | null = null;
  let space: Asid | null = null;
  const followControls = (state: VcpuState, index: number): void => {
    if (space === null) return;
    if (index === 3 || translator.contextOf(space).format !== "pae") keepRootEntries(memory, state);
    const context = pagingContextOf(state, paging);
    if (index !== 3 && isSamePaging(context, translator.contextOf(space))) return;
    translator.change(space, context);
    vcpu?.takeTag();
  };
  const state: VcpuState = new VcpuState(memory.view, memory.reserve(STATE_BYTES), {
    loadSegment: (_state, index, selector) => (vcpu === null ? 0 : loadContextSegment(vcpu, index, selector)),
    controlWritten: followControls,
    replaced: (restored) => {
      if (space !== null) translator.change(space, pagingContextOf(restored, paging));
    },
  });
  resetState(state);
  const own = translator.open(pagingContextOf(state, paging));
  space = own;
  const counter = new InstructionCounter();
  const parts: VcpuParts = {
    engine,
    state,
    space: own,
    environment: environmentOf(options, counter),
    operations: ALL_OPERATIONS,
    events: eventsOf(
      options.interrupts ?? NO_LINE,
      reference ? null : supportFunctionOf(engine.support, ENTER_INTERRUPT),
    ),
    release: () => translator.close(own),
  };
  // Leaf 1 tells of CR4.OSXSAVE where there is such a bit.
  const isFixed = (leaf: number): boolean => leaf !== 1 || !model.features.has("xsave");
  fillCpuidTable(memory.view, engine.cpuidTable, (leaf) => {
    const answer = isFixed(leaf) ? model.leaves.get(`${leaf}`) : undefined;
    return answer === undefined ? [] : [answer];
  });
  const made = make(parts, counter);
  vcpu = made;
  return made;
};

/**
 * Makes a processor whose ring 0 is machine code: interrupts and exceptions go through its IDT. It is in the state after a
 * reset, and translates through a space of its own that follows its control registers.
 */
export const createBareProcessor = (options: BareProcessorOptions): BareVcpu =>
  assembleProcessor(options, (parts, counter) => new BareProcessor(parts, counter));
