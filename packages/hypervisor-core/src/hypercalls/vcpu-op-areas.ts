import {
  frameAddress,
  type MachineMemory,
  PAGE_SIZE,
  toLinearAddress,
  toMachineAddress,
  toMfn,
} from "@xenolith/machine-interface";
import { EFAULT, EINVAL, ENXIO, longBytes } from "@xenolith/xen-abi";
import { VCPU_INFO, VCPU_INFO_BYTES, VCPU_TIME_INFO } from "@xenolith/xen-abi/shared-info";
import {
  VCPU_REGISTER_MEMORY_AREA,
  VCPU_REGISTER_VCPU_INFO,
  VCPU_RUNSTATE_INFO,
} from "@xenolith/xen-abi/vcpu";
import type { MemoryManager } from "../memory-manager.ts";
import type { RunControl } from "../run-control.ts";
import { writeRunstateArea } from "../time/runstate-area.ts";
import type { SystemTime } from "../time/system-time.ts";
import type { UpcallState } from "../upcall-state.ts";
import type { Vcpu } from "../vcpu.ts";
import type { HypercallContext } from "./context.ts";
import type { VcpuOperation } from "./vcpu-operation.ts";

/** What the operations that register areas are made from. */
export interface VcpuAreaParts {
  readonly machine: MachineMemory;
  readonly memory: MemoryManager;
  readonly upcalls: UpcallState;
  readonly runControl: RunControl;
  readonly systemTime: SystemTime;
}

/** Operations that tell where a VCPU's shared structures lie. [XEN vcpu.h] */
export interface VcpuAreaOperations {
  readonly registerInfo: VcpuOperation;
  readonly registerRunstate: VcpuOperation;
  readonly registerTime: VcpuOperation;
}

/** Makes the operations. */
export const createVcpuAreaOperations = (parts: VcpuAreaParts): VcpuAreaOperations => {
  const { machine, memory, upcalls, runControl, systemTime } = parts;

  /** Moves vcpu_info to its new place, and makes everything look pending so that nothing is lost on the way. */
  const moveInfo = (vcpu: Vcpu, frame: number, offset: number): void => {
    const to = toMachineAddress(frameAddress(toMfn(frame)) + offset);
    machine.bytes.copyWithin(to, vcpu.infoAddress, vcpu.infoAddress + VCPU_INFO_BYTES);
    machine.bytes.fill(
      0xff,
      to + VCPU_INFO.layout[vcpu.domain.width].evtchnPendingSel,
      to + VCPU_INFO.layout[vcpu.domain.width].evtchnPendingSel + longBytes(vcpu.domain.width),
    );
    machine.written(toMfn(frame), offset, VCPU_INFO_BYTES);
    vcpu.infoAddress = to;
    vcpu.registeredInfoFrame = toMfn(frame);
    upcalls.setPending(vcpu);
    systemTime.update(vcpu);
    runControl.unblock(vcpu);
  };

  /** Reads the address of an area of `lengthBytes`. null is the answer of an argument that is not good. */
  const areaAddress = (call: HypercallContext, lengthBytes: number): number | null => {
    const view = call.guest.read(call.argument(2), VCPU_REGISTER_MEMORY_AREA.size(call.width));
    if (view === null) return null;
    const { address } = VCPU_REGISTER_MEMORY_AREA.read(view, 0, call.width);
    return call.guest.isAllowed(address, 1, lengthBytes) ? address : null;
  };

  return {
    registerInfo(call, vcpu) {
      const view = call.guest.read(call.argument(2), VCPU_REGISTER_VCPU_INFO.size(call.width));
      if (view === null) return -EFAULT;
      const { mfn, offset } = VCPU_REGISTER_VCPU_INFO.read(view, 0, call.width);
      if (offset > PAGE_SIZE - VCPU_INFO_BYTES || offset % longBytes(call.width) !== 0) return -ENXIO;
      if (vcpu.registeredInfoFrame !== null || (vcpu !== call.vcpu && vcpu.isUp)) return -EINVAL;
      if (memory.holdWritable(call.domain, toMfn(mfn)) !== 0) return -EINVAL;
      moveInfo(vcpu, mfn, offset);
      return 0;
    },
    registerRunstate(call, vcpu) {
      const address = areaAddress(call, VCPU_RUNSTATE_INFO.size(call.width));
      if (address === null) return -EFAULT;
      vcpu.runstateArea = address === 0 ? null : toLinearAddress(address);
      writeRunstateArea(vcpu, runControl);
      return 0;
    },
    registerTime(call, vcpu) {
      const address = areaAddress(call, VCPU_TIME_INFO.size(call.width));
      if (address === null) return -EFAULT;
      vcpu.timeArea = address === 0 ? null : toLinearAddress(address);
      systemTime.update(vcpu);
      return 0;
    },
  };
};
