import { EINVAL, type VcpuIndex } from "@xenolith/xen-abi";
import type { EventContext } from "./event-context.ts";
import { type EventDomain, isPort, isVcpu, virqKey } from "./event-domain.ts";

/** EVTCHNOP_send. */
export const sendEvent = (context: EventContext, domain: EventDomain, port: number): number => {
  const channel = isPort(domain, port) ? domain.channels[port] : undefined;
  if (channel === undefined) return -EINVAL;
  switch (channel.kind) {
    case "interdomain": {
      const { remote, remotePort } = channel;
      const peer = remote?.channels[remotePort];
      if (remote === null || peer === undefined) return -EINVAL;
      context.traceSend(domain.id, port);
      context.deliver(remote, remotePort, peer.vcpu);
      return 0;
    }
    case "ipi":
      context.traceSend(domain.id, port);
      context.deliver(domain, port, channel.vcpu);
      return 0;
    case "unbound":
      return 0;
    default:
      return -EINVAL;
  }
};

/** Raises the VIRQ that is bound through one of the domain's VCPUs. The event goes to the VCPU the port is bound to now. */
export const raiseVirq = (
  context: EventContext,
  domain: EventDomain,
  vcpu: VcpuIndex,
  virq: number,
): void => {
  const port = isVcpu(domain, vcpu) ? domain.virqPorts.get(virqKey(vcpu, virq)) : undefined;
  const channel = port === undefined ? undefined : domain.channels[port];
  if (port === undefined || channel === undefined) return;
  context.traceVirq(domain.id, vcpu, virq);
  context.deliver(domain, port, channel.vcpu);
};
