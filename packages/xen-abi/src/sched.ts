import { address, branded, i32, u16, u32, u64 } from "./fields.ts";
import type { DomId } from "./ids.ts";
import { type Struct, struct } from "./struct.ts";

/** Sub-operations of sched_op. [XEN sched.h] */
export const SCHEDOP_yield = 0;
export const SCHEDOP_block = 1;
export const SCHEDOP_shutdown = 2;
export const SCHEDOP_poll = 3;
export const SCHEDOP_remote_shutdown = 4;
export const SCHEDOP_shutdown_code = 5;
export const SCHEDOP_watchdog = 6;
export const SCHEDOP_pin_override = 7;

/** Reasons of a shutdown. [XEN sched.h] */
export const SHUTDOWN_poweroff = 0;
export const SHUTDOWN_reboot = 1;
export const SHUTDOWN_suspend = 2;
export const SHUTDOWN_crash = 3;
export const SHUTDOWN_watchdog = 4;
export const SHUTDOWN_soft_reset = 5;
export const SHUTDOWN_MAX = 5;

/** Most ports that one SCHEDOP_poll may name. */
export const SCHEDOP_POLL_PORTS_MAX = 128;

/** `struct sched_shutdown`: reason @0. */
export interface SchedShutdown {
  readonly reason: number;
}
/** Layout and codec of {@link SchedShutdown}. */
export const SCHED_SHUTDOWN: Struct<SchedShutdown> = struct<SchedShutdown>({ reason: u32 });

/** `struct sched_poll`: ports @0, nr_ports @4/8, timeout @8/16 (system time in ns, 0: none); 16 or 24 bytes. */
export interface SchedPoll {
  /** Guest address of an array of u32 ports. */
  readonly ports: number;
  readonly nrPorts: number;
  readonly timeout: number;
}
/** Layout and codec of {@link SchedPoll}. */
export const SCHED_POLL: Struct<SchedPoll> = struct<SchedPoll>({
  ports: address,
  nrPorts: u32,
  timeout: u64,
});

/** `struct sched_remote_shutdown`: domain_id @0, reason @4. */
export interface SchedRemoteShutdown {
  readonly domainId: DomId;
  readonly reason: number;
}
/** Layout and codec of {@link SchedRemoteShutdown}. */
export const SCHED_REMOTE_SHUTDOWN: Struct<SchedRemoteShutdown> = struct<SchedRemoteShutdown>({
  domainId: branded<DomId>(u16),
  reason: u32,
});

/** `struct sched_watchdog`: id @0, timeout in seconds @4. */
export interface SchedWatchdog {
  readonly id: number;
  readonly timeout: number;
}
/** Layout and codec of {@link SchedWatchdog}. */
export const SCHED_WATCHDOG: Struct<SchedWatchdog> = struct<SchedWatchdog>({ id: u32, timeout: u32 });

/** `struct sched_pin_override`: pcpu @0. */
export interface SchedPinOverride {
  readonly pcpu: number;
}
/** Layout and codec of {@link SchedPinOverride}. */
export const SCHED_PIN_OVERRIDE: Struct<SchedPinOverride> = struct<SchedPinOverride>({ pcpu: i32 });
