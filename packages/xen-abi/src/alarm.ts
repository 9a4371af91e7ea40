import { u64 } from "./fields.ts";
import { type Struct, struct } from "./struct.ts";
import { __HYPERVISOR_arch_2 } from "./xen/hypercalls.ts";
import { VIRQ_ARCH_7 } from "./xen/virq.ts";

/**
 * The pair of alarms of the 2003 paper: "one for real time and the other for virtual time", which passes only while the VCPU
 * executes. [SOSP03 3.3.2] No public header of Xen's has them; this is an extension, for domains that were created with it. The
 * call is `alarm_op(command, argument)`, and its number is one that x86 leaves unused.
 */

/** alarm_op(command, argument): -ENOSYS in domains without alarms, -EINVAL for another command, -EFAULT for a bad pointer. */
export const __HYPERVISOR_alarm_op: number = __HYPERVISOR_arch_2;

/** The virtual-time alarm of the VCPU through which it is bound. The real-time one raises VIRQ_TIMER. */
export const VIRQ_VIRTUAL_TIMER: number = VIRQ_ARCH_7;

/** Both clocks of the calling VCPU. OUT: {@link AlarmTimes}. */
export const ALARMOP_get_times = 0;
/** Arms the real-time alarm: the VCPU's one-shot timer, the same that set_timer_op and vcpu_op set. IN: {@link AlarmDeadline}. */
export const ALARMOP_set_real = 1;
/** Stops it. The argument is not looked at. */
export const ALARMOP_cancel_real = 2;
/** Arms the virtual-time alarm in place of what was armed. IN: {@link AlarmDeadline}. */
export const ALARMOP_set_virtual = 3;
/** Stops it. The argument is not looked at. */
export const ALARMOP_cancel_virtual = 4;

/** Argument of the operations that arm: a point of the alarm's own clock in ns @0. One that has passed fires at once. */
export interface AlarmDeadline {
  readonly deadlineNs: number;
}
/** Layout and codec of {@link AlarmDeadline}; 8 bytes. */
export const ALARM_DEADLINE: Struct<AlarmDeadline> = struct<AlarmDeadline>({ deadlineNs: u64 });

/** What ALARMOP_get_times answers: real_ns @0, virtual_ns @8. */
export interface AlarmTimes {
  /** System time. */
  readonly realNs: number;
  /** Time that the VCPU has been on a processor: what its runstate says of RUNSTATE_running. */
  readonly virtualNs: number;
}
/** Layout and codec of {@link AlarmTimes}; 16 bytes. */
export const ALARM_TIMES: Struct<AlarmTimes> = struct<AlarmTimes>({ realNs: u64, virtualNs: u64 });
