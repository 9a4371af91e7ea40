import { EINVAL, type VcpuIndex } from "@xenolith/xen-abi";
import { type EventDomain, isUsable } from "./event-domain.ts";
import type { EventHost } from "./types.ts";

/**
 * The part of SCHEDOP_poll that is about ports, each of which has to be bound. The number of ports has been limited by the
 * caller. [XEN sched.h]
 */
export const beginPoll = (domain: EventDomain, vcpu: VcpuIndex, ports: readonly number[]): number => {
  for (const port of ports) {
    if (!isUsable(domain, port)) return -EINVAL;
    if (domain.delivery.isPending(port)) return 0;
  }
  const [only] = ports;
  domain.polling ??= new Map();
  domain.polling.set(vcpu, ports.length === 1 && only !== undefined ? only : null);
  return 1;
};

/** A VCPU polls no longer, if it did. */
export const endPoll = (domain: EventDomain, vcpu: VcpuIndex): void => {
  domain.polling?.delete(vcpu);
  if (domain.polling?.size === 0) domain.polling = null;
};

/**
 * A port became pending: polls that wait for it end. A VCPU that polls several ports, or none, is woken by every event; it
 * looks for itself, as under Xen. Masked ports count: polling is how they are used.
 */
export const wakePollers = (host: EventHost, domain: EventDomain, port: number): void => {
  if (domain.polling === null) return;
  for (const [vcpu, wanted] of [...domain.polling]) {
    if (wanted !== null && wanted !== port) continue;
    endPoll(domain, vcpu);
    host.wakePolling(domain.id, vcpu);
  }
};
