import { branded, padded, u8, u16, u32, u64 } from "./fields.ts";
import type { DomId, Port } from "./ids.ts";
import { type Struct, struct } from "./struct.ts";
import { type GuestWidth, longBytes } from "./width.ts";

/** Sub-operations of event_channel_op. [XEN event_channel.h] */
export const EVTCHNOP_bind_interdomain = 0;
export const EVTCHNOP_bind_virq = 1;
export const EVTCHNOP_bind_pirq = 2;
export const EVTCHNOP_close = 3;
export const EVTCHNOP_send = 4;
export const EVTCHNOP_status = 5;
export const EVTCHNOP_alloc_unbound = 6;
export const EVTCHNOP_bind_ipi = 7;
export const EVTCHNOP_bind_vcpu = 8;
export const EVTCHNOP_unmask = 9;
export const EVTCHNOP_reset = 10;
export const EVTCHNOP_init_control = 11;
export const EVTCHNOP_expand_array = 12;
export const EVTCHNOP_set_priority = 13;
/** Only by the hypervisor itself, to go on with a reset. */
export const EVTCHNOP_reset_cont = 14;

/** States of a port that EVTCHNOP_status reports. */
export const EVTCHNSTAT_closed = 0;
export const EVTCHNSTAT_unbound = 1;
export const EVTCHNSTAT_interdomain = 2;
export const EVTCHNSTAT_pirq = 3;
export const EVTCHNSTAT_virq = 4;
export const EVTCHNSTAT_ipi = 5;

/** Ports of the two-level ABI: 1024 for 32-bit guests, 4096 for 64-bit ones. */
export const evtchn2lChannels = (width: GuestWidth): 1024 | 4096 => (longBytes(width) === 8 ? 4096 : 1024);

/** FIFO ABI: priorities, bits of an event word, number of channels. */
export const EVTCHN_FIFO_PRIORITY_MAX = 0;
export const EVTCHN_FIFO_PRIORITY_DEFAULT = 7;
export const EVTCHN_FIFO_PRIORITY_MIN = 15;
export const EVTCHN_FIFO_PENDING = 31;
export const EVTCHN_FIFO_MASKED = 30;
export const EVTCHN_FIFO_LINKED = 29;
export const EVTCHN_FIFO_BUSY = 28;
export const EVTCHN_FIFO_LINK_BITS = 17;
export const EVTCHN_FIFO_NR_CHANNELS = 0x2_0000;

const domid = branded<DomId>(u16);
const port = branded<Port>(u32);

/** `struct evtchn_alloc_unbound`: dom @0, remote_dom @2, OUT port @4. */
export interface EvtchnAllocUnbound {
  readonly dom: DomId;
  readonly remoteDom: DomId;
  readonly port: Port;
}
/** Layout and codec of {@link EvtchnAllocUnbound}. */
export const EVTCHN_ALLOC_UNBOUND: Struct<EvtchnAllocUnbound> = struct<EvtchnAllocUnbound>({
  dom: domid,
  remoteDom: domid,
  port,
});

/** `struct evtchn_bind_interdomain`: remote_dom @0, remote_port @4, OUT local_port @8. */
export interface EvtchnBindInterdomain {
  readonly remoteDom: DomId;
  readonly remotePort: Port;
  readonly localPort: Port;
}
/** Layout and codec of {@link EvtchnBindInterdomain}. */
export const EVTCHN_BIND_INTERDOMAIN: Struct<EvtchnBindInterdomain> = struct<EvtchnBindInterdomain>({
  remoteDom: domid,
  remotePort: port,
  localPort: port,
});

/** `struct evtchn_bind_virq`: virq @0, vcpu @4, OUT port @8. */
export interface EvtchnBindVirq {
  readonly virq: number;
  readonly vcpu: number;
  readonly port: Port;
}
/** Layout and codec of {@link EvtchnBindVirq}. */
export const EVTCHN_BIND_VIRQ: Struct<EvtchnBindVirq> = struct<EvtchnBindVirq>({
  virq: u32,
  vcpu: u32,
  port,
});

/** `struct evtchn_bind_pirq`: pirq @0, flags @4, OUT port @8. */
export interface EvtchnBindPirq {
  readonly pirq: number;
  readonly flags: number;
  readonly port: Port;
}
/** Layout and codec of {@link EvtchnBindPirq}. */
export const EVTCHN_BIND_PIRQ: Struct<EvtchnBindPirq> = struct<EvtchnBindPirq>({
  pirq: u32,
  flags: u32,
  port,
});

/** `struct evtchn_bind_ipi`: vcpu @0, OUT port @4. */
export interface EvtchnBindIpi {
  readonly vcpu: number;
  readonly port: Port;
}
/** Layout and codec of {@link EvtchnBindIpi}. */
export const EVTCHN_BIND_IPI: Struct<EvtchnBindIpi> = struct<EvtchnBindIpi>({ vcpu: u32, port });

/** `struct evtchn_close`, `evtchn_send` and `evtchn_unmask`: port @0. */
export interface EvtchnPort {
  readonly port: Port;
}
/** Layout and codec of the three operations whose only argument is a port. */
export const EVTCHN_PORT: Struct<EvtchnPort> = struct<EvtchnPort>({ port });

/**
 * `struct evtchn_status`: dom @0, port @4, OUT status @8, vcpu @12, and a union @16 that depends on the status: the remote
 * domain (u16, unbound and interdomain) with the remote port @20, or the number of the virq or pirq (u32).
 */
export interface EvtchnStatus {
  readonly dom: DomId;
  readonly port: Port;
  readonly status: number;
  readonly vcpu: number;
  /** Word @16: remote domain, virq or pirq. */
  readonly source: number;
  /** Word @20: remote port, when interdomain. */
  readonly remotePort: Port;
}
/** Layout and codec of {@link EvtchnStatus}. */
export const EVTCHN_STATUS: Struct<EvtchnStatus> = struct<EvtchnStatus>({
  dom: domid,
  port,
  status: u32,
  vcpu: u32,
  source: u32,
  remotePort: port,
});

/** `struct evtchn_bind_vcpu`: port @0, vcpu @4. */
export interface EvtchnBindVcpu {
  readonly port: Port;
  readonly vcpu: number;
}
/** Layout and codec of {@link EvtchnBindVcpu}. */
export const EVTCHN_BIND_VCPU: Struct<EvtchnBindVcpu> = struct<EvtchnBindVcpu>({ port, vcpu: u32 });

/** `struct evtchn_reset`: dom @0. */
export interface EvtchnReset {
  readonly dom: DomId;
}
/** Layout and codec of {@link EvtchnReset}. */
export const EVTCHN_RESET: Struct<EvtchnReset> = struct<EvtchnReset>({ dom: domid });

/** `struct evtchn_init_control`: control_gfn @0, offset @8, vcpu @12, OUT link_bits @16; 24 bytes. */
export interface EvtchnInitControl {
  readonly controlGfn: number;
  readonly offset: number;
  readonly vcpu: number;
  readonly linkBits: number;
}
/** Layout and codec of {@link EvtchnInitControl}. */
export const EVTCHN_INIT_CONTROL: Struct<EvtchnInitControl> = struct<EvtchnInitControl>({
  controlGfn: u64,
  offset: u32,
  vcpu: u32,
  linkBits: padded(u8, 8),
});

/** `struct evtchn_expand_array`: array_gfn @0. */
export interface EvtchnExpandArray {
  readonly arrayGfn: number;
}
/** Layout and codec of {@link EvtchnExpandArray}. */
export const EVTCHN_EXPAND_ARRAY: Struct<EvtchnExpandArray> = struct<EvtchnExpandArray>({ arrayGfn: u64 });

/** `struct evtchn_set_priority`: port @0, priority @4. */
export interface EvtchnSetPriority {
  readonly port: Port;
  readonly priority: number;
}
/** Layout and codec of {@link EvtchnSetPriority}. */
export const EVTCHN_SET_PRIORITY: Struct<EvtchnSetPriority> = struct<EvtchnSetPriority>({
  port,
  priority: u32,
});

/** `struct evtchn_op` of event_channel_op_compat (call 16): cmd @0, the operation's structure @4. */
export const EVTCHN_OP_COMPAT_ARGUMENT_OFFSET = 4;
