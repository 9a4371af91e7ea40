import { __HYPERVISOR_stack_switch } from "@xenolith/xen-abi/xen";
import type { Hypercall } from "./context.ts";
import { fixStackSelector } from "./guest-selectors.ts";

/** stack_switch(ss, esp): the kernel's stack for entries from user mode. [XEN arch-x86/xen.h] */
export const createStackSwitch = (): Hypercall => ({
  number: __HYPERVISOR_stack_switch,
  handle(call) {
    const { vcpu, width } = call;
    vcpu.kernelStack = {
      selector: fixStackSelector(width, call.argument32(0)),
      pointer: call.argument(1),
    };
    return 0;
  },
});
