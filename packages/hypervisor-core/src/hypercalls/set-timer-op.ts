import { type Clock, toNanoseconds } from "@xenolith/machine-interface";
import { __HYPERVISOR_set_timer_op } from "@xenolith/xen-abi/xen";
import type { VcpuTimers } from "../time/vcpu-timers.ts";
import type { Hypercall, HypercallContext } from "./context.ts";

/** Beyond this (about 13 days) a deadline is taken for the product of a wrapped counter. */
const FAR_AWAY_NS = 2 ** 50;
/** When the timer fires in its place. */
const INSTEAD_NS = 100_000_000;
const TWO_32 = 0x1_0000_0000;

/** The deadline: one argument on x86_64, low and high word on 32-bit widths; signed. */
const deadlineOf = (call: HypercallContext): number =>
  call.width === "x86_64" ? call.argument(0) : (call.argument32(1) | 0) * TWO_32 + call.argument32(0);

/** set_timer_op(deadline): arms the one-shot timer for a point of system time; 0 stops it. [XEN xen.h] */
export const createSetTimerOp = (timers: VcpuTimers, clock: Clock): Hypercall => ({
  number: __HYPERVISOR_set_timer_op,
  handle(call) {
    const deadlineNs = deadlineOf(call);
    const now = clock.now();
    if (deadlineNs === 0) timers.setSingleshot(call.vcpu, null);
    else if (deadlineNs < 0 || deadlineNs - now >= FAR_AWAY_NS)
      timers.setSingleshot(call.vcpu, toNanoseconds(now + INSTEAD_NS));
    else timers.setSingleshot(call.vcpu, deadlineNs);
    return 0;
  },
});
