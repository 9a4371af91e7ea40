import type { Clock } from "@xenolith/machine-interface";
import { EFAULT, EINVAL, ETIME } from "@xenolith/xen-abi";
import {
  VCPU_SET_PERIODIC_TIMER,
  VCPU_SET_SINGLESHOT_TIMER,
  VCPU_SSHOTTMR_future,
} from "@xenolith/xen-abi/vcpu";
import type { VcpuTimers } from "../time/vcpu-timers.ts";
import type { VcpuOperation } from "./vcpu-operation.ts";

/** What the timer operations are made from. */
export interface VcpuTimerOpParts {
  readonly timers: VcpuTimers;
  readonly clock: Clock;
}

/** Shortest and longest period of the periodic timer. */
const MINIMUM_PERIOD_NS = 1_000_000;
const MAXIMUM_PERIOD_NS = 2 ** 62;

/** Operations on the periodic and the one-shot timer. [XEN vcpu.h] */
export interface VcpuTimerOperations {
  readonly setPeriodic: VcpuOperation;
  readonly stopPeriodic: VcpuOperation;
  readonly setSingleshot: VcpuOperation;
  readonly stopSingleshot: VcpuOperation;
}

/** Makes the operations. The one-shot timer is set only by the VCPU it belongs to. */
export const createVcpuTimerOperations = ({ timers, clock }: VcpuTimerOpParts): VcpuTimerOperations => ({
  setPeriodic(call, vcpu) {
    const view = call.guest.read(call.argument(2), VCPU_SET_PERIODIC_TIMER.size(call.width));
    if (view === null) return -EFAULT;
    const { periodNs } = VCPU_SET_PERIODIC_TIMER.read(view, 0, call.width);
    if (periodNs < MINIMUM_PERIOD_NS || periodNs > MAXIMUM_PERIOD_NS) return -EINVAL;
    timers.setPeriod(vcpu, periodNs);
    return 0;
  },
  stopPeriodic(_call, vcpu) {
    timers.setPeriod(vcpu, 0);
    return 0;
  },
  setSingleshot(call, vcpu) {
    if (vcpu !== call.vcpu) return -EINVAL;
    const view = call.guest.read(call.argument(2), VCPU_SET_SINGLESHOT_TIMER.size(call.width));
    if (view === null) return -EFAULT;
    const { timeoutAbsNs, flags } = VCPU_SET_SINGLESHOT_TIMER.read(view, 0, call.width);
    if (flags & VCPU_SSHOTTMR_future && timeoutAbsNs < clock.now()) return -ETIME;
    timers.setSingleshot(vcpu, timeoutAbsNs);
    return 0;
  },
  stopSingleshot(call, vcpu) {
    if (vcpu !== call.vcpu) return -EINVAL;
    timers.setSingleshot(vcpu, null);
    return 0;
  },
});
