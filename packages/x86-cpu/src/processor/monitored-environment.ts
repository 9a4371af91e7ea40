import type { EntropySource } from "@xenolith/machine-interface";
import type { DescriptorSource, MonitoredVcpuOptions } from "@xenolith/x86-architecture";
import type { ProcessorEnvironment } from "../engine/system-operations.ts";
import { answerCpuid, type ProcessorModel } from "../model/processor-model.ts";

/** What stands around a processor under a monitor. A class, not closures: there is one for every VCPU. */
export class MonitoredEnvironment implements ProcessorEnvironment {
  readonly isMonitored = true;
  readonly descriptors: DescriptorSource | null;
  readonly timestamp: (retired: number) => number;
  readonly trapTimestamp: boolean;
  readonly trapCpuid: boolean;
  readonly entropy: EntropySource;
  readonly #model: ProcessorModel;

  constructor(options: MonitoredVcpuOptions, model: ProcessorModel, entropy: EntropySource) {
    this.descriptors = options.descriptors;
    this.timestamp = options.timestamp;
    this.trapTimestamp = options.trapTimestamp ?? false;
    this.trapCpuid = options.trapCpuid ?? false;
    this.entropy = entropy;
    this.#model = model;
  }

  portIn(): number {
    return 0;
  }

  portOut(): void {}

  cpuid(leaf: number, subleaf: number): readonly [number, number, number, number] {
    return answerCpuid(this.#model, leaf, subleaf);
  }

  readMsr(): null {
    return null;
  }

  writeMsr(): boolean {
    return false;
  }
}
