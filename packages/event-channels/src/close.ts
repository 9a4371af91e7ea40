import { type DomId, EAGAIN, EBUSY, EINVAL, EPERM, ESRCH } from "@xenolith/xen-abi";
import type { EventContext } from "./event-context.ts";
import { type EventDomain, freePort, isPort } from "./event-domain.ts";

/** EVTCHNOP_close. The other end of an interdomain channel becomes unbound again, open to this domain. */
export const closePort = (context: EventContext, domain: EventDomain, port: number): number => {
  const channel = isPort(domain, port) ? domain.channels[port] : undefined;
  if (channel === undefined || channel.kind === "reserved") return -EINVAL;
  if (channel.kind === "virq") {
    for (const [key, bound] of domain.virqPorts) if (bound === port) domain.virqPorts.delete(key);
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
  freePort(domain, port);
  context.traceClose(domain.id, port);
  return 0;
};

/** Closes all ports of a domain. */
export const closeAllPorts = (context: EventContext, domain: EventDomain): void => {
  for (let port = 1; port < domain.channels.length; port++) {
    if (domain.channels[port] !== undefined) closePort(context, domain, port);
  }
};

/** What {@link resetPorts} answers when it stopped on the way. */
export const RESET_UNFINISHED = 1;

/** How many ports a reset looks at before it asks whether it may go on. */
const RESET_STRIDE = 64;

/** Closes ports from `domain.nextReset` on. @returns whether all have been looked at. */
const resetFurther = (context: EventContext, domain: EventDomain, shouldStop: () => boolean): boolean => {
  for (; isPort(domain, domain.nextReset); domain.nextReset++) {
    closePort(context, domain, domain.nextReset);
    if (domain.nextReset % RESET_STRIDE === 0 && shouldStop()) {
      domain.nextReset++;
      return false;
    }
  }
  domain.nextReset = 0;
  return true;
};

/**
 * EVTCHNOP_reset, and with `resumes` its continuation. Another domain's ports are closed only while the toolstack keeps it
 * from running. A domain that used FIFO events is back at two-level ones, unless ports were bound meanwhile.
 */
export const resetPorts = (
  context: EventContext,
  caller: EventDomain,
  target: DomId,
  resumes: boolean,
  shouldStop: () => boolean,
): number => {
  const domain = context.find(caller, target);
  if (domain === null) return -ESRCH;
  if (domain !== caller) {
    if (!caller.privileged) return -EPERM;
    if (!context.host.isPaused(domain.id)) return -EINVAL;
  }
  if (resumes !== domain.nextReset > 0) return -EBUSY;
  if (!resumes) domain.nextReset = 1;
  if (!resetFurther(context, domain, shouldStop)) return RESET_UNFINISHED;
  if (domain.channels.some((channel) => channel !== undefined && channel.kind !== "reserved")) return -EAGAIN;
  context.useTwoLevel(domain);
  return 0;
};
