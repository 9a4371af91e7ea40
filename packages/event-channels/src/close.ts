import { type DomId, EINVAL, EPERM, ESRCH } from "@xenolith/xen-abi";
import type { EventContext } from "./event-context.ts";
import { type EventDomain, isPort } from "./event-domain.ts";

/** EVTCHNOP_close. The other end of an interdomain channel becomes unbound again, open to this domain. */
export const closePort = (context: EventContext, domain: EventDomain, port: number): number => {
  const channel = isPort(domain, port) ? domain.channels[port] : undefined;
  if (channel === undefined || channel.kind === "reserved") return -EINVAL;
  if (channel.kind === "virq") {
    for (const ports of domain.virqPorts) {
      if (ports.get(channel.virq) === port) ports.delete(channel.virq);
    }
  }
  if (channel.kind === "interdomain") {
    const peer = channel.remote?.channels[channel.remotePort];
    if (peer !== undefined) {
      peer.kind = "unbound";
      peer.allowed = domain.id;
      peer.remote = null;
      peer.remotePort = 0;
    }
  }
  domain.delivery.clearPending(port);
  domain.channels[port] = undefined;
  context.traceClose(domain.id, port);
  return 0;
};

/** Closes all ports of a domain. */
export const closeAllPorts = (context: EventContext, domain: EventDomain): void => {
  for (let port = 1; port < domain.channels.length; port++) {
    if (domain.channels[port] !== undefined) closePort(context, domain, port);
  }
};

/** EVTCHNOP_reset. Another domain's ports are closed only while the toolstack keeps it from running. */
export const resetPorts = (context: EventContext, caller: EventDomain, target: DomId): number => {
  const domain = context.find(caller, target);
  if (domain === null) return -ESRCH;
  if (domain !== caller) {
    if (!caller.privileged) return -EPERM;
    if (!context.host.isPaused(domain.id)) return -EINVAL;
  }
  closeAllPorts(context, domain);
  return 0;
};
