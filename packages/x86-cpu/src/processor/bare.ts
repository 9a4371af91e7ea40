import type { AddressTranslator, Asid, MachineMemory, Mfn } from "@xenolith/machine-interface";
import { FLAG, type X86Vcpu } from "@xenolith/x86-architecture";
import { Engine } from "../engine/engine.ts";
import { type EventPolicy, SOFTWARE_INTERRUPT } from "../engine/event-policy.ts";
import type { ProcessorEnvironment } from "../engine/system-operations.ts";
import { Vcpu } from "../engine/vcpu.ts";
import { I686_MODEL } from "../model/models.ts";
import { answerCpuid, type ProcessorModel } from "../model/processor-model.ts";
import { STATE_BYTES } from "../state/layout.ts";
import { VcpuState } from "../state/vcpu-state.ts";
import { loadContextSegment } from "../system/context-load.ts";
import { raiseException, raiseInterrupt } from "../system/exception-delivery.ts";
import { type EngineTuning, engineOptions } from "./engine-choice.ts";
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
  /** What CPUID answers. Default: i686. */
  readonly model?: ProcessorModel;
}

/** A processor without a monitor. */
export interface BareVcpu extends X86Vcpu {
  /** Puts it into the state after a reset, also out of a halt. */
  reset(): void;
}

const NO_LINE: InterruptLine = { isRequested: false, acknowledge: () => 0 };
const NO_MSRS: MsrHandlers = { read: () => null, write: () => false };

const environmentOf = (options: BareProcessorOptions): ProcessorEnvironment => {
  const { ports, model = I686_MODEL, msrs = NO_MSRS } = options;
  let retiredBefore = 0;
  let last = 0;
  const countInstructions = (retired: number): number => {
    if (retired < last) retiredBefore += last;
    last = retired;
    return retiredBefore + retired;
  };
  const { timestamp = countInstructions } = options;
  return {
    isMonitored: false,
    descriptors: null,
    portIn: (port, sizeBytes) => ports.read(port, sizeBytes),
    portOut: (port, sizeBytes, value) => ports.write(port, sizeBytes, value),
    timestamp,
    trapTimestamp: false,
    trapCpuid: false,
    cpuid: (leaf, subleaf) => answerCpuid(model, leaf, subleaf),
    readMsr: (index) => msrs.read(index),
    writeMsr: (index, value) => msrs.write(index, value),
  };
};

const eventsOf = (line: InterruptLine): EventPolicy => ({
  raise: (core, fault) => raiseException(core, fault),
  interrupt: (core) => {
    if (!line.isRequested || (core.state.systemFlags & FLAG.if) === 0) return null;
    return raiseInterrupt(core, line.acknowledge());
  },
  softwareInterrupt: () => SOFTWARE_INTERRUPT.none,
});

/**
 * Makes a processor whose ring 0 is machine code: interrupts and exceptions go through its IDT. It is in the state after a
 * reset, and translates through a space of its own that follows its control registers.
 */
export const createBareProcessor = (options: BareProcessorOptions): BareVcpu => {
  const { memory, translator, firmware = [] } = options;
  const engine = new Engine(
    engineOptions({ memory, translator, model: options.model ?? I686_MODEL }, options),
  );
  let vcpu: Vcpu | null = null;
  let space: Asid | null = null;
  const followControls = (state: VcpuState, index: number): void => {
    if (space === null) return;
    const context = pagingContextOf(state, firmware);
    if (index === 3 || !isSamePaging(context, translator.contextOf(space))) translator.change(space, context);
  };
  const state: VcpuState = new VcpuState(memory.view, memory.reserve(STATE_BYTES), {
    loadSegment: (_state, index, selector) => (vcpu === null ? 0 : loadContextSegment(vcpu, index, selector)),
    controlWritten: followControls,
  });
  resetState(state);
  const own = translator.open(pagingContextOf(state, firmware));
  space = own;
  const made = new Vcpu({
    engine,
    state,
    space: own,
    environment: environmentOf(options),
    operations: ALL_OPERATIONS,
    events: eventsOf(options.interrupts ?? NO_LINE),
    release: () => translator.close(own),
  });
  vcpu = made;
  const reset = (): void => {
    resetState(state);
    made.wake();
  };
  return Object.assign(made, { reset });
};
