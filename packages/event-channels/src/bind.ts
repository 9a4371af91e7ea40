import {
  DOMID_SELF,
  type DomId,
  EEXIST,
  EINVAL,
  ENOENT,
  EPERM,
  ESRCH,
  type VcpuIndex,
} from "@xenolith/xen-abi";
import { NR_VIRQS, VIRQ_DEBUG, VIRQ_TIMER, VIRQ_XENOPROF, VIRQ_XENPMU } from "@xenolith/xen-abi/xen";
import type { EventContext } from "./event-context.ts";
import {
  createChannel,
  type EventDomain,
  findFreePort,
  isPort,
  isVcpu,
  openPort,
  virqKey,
} from "./event-domain.ts";

const FIRST_VCPU = 0 as VcpuIndex;

/** Interrupt lines that a domain could name at all, had it the right to any. */
const PIRQ_COUNT = 48;

/** VIRQs that each VCPU has for itself; the others are raised once per domain. */
const PER_VCPU_VIRQS: ReadonlySet<number> = new Set([VIRQ_TIMER, VIRQ_DEBUG, VIRQ_XENOPROF, VIRQ_XENPMU]);

/**
 * Whether a VIRQ is raised once per domain, so that it can be bound through VCPU 0 only and moved. `vcpuVirqs` are those that
 * each VCPU of the domain has for itself besides the usual ones.
 */
export const isGlobalVirq = (virq: number, vcpuVirqs: readonly number[] = []): boolean =>
  !PER_VCPU_VIRQS.has(virq) && !vcpuVirqs.includes(virq);

/** EVTCHNOP_alloc_unbound. */
export const allocUnbound = (
  context: EventContext,
  caller: EventDomain,
  target: DomId,
  remote: DomId,
): number => {
  const domain = context.find(caller, target);
  if (domain === null) return -ESRCH;
  const port = findFreePort(domain);
  if (port < 0) return port;
  if (domain !== caller && !caller.privileged) return -EPERM;
  const channel = createChannel("unbound", FIRST_VCPU);
  channel.allowed = remote === DOMID_SELF ? caller.id : remote;
  openPort(domain, port, channel);
  return port;
};

/** EVTCHNOP_bind_interdomain. Events may have been lost while the remote port was unbound: the new port starts pending. */
export const bindInterdomain = (
  context: EventContext,
  caller: EventDomain,
  remoteId: DomId,
  remotePort: number,
): number => {
  const remote = context.find(caller, remoteId);
  if (remote === null) return -ESRCH;
  const port = findFreePort(caller);
  if (port < 0) return port;
  const peer = isPort(remote, remotePort) ? remote.channels[remotePort] : undefined;
  if (peer === undefined || peer.kind !== "unbound" || peer.allowed !== caller.id) return -EINVAL;
  const channel = createChannel("interdomain", FIRST_VCPU);
  channel.remote = remote;
  channel.remotePort = remotePort;
  openPort(caller, port, channel);
  peer.kind = "interdomain";
  peer.remote = caller;
  peer.remotePort = port;
  context.traceConnect(caller.id, port, remote.id, remotePort);
  context.deliver(caller, port, channel.vcpu);
  return port;
};

/** EVTCHNOP_bind_virq. */
export const bindVirq = (caller: EventDomain, virq: number, vcpu: number): number => {
  if (!(virq >= 0 && virq < NR_VIRQS)) return -EINVAL;
  if (isGlobalVirq(virq, caller.vcpuVirqs) && vcpu !== 0) return -EINVAL;
  if (!isVcpu(caller, vcpu)) return -ENOENT;
  if (caller.virqPorts.has(virqKey(vcpu, virq))) return -EEXIST;
  const port = findFreePort(caller);
  if (port < 0) return port;
  const channel = createChannel("virq", vcpu);
  channel.virq = virq;
  openPort(caller, port, channel);
  caller.virqPorts.set(virqKey(vcpu, virq), port);
  return port;
};

/** EVTCHNOP_bind_ipi. */
export const bindIpi = (caller: EventDomain, vcpu: number): number => {
  if (!isVcpu(caller, vcpu)) return -ENOENT;
  const port = findFreePort(caller);
  if (port < 0) return port;
  openPort(caller, port, createChannel("ipi", vcpu));
  return port;
};

/** EVTCHNOP_bind_pirq: nobody has the right to a physical interrupt. */
export const bindPirq = (pirq: number): number => (pirq >= 0 && pirq < PIRQ_COUNT ? -EPERM : -EINVAL);
