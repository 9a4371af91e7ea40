import { type Clock, type MachineMemory, PAGE_SHIFT, PAGE_SIZE, toMfn } from "@xenolith/machine-interface";
import {
  VCPU_INFO,
  VCPU_TIME_INFO,
  type VcpuTimeInfo,
  writeVcpuTimeInfo,
  XEN_PVCLOCK_TSC_STABLE_BIT,
} from "@xenolith/xen-abi/shared-info";
import type { Vcpu } from "../vcpu.ts";

/** How old vcpu_time_info gets before it is written again. */
const REFRESH_AFTER_NS = 1_000_000_000;

/**
 * vcpu_time_info of VCPUs. The time-stamp counter counts nanoseconds of system time, so that what is written once stays
 * true; it is written when a VCPU first runs, when its place changes, and once a second. [XEN xen.h]
 */
export interface SystemTime {
  /** Before the VCPU runs: writes the time where it is old or not there yet. */
  refresh(vcpu: Vcpu): void;
  /** Writes it now. */
  update(vcpu: Vcpu): void;
}

/** Scale of a counter of nanoseconds: (delta << 1) * 2^31 / 2^32. */
const IDENTITY_SCALE = { tscToSystemMul: 0x8000_0000, tscShift: 1 } as const;

/** Makes the writer of system time. `memory` holds the vcpu_info pages; a registered copy is written with the guest's rights. */
export const createSystemTime = (memory: MachineMemory, clock: Clock): SystemTime => {
  const write = (at: number, vcpu: Vcpu, info: VcpuTimeInfo): void => {
    const { width } = vcpu.domain;
    writeVcpuTimeInfo(memory.view, at, width, info);
    memory.written(toMfn(at >>> PAGE_SHIFT), at & (PAGE_SIZE - 1), VCPU_TIME_INFO.size(width));
  };

  const writeCopy = (vcpu: Vcpu, info: VcpuTimeInfo): void => {
    if (vcpu.timeArea === null) return;
    const { width } = vcpu.domain;
    const view = new DataView(new ArrayBuffer(VCPU_TIME_INFO.size(width)));
    writeVcpuTimeInfo(view, 0, width, info);
    vcpu.guestMemory.write(vcpu.timeArea, view);
  };

  const update = (vcpu: Vcpu): void => {
    const { width } = vcpu.domain;
    const at = vcpu.infoAddress + VCPU_INFO.layout[width].time;
    // Both machines' writers are one: the guest cannot read in between, and only ever sees even versions.
    const version = memory.view.getUint32(at + VCPU_TIME_INFO.layout[width].version, true);
    const now = clock.now();
    const info: VcpuTimeInfo = {
      version: ((version & ~1) + 2) >>> 0,
      tscTimestamp: now,
      systemTime: now,
      ...IDENTITY_SCALE,
      flags: XEN_PVCLOCK_TSC_STABLE_BIT,
    };
    write(at, vcpu, info);
    writeCopy(vcpu, info);
    vcpu.timeUpdatedNs = now;
  };

  return {
    update,
    refresh(vcpu) {
      if (vcpu.timeUpdatedNs === null || clock.now() - vcpu.timeUpdatedNs >= REFRESH_AFTER_NS) update(vcpu);
    },
  };
};
