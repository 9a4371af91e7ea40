import {
  type DomId,
  EACCES,
  EINVAL,
  ENOENT,
  ENOSYS,
  EPERM,
  ESRCH,
  type Port,
  type VcpuIndex,
} from "@xenolith/xen-abi";
import {
  EVTCHNSTAT_closed,
  EVTCHNSTAT_interdomain,
  EVTCHNSTAT_ipi,
  EVTCHNSTAT_unbound,
  EVTCHNSTAT_virq,
} from "@xenolith/xen-abi/event-channel";
import { isGlobalVirq } from "./bind.ts";
import type { EventContext } from "./event-context.ts";
import { type Channel, type EventDomain, isPort, isUsable, isVcpu } from "./event-domain.ts";
import type { PortStatus } from "./types.ts";

const NO_PORT = 0 as Port;

const describeChannel = (channel: Channel): PortStatus => {
  const { vcpu } = channel;
  switch (channel.kind) {
    case "unbound":
      return { status: EVTCHNSTAT_unbound, vcpu, source: channel.allowed, remotePort: NO_PORT };
    case "interdomain":
      return {
        status: EVTCHNSTAT_interdomain,
        vcpu,
        source: channel.remote?.id ?? 0,
        remotePort: channel.remotePort as Port,
      };
    case "virq":
      return { status: EVTCHNSTAT_virq, vcpu, source: channel.virq, remotePort: NO_PORT };
    case "ipi":
      return { status: EVTCHNSTAT_ipi, vcpu, source: 0, remotePort: NO_PORT };
    case "reserved":
      return { status: EVTCHNSTAT_closed, vcpu, source: 0, remotePort: NO_PORT };
  }
};

/** EVTCHNOP_status. */
export const portStatus = (
  context: EventContext,
  caller: EventDomain,
  target: DomId,
  port: number,
): PortStatus | number => {
  const domain = context.find(caller, target);
  if (domain === null) return -ESRCH;
  if (!isPort(domain, port)) return -EINVAL;
  if (domain !== caller && !caller.privileged) return -EPERM;
  const channel = domain.channels[port];
  return channel === undefined
    ? { status: EVTCHNSTAT_closed, vcpu: 0 as VcpuIndex, source: 0, remotePort: NO_PORT }
    : describeChannel(channel);
};

/** EVTCHNOP_bind_vcpu. IPIs and VIRQs that each VCPU has for itself stay where they were bound. */
export const bindPortToVcpu = (domain: EventDomain, port: number, vcpu: number): number => {
  if (!isVcpu(domain, vcpu)) return -ENOENT;
  const channel = isPort(domain, port) ? domain.channels[port] : undefined;
  const movable =
    channel !== undefined &&
    (channel.kind === "unbound" ||
      channel.kind === "interdomain" ||
      (channel.kind === "virq" && isGlobalVirq(channel.virq, domain.vcpuVirqs)));
  if (!movable) return -EINVAL;
  channel.vcpu = vcpu;
  return 0;
};

/** EVTCHNOP_unmask. A port that is valid but free is left alone. */
export const unmaskPort = (domain: EventDomain, port: number): number => {
  if (!isPort(domain, port)) return -EINVAL;
  const channel = domain.channels[port];
  if (channel !== undefined && isUsable(domain, port)) domain.delivery.unmask(port, channel.vcpu);
  return 0;
};

/** EVTCHNOP_set_priority: only of a port that is bound, and of which two-level delivery knows nothing. */
export const setPortPriority = (domain: EventDomain, port: number, priority: number): number => {
  if (!isPort(domain, port)) return -EINVAL;
  if (domain.delivery.abi === "two-level") return -ENOSYS;
  return isUsable(domain, port) ? domain.delivery.setPriority(port, priority) : -EACCES;
};
