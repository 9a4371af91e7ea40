import { __HYPERVISOR_get_debugreg, __HYPERVISOR_set_debugreg } from "@xenolith/xen-abi/xen";
import { getDebugRegister, setDebugRegister } from "../emulation/debug-registers.ts";
import type { Hypercall } from "./context.ts";

/** set_debugreg(register, value). @see setDebugRegister for what is refused. [XEN xen.h] */
export const createSetDebugreg = (): Hypercall => ({
  number: __HYPERVISOR_set_debugreg,
  handle: (call) => setDebugRegister(call.vcpu, call.argument32(0), call.argument(1)),
});

/** get_debugreg(register): its value, or -ENODEV. [XEN xen.h] */
export const createGetDebugreg = (): Hypercall => ({
  number: __HYPERVISOR_get_debugreg,
  handle: (call) => getDebugRegister(call.vcpu, call.argument32(0)),
});
