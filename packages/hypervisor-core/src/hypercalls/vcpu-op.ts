import { EEXIST, EFAULT, EINVAL, ENOENT, ENOSYS, toVcpuIndex } from "@xenolith/xen-abi";
import {
  VCPU_GUEST_CONTEXT_32,
  VCPU_GUEST_CONTEXT_64,
  type VcpuGuestContext32,
  type VcpuGuestContext64,
} from "@xenolith/xen-abi/arch-x86";
import {
  VCPUOP_down,
  VCPUOP_get_physid,
  VCPUOP_get_runstate_info,
  VCPUOP_initialise,
  VCPUOP_is_up,
  VCPUOP_register_runstate_memory_area,
  VCPUOP_register_vcpu_info,
  VCPUOP_register_vcpu_time_memory_area,
  VCPUOP_send_nmi,
  VCPUOP_set_periodic_timer,
  VCPUOP_set_singleshot_timer,
  VCPUOP_stop_periodic_timer,
  VCPUOP_stop_singleshot_timer,
  VCPUOP_up,
} from "@xenolith/xen-abi/vcpu";
import { __HYPERVISOR_vcpu_op } from "@xenolith/xen-abi/xen";
import { applyGuestContext, type VcpuGuestContext } from "../lifecycle/guest-context.ts";
import { GUEST_CONTEXT_32 } from "../lifecycle/guest-context-x86-32.ts";
import { createGuestContext64 } from "../lifecycle/guest-context-x86-64.ts";
import type { Processors } from "../lifecycle/processors.ts";
import type { Shutdown } from "../lifecycle/shutdown.ts";
import type { MemoryManager } from "../memory-manager.ts";
import type { RunControl } from "../run-control.ts";
import { encodeRunstate } from "../time/runstate-area.ts";
import type { Hypercall, HypercallContext } from "./context.ts";
import { createVcpuAreaOperations, type VcpuAreaParts } from "./vcpu-op-areas.ts";
import { createVcpuTimerOperations, type VcpuTimerOpParts } from "./vcpu-op-timers.ts";
import type { VcpuOperation } from "./vcpu-operation.ts";

/** What the VCPU operations are made from. */
export interface VcpuOpParts extends VcpuAreaParts, VcpuTimerOpParts {
  readonly memory: MemoryManager;
  readonly runControl: RunControl;
  readonly shutdown: Shutdown;
  readonly processors: Processors;
}

/** Reads the context that a VCPU is to begin with. null: it cannot be read. */
const readContext = ({ guest, width }: HypercallContext, at: number): VcpuGuestContext | null => {
  if (width === "x86_64") {
    const view = guest.read(at, VCPU_GUEST_CONTEXT_64.size(width));
    return view && VCPU_GUEST_CONTEXT_64.read(view, 0, width);
  }
  const view = guest.read(at, VCPU_GUEST_CONTEXT_32.size(width));
  return view && VCPU_GUEST_CONTEXT_32.read(view, 0, width);
};

const createLifecycleOperations = ({
  memory,
  runControl,
  shutdown,
  processors,
}: VcpuOpParts): Record<"initialise" | "up" | "down", VcpuOperation> => ({
  initialise(call, vcpu) {
    const given = readContext(call, call.argument(2));
    if (given === null) return -EFAULT;
    if (vcpu.isInitialised) return -EEXIST;
    if (!processors.provide(vcpu)) return -ENOSYS;
    const result =
      call.width === "x86_64"
        ? applyGuestContext(createGuestContext64(memory), vcpu, given as VcpuGuestContext64, memory)
        : applyGuestContext(GUEST_CONTEXT_32, vcpu, given as VcpuGuestContext32, memory);
    if (result === 0) runControl.update(vcpu);
    return result;
  },
  up(_call, vcpu) {
    if (!vcpu.isInitialised) return -EINVAL;
    vcpu.isUp = true;
    runControl.update(vcpu);
    return 0;
  },
  down(call, vcpu) {
    const othersUp = call.domain.vcpus.some((other) => other !== vcpu && other.isUp);
    if (othersUp) {
      vcpu.isUp = false;
      runControl.update(vcpu);
    } else shutdown.shutdown(call.domain, "poweroff");
    return 0;
  },
});

/** vcpu_op(command, vcpu, argument). [XEN vcpu.h] */
export const createVcpuOp = (parts: VcpuOpParts): Hypercall => {
  const { runControl } = parts;
  const lifecycle = createLifecycleOperations(parts);
  const areas = createVcpuAreaOperations(parts);
  const timers = createVcpuTimerOperations(parts);

  const sendNmi: VcpuOperation = (call, vcpu) => {
    if (call.argument(2) !== 0) return -EINVAL;
    vcpu.nmiPending = true;
    runControl.unblock(vcpu);
    return 0;
  };

  const runstateInfo: VcpuOperation = (call, vcpu) =>
    call.guest.write(call.argument(2), encodeRunstate(vcpu, runControl)) ? 0 : -EFAULT;

  const operations = new Map<number, VcpuOperation>([
    [VCPUOP_initialise, lifecycle.initialise],
    [VCPUOP_up, lifecycle.up],
    [VCPUOP_down, lifecycle.down],
    [VCPUOP_is_up, (_call, vcpu) => (vcpu.isUp ? 1 : 0)],
    [VCPUOP_get_runstate_info, runstateInfo],
    [VCPUOP_register_runstate_memory_area, areas.registerRunstate],
    [VCPUOP_set_periodic_timer, timers.setPeriodic],
    [VCPUOP_stop_periodic_timer, timers.stopPeriodic],
    [VCPUOP_set_singleshot_timer, timers.setSingleshot],
    [VCPUOP_stop_singleshot_timer, timers.stopSingleshot],
    [VCPUOP_register_vcpu_info, areas.registerInfo],
    [VCPUOP_send_nmi, sendNmi],
    // No VCPU is bound to one physical processor.
    [VCPUOP_get_physid, () => -EINVAL],
    [VCPUOP_register_vcpu_time_memory_area, areas.registerTime],
  ]);

  return {
    number: __HYPERVISOR_vcpu_op,
    handle(call) {
      const vcpu = call.domain.vcpus[toVcpuIndex(call.argument32(1))];
      if (vcpu === undefined) return -ENOENT;
      return operations.get(call.argument32(0))?.(call, vcpu) ?? -ENOSYS;
    },
  };
};
