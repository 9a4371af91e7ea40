import type { Vcpu } from "../vcpu.ts";
import type { HypercallContext } from "./context.ts";

/** One sub-operation of vcpu_op on a VCPU of the caller's domain; its argument is the call's third. */
export type VcpuOperation = (call: HypercallContext, vcpu: Vcpu) => number;
