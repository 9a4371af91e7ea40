import { __HYPERVISOR_fpu_taskswitch } from "@xenolith/xen-abi/xen";
import { setTaskSwitched } from "../emulation/control-registers.ts";
import type { Hypercall } from "./context.ts";

/** fpu_taskswitch(set): sets or clears CR0.TS, so that the next FPU instruction faults with #NM. [XEN xen.h] */
export const createFpuTaskswitch = (): Hypercall => ({
  number: __HYPERVISOR_fpu_taskswitch,
  handle(call) {
    setTaskSwitched(call.vcpu, call.argument32(0) !== 0);
    return 0;
  },
});
