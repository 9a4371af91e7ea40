import type { Clock } from "@xenolith/machine-interface";
import { EFAULT, EINVAL, ENOSYS } from "@xenolith/xen-abi";
import {
  __HYPERVISOR_alarm_op,
  ALARM_DEADLINE,
  ALARM_TIMES,
  ALARMOP_cancel_real,
  ALARMOP_cancel_virtual,
  ALARMOP_get_times,
  ALARMOP_set_real,
  ALARMOP_set_virtual,
} from "@xenolith/xen-abi/alarm";
import type { RunControl } from "../run-control.ts";
import type { VcpuTimers } from "../time/vcpu-timers.ts";
import type { Vcpu } from "../vcpu.ts";
import type { Hypercall, HypercallContext } from "./context.ts";

/** What alarms are made from. */
export interface AlarmOpParts {
  readonly timers: Pick<VcpuTimers, "setSingleshot" | "setVirtual">;
  readonly runControl: Pick<RunControl, "executedNs">;
  readonly clock: Pick<Clock, "now">;
}

/** Arms one of the calling VCPU's alarms. */
type Arm = (vcpu: Vcpu, deadlineNs: number | null) => void;

const arm = (call: HypercallContext, set: Arm): number => {
  const view = call.guest.read(call.argument(1), ALARM_DEADLINE.size(call.width));
  if (view === null) return -EFAULT;
  set(call.vcpu, ALARM_DEADLINE.read(view, 0, call.width).deadlineNs);
  return 0;
};

const cancel = ({ vcpu }: HypercallContext, set: Arm): number => {
  set(vcpu, null);
  return 0;
};

/** alarm_op(command, argument): alarms of real and of virtual time, for domains that were created with them. [SOSP03 3.3.2] */
export const createAlarmOp = ({ timers, runControl, clock }: AlarmOpParts): Hypercall => ({
  number: __HYPERVISOR_alarm_op,
  handle(call) {
    const { domain, guest, width } = call;
    if (!domain.hasAlarms) return -ENOSYS;
    switch (call.argument32(0)) {
      case ALARMOP_get_times: {
        const view = new DataView(new ArrayBuffer(ALARM_TIMES.size(width)));
        const times = { realNs: clock.now(), virtualNs: runControl.executedNs(call.vcpu) };
        ALARM_TIMES.write(view, 0, width, times);
        return guest.write(call.argument(1), view) ? 0 : -EFAULT;
      }
      case ALARMOP_set_real:
        return arm(call, timers.setSingleshot);
      case ALARMOP_cancel_real:
        return cancel(call, timers.setSingleshot);
      case ALARMOP_set_virtual:
        return arm(call, timers.setVirtual);
      case ALARMOP_cancel_virtual:
        return cancel(call, timers.setVirtual);
      default:
        return -EINVAL;
    }
  },
});
