import { createHypervisor, type Hypervisor } from "@xenolith/hypervisor-core";
import {
  createEntropy,
  createMachineMemory,
  createRealClock,
  createTimerQueue,
  createVirtualClock,
  epochFromEntropy,
} from "@xenolith/machine";
import type { Clock, EntropySource, MachineMemory } from "@xenolith/machine-interface";
import { createAddressTranslator } from "@xenolith/mmu";
import { createToolstack } from "@xenolith/toolstack";
import { createTraceRecorder } from "@xenolith/trace";
import type { MonitoredProcessor } from "@xenolith/x86-architecture";
import { answerCpuid, createMonitoredProcessor, X86_64_V2_MODEL } from "@xenolith/x86-cpu";
import type { Xenstored } from "@xenolith/xenstored";
import { createControlDomain } from "./control-domain.ts";
import { createHolds } from "./holds.ts";
import { createRunLoop } from "./run-loop.ts";
import { openTerminal } from "./terminal.ts";
import type { Host, HostOptions } from "./types.ts";

const MEBIBYTE = 1_048_576;
/** Engine state above the machine's RAM, beside decoded code: the TLB, VCPUs, and what is known of frames. */
const ENGINE_BYTES = 40 * MEBIBYTE;

/** Room for decoded code: the kernels of a few domains, so that it need not be decoded again. What is not used takes no memory. */
const recordBytesOf = (memoryMiB: number): number => Math.min(Math.max(16, memoryMiB >> 2), 96) * MEBIBYTE;

const createClock = (options: HostOptions, entropy: EntropySource): Clock =>
  options.clock === "virtual"
    ? createVirtualClock(epochFromEntropy(entropy.fork("epoch")))
    : createRealClock({ nowNs: options.clock.nowNs, epoch: options.clock.epoch });

/** A host with the parts behind it, for tests that look inside. */
export interface AssembledHost {
  readonly host: Host;
  readonly hypervisor: Hypervisor;
  readonly memory: MachineMemory;
  readonly processor: MonitoredProcessor;
  readonly xenstored: Xenstored;
}

/** Wires a whole host: machine, processor, hypervisor, control domain and toolstack. @throws HostError when the memory does not fit. */
export const assembleHost = (options: HostOptions): AssembledHost => {
  const entropy = createEntropy(options.seed);
  const clock = createClock(options, entropy);
  const trace = createTraceRecorder(options.traceCapacity, () => clock.now());
  const timers = createTimerQueue();
  const recordBytes = recordBytesOf(options.memoryMiB);
  const memory = createMachineMemory({
    ramBytes: options.memoryMiB * MEBIBYTE,
    reserveBytes: ENGINE_BYTES + recordBytes,
  });
  const translator = createAddressTranslator({
    memory,
    physicalAddressBits: X86_64_V2_MODEL.physicalAddressBits,
  });
  const { engine = "auto", translationArchive } = options;
  const processor = createMonitoredProcessor({
    memory,
    translator,
    model: X86_64_V2_MODEL,
    engine,
    recordBytes,
    ...(translationArchive === undefined ? {} : { translationArchive }),
  });
  const hypervisor = createHypervisor({
    memory,
    translator,
    processor,
    processorModel: (leaf, subleaf) => answerCpuid(X86_64_V2_MODEL, leaf, subleaf),
    clock,
    timers,
    entropy: entropy.fork("hypervisor"),
    cpuCount: options.cpuCount ?? 1,
    createPoolScheduler: (name, cpus) => options.createPoolScheduler(name, cpus, trace),
    trace,
    console: { write: options.onEmergencyOutput, read: () => new Uint8Array(0) },
  });
  const { control } = hypervisor;
  const holds = createHolds();
  const controlDomain = createControlDomain({
    control,
    scheduling: options.controlScheduling,
    holds,
    diskTiming: options.diskTiming,
    trace,
    onFailure: options.onFailure,
  });
  const toolstack = createToolstack({
    control,
    store: controlDomain.store,
    consoles: controlDomain.consoles,
    disks: controlDomain.disks,
    entropy: entropy.fork("toolstack"),
    backendDomain: controlDomain.id,
  });
  const loop = createRunLoop({ clock, holds, step: hypervisor.step, breathe: options.breathe });

  const host: Host = {
    control,
    toolstack,
    clock,
    trace,
    terminal: (domain) =>
      openTerminal({ domain, consoleOf: toolstack.console, timers, now: clock.now, onInput: loop.wake }),
    run: ({ untilNs = Number.POSITIVE_INFINITY } = {}) => loop.run(untilNs),
    stop: loop.stop,
  };
  return { host, hypervisor, memory, processor, xenstored: controlDomain.xenstored };
};

/**
 * Makes a host. Nothing runs before {@link Host.run}.
 * @throws HostError when the memory does not fit.
 */
export const createHost = (options: HostOptions): Host => assembleHost(options).host;
