import {
  type AddressTranslator,
  type EntropySource,
  type MachineMemory,
  toAsid,
} from "@xenolith/machine-interface";
import {
  CR0,
  CR4,
  EFER,
  FLAG,
  type MonitoredProcessor,
  type MonitoredVcpuOptions,
  type X86Vcpu,
} from "@xenolith/x86-architecture";
import { Engine } from "../engine/engine.ts";
import { type EventPolicy, SOFTWARE_INTERRUPT } from "../engine/event-policy.ts";
import { Vcpu } from "../engine/vcpu.ts";
import { I686_MODEL } from "../model/models.ts";
import type { ProcessorModel } from "../model/processor-model.ts";
import { MSR_SLOT, STATE_BYTES } from "../state/layout.ts";
import { VcpuState } from "../state/vcpu-state.ts";
import { loadContextSegment } from "../system/context-load.ts";
import { softwareInterruptVector } from "../system/software-interrupts.ts";
import { createDefaultEntropy } from "./default-entropy.ts";
import { takeDirectGate } from "./direct-gate.ts";
import { type EngineTuning, engineOptions } from "./engine-choice.ts";
import { MonitoredEnvironment } from "./monitored-environment.ts";
import { ALL_OPERATIONS } from "./operations.ts";

/** What a processor under a monitor is made with. */
export interface MonitoredProcessorOptions extends EngineTuning {
  readonly memory: MachineMemory;
  readonly translator: AddressTranslator;
  /** What CPUID answers where it does not leave to the monitor. Default: i686. */
  readonly model?: ProcessorModel;
  /** What RDRAND and RDSEED draw from. Default: a source with a fixed seed. */
  readonly entropy?: EntropySource;
  /** Lets TypeScript take every direct gate and do every IRET. What comes out is the same, slower: for tests of generated code. */
  readonly reference?: boolean;
}

/** Everything leaves to the monitor but INT n with a direct gate, and exceptions that gates bounce. */
const eventPolicy = (bounces: boolean): EventPolicy => ({
  raise: () => null,
  deliversPageFaults: bounces,
  isInterruptRequested: false,
  interrupt: () => null,
  softwareInterrupt: (vcpu, instruction) => {
    const vector = softwareInterruptVector(instruction);
    if (vector < 0) return SOFTWARE_INTERRUPT.none;
    const isIntoWithoutOverflow = instruction.mnemonic === "into" && (vcpu.state.flags & FLAG.of) === 0;
    if (isIntoWithoutOverflow) return SOFTWARE_INTERRUPT.none;
    const gate =
      instruction.mnemonic === "int" ? vcpu.directGates.find((known) => known.vector === vector) : undefined;
    const returnTo = (vcpu.state.instructionPointer + instruction.lengthBytes) >>> 0;
    if (gate !== undefined && takeDirectGate(vcpu, gate, returnTo)) return SOFTWARE_INTERRUPT.done;
    return vector;
  },
});

const ignore = (): void => {};

/** What a monitor keeps in CR0: protected mode with paging, write protection and native x87 errors. */
const MONITORED_CONTROL_0 = CR0.pe | CR0.et | CR0.ne | CR0.wp | CR0.pg;
/** In CR4, where there are vector registers: they may be used. */
const MONITORED_VECTORS = CR4.osfxsr | CR4.osxmmexcpt;
/** And in EFER in long mode. */
const LONG_MODE_EFER = EFER.lme | EFER.lma | EFER.nxe | EFER.sce;

/**
 * Makes VCPUs whose ring 0 is the monitor. They share decoded code. A new VCPU has no space and no segments yet.
 * @throws HostError when memory's reserve is used up.
 */
export const createMonitoredProcessor = (options: MonitoredProcessorOptions): MonitoredProcessor => {
  const {
    memory,
    translator,
    model = I686_MODEL,
    entropy = createDefaultEntropy(),
    reference = false,
  } = options;
  const engine = new Engine(
    engineOptions({ memory, translator, model, system: reference ? "none" : "monitored" }, options),
  );
  const events = eventPolicy(!reference);
  /** Blocks of VCPUs that were released: a reserve cannot be given back. */
  const freeBlocks: number[] = [];
  return {
    forgetCode: () => engine.flush(),
    createVcpu: (vcpuOptions: MonitoredVcpuOptions): X86Vcpu => {
      const block = freeBlocks.pop() ?? memory.reserve(STATE_BYTES);
      memory.bytes.fill(0, block, block + STATE_BYTES);
      const state: VcpuState = new VcpuState(memory.view, block, {
        loadSegment: (_state, index, selector) => loadContextSegment(vcpu, index, selector),
        controlWritten: ignore,
        replaced: ignore,
      });
      const vcpu: Vcpu = new Vcpu({
        engine,
        state,
        space: toAsid(0),
        operations: ALL_OPERATIONS,
        events,
        environment: new MonitoredEnvironment(vcpuOptions, model, entropy),
        release: () => freeBlocks.push(block),
      });
      state.setControl(0, MONITORED_CONTROL_0 >>> 0);
      const vectors = model.features.has("sse") ? MONITORED_VECTORS : 0;
      state.setControl(4, vectors | (vcpuOptions.longMode === true ? CR4.pae : 0));
      if (vcpuOptions.longMode === true) {
        state.setMsr(MSR_SLOT.efer, BigInt(LONG_MODE_EFER));
      }
      return vcpu;
    },
  };
};
