import type { MonitoredProcessor } from "@xenolith/x86-architecture";
import { GUEST_CR0, guestCr4 } from "../emulation/control-registers.ts";
import type { MemoryManager } from "../memory-manager.ts";
import { DEFAULT_PERIOD_NS } from "../time/vcpu-timers.ts";
import type { Vcpu } from "../vcpu.ts";

/** Gives VCPUs their x86 processor. */
export interface Processors {
  /** Makes the processor of a VCPU, if it has no executor yet. @returns whether it has an x86 processor now. */
  provide(vcpu: Vcpu): boolean;
}

/** What processors of VCPUs are made from. */
export interface ProcessorParts {
  readonly processor: MonitoredProcessor;
  readonly memory: MemoryManager;
  /** The time-stamp counter when so many instructions of the present run have retired. */
  readonly timestamp: (retired: number) => number;
}

/** Makes the source of processors. CPUID leaves them, so that every guest gets its policy's answer. */
export const createProcessors = ({ processor, memory, timestamp }: ProcessorParts): Processors => ({
  provide(vcpu) {
    if (vcpu.x86 !== null) return true;
    if (vcpu.executor !== null) return false;
    vcpu.descriptors = memory.descriptorSource(vcpu);
    vcpu.x86 = processor.createVcpu({
      descriptors: vcpu.descriptors,
      timestamp,
      trapCpuid: true,
      longMode: vcpu.domain.width === "x86_64",
    });
    vcpu.executor = vcpu.x86;
    vcpu.cr0 = GUEST_CR0;
    vcpu.cr4 = guestCr4(vcpu.domain.width);
    vcpu.x86.context.setControl(0, vcpu.cr0);
    vcpu.x86.context.setControl(4, vcpu.cr4);
    vcpu.periodNs = DEFAULT_PERIOD_NS;
    return true;
  },
});
