import { schedulersByName } from "@xenolith/host";
import { createHypervisor, type Hypervisor } from "@xenolith/hypervisor-core";
import { createEntropy, createMachineMemory, createTimerQueue, createVirtualClock } from "@xenolith/machine";
import type { Clock, MachineMemory, TimerQueue } from "@xenolith/machine-interface";
import { createAddressTranslator } from "@xenolith/mmu";
import { createTraceRecorder, type TraceRecorder } from "@xenolith/trace";
import type { MonitoredProcessor, TransitionGates } from "@xenolith/x86-architecture";
import { answerCpuid, createMonitoredProcessor, type EngineTuning, I686_MODEL } from "@xenolith/x86-cpu";

/** A hypervisor on the real machine, without a host around it. */
export interface TestMachine {
  readonly hypervisor: Hypervisor;
  readonly memory: MachineMemory;
  readonly clock: Clock;
  readonly timers: TimerQueue;
  readonly trace: TraceRecorder;
  /** What guests wrote by console_io, as text. */
  console(): string;
  /** Runs until nothing can run any more or system time `untilNs` has come, skipping idle time. */
  runUntil(untilNs: number): void;
}

const MIB = 1024 * 1024;
const RAM_MIB = 16;
const SEED = 1;
const STEP_NS = 1_000_000;

/** How a machine is made. */
export interface TestMachineOptions {
  /** False: the engine is not told of direct gates, so that the hypervisor makes their transfers itself. */
  readonly directGates?: boolean;
  /** Physical CPUs. Default 1. */
  readonly cpuCount?: number;
  /** Whether the trace records. While it does, no transition gates are taken. Default true. */
  readonly traces?: boolean;
  /** Time of an instruction. Default 1. */
  readonly instructionNs?: number;
  /** What of code is translated, and when. */
  readonly tuning?: EngineTuning;
}

/** Gates that stay closed. */
const closed = (gates: TransitionGates): TransitionGates =>
  new Proxy(gates, {
    set: (target, field, value) => Reflect.set(target, field, field === "isOpen" ? false : value, target),
    get: (target, field) => {
      const value: unknown = Reflect.get(target, field, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });

/** The same processor, whose VCPUs have no direct gates. */
const withoutDirectGates = (processor: MonitoredProcessor): MonitoredProcessor => ({
  forgetCode: processor.forgetCode,
  createVcpu(options) {
    const vcpu = processor.createVcpu(options);
    vcpu.setDirectGate = () => {};
    Object.defineProperty(vcpu, "gates", { value: closed(vcpu.gates) });
    return vcpu;
  },
});

/** Makes a machine with everything real: memory, page walker, engine, scheduler. */
export const createTestMachine = ({
  directGates = true,
  cpuCount = 1,
  traces = true,
  instructionNs = 1,
  tuning = {},
}: TestMachineOptions = {}): TestMachine => {
  const memory = createMachineMemory({ ramBytes: RAM_MIB * MIB, reserveBytes: 24 * MIB });
  const translator = createAddressTranslator({ memory });
  const clock = createVirtualClock({ seconds: 1_000_000_000, nanoseconds: 5 });
  const timers = createTimerQueue();
  const trace = createTraceRecorder(10_000, clock.now);
  trace.setOn(traces);
  let written = "";
  const processor = createMonitoredProcessor({ memory, translator, ...tuning });
  const hypervisor = createHypervisor({
    memory,
    translator,
    processor: directGates ? processor : withoutDirectGates(processor),
    processorModel: (leaf, subleaf) => answerCpuid(I686_MODEL, leaf, subleaf),
    clock,
    timers,
    entropy: createEntropy(SEED),
    cpuCount,
    instructionNs,
    createPoolScheduler: (name, cpus) => schedulersByName("bvt")(name, cpus, trace),
    trace,
    console: {
      write(_domain, bytes) {
        written += String.fromCharCode(...bytes);
      },
      read: () => new Uint8Array(0),
    },
  });
  return {
    hypervisor,
    memory,
    clock,
    timers,
    trace,
    console: () => written,
    runUntil(untilNs) {
      while (clock.now() < untilNs) {
        const result = hypervisor.step({ workNs: STEP_NS, untilNs });
        if (result.kind === "ran") continue;
        if (result.nextNs === null) return;
        clock.skipTo(result.nextNs);
      }
    },
  };
};
