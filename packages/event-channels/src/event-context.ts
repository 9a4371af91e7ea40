import { HostError } from "@xenolith/machine-interface";
import { silentTrace, type TraceSink } from "@xenolith/trace";
import { DOMID_SELF, type DomId, type VcpuIndex } from "@xenolith/xen-abi";
import { createEventDomain, type EventDomain } from "./event-domain.ts";
import { wakePollers } from "./poll.ts";
import { EVENT_CHANNEL_TRACE } from "./trace.ts";
import { createTwoLevelDelivery } from "./two-level.ts";
import type { EventChannelOptions, EventDomainOptions, EventHost } from "./types.ts";

/** All domains with their ports, and what every operation does in the end: making a port pending. */
export interface EventContext {
  readonly host: EventHost;
  add(domain: DomId, options: EventDomainOptions): void;
  /** The domain with this identifier. @throws HostError when it is unknown: the identifier is the hypervisor's own. */
  known(domain: DomId): EventDomain;
  /** The domain that a guest names, DOMID_SELF being the caller; null when there is none. */
  find(caller: EventDomain, domain: DomId): EventDomain | null;
  remove(domain: DomId): void;
  /** Gives a domain without ports the two-level ABI that it started with. */
  useTwoLevel(domain: EventDomain): void;
  /** Makes a port pending for a VCPU, and ends the polls that wait for it. */
  deliver(domain: EventDomain, port: number, vcpu: VcpuIndex): void;
  traceSend(domain: DomId, port: number): void;
  traceVirq(domain: DomId, vcpu: VcpuIndex, virq: number): void;
  traceConnect(domain: DomId, port: number, remote: DomId, remotePort: number): void;
  traceClose(domain: DomId, port: number): void;
}

const NO_VIRQS: readonly number[] = [];

/** Makes the context, without domains. */
export const createEventContext = (host: EventHost, options: EventChannelOptions): EventContext => {
  const trace: TraceSink = options.trace ?? silentTrace;
  const ids = {
    send: trace.define(EVENT_CHANNEL_TRACE.send),
    pending: trace.define(EVENT_CHANNEL_TRACE.pending),
    virq: trace.define(EVENT_CHANNEL_TRACE.virq),
    connect: trace.define(EVENT_CHANNEL_TRACE.connect),
    close: trace.define(EVENT_CHANNEL_TRACE.close),
  };
  const domains = new Map<DomId, EventDomain>();

  return {
    host,
    add: (id, { width, vcpuCount, privileged, maximumPort, vcpuVirqs = NO_VIRQS }) => {
      if (domains.has(id)) throw new HostError("domain-exists", `domain ${id} already has event channels`);
      const delivery = createTwoLevelDelivery(host, id, width);
      const limit = maximumPort ?? Number.POSITIVE_INFINITY;
      domains.set(
        id,
        createEventDomain({ id, width, privileged, vcpuCount, delivery, maximumPort: limit, vcpuVirqs }),
      );
    },
    known: (id) => {
      const domain = domains.get(id);
      if (domain === undefined) throw new HostError("unknown-domain", `domain ${id} has no event channels`);
      return domain;
    },
    find: (caller, id) => (id === DOMID_SELF ? caller : (domains.get(id) ?? null)),
    remove: (id) => {
      domains.get(id)?.delivery.close();
      domains.delete(id);
    },
    useTwoLevel: (domain) => {
      if (domain.delivery.abi === "two-level") return;
      domain.delivery.close();
      domain.delivery = createTwoLevelDelivery(host, domain.id, domain.width);
    },
    deliver: (domain, port, vcpu) => {
      const news = domain.delivery.setPending(port, vcpu);
      if (trace.on) trace.record(ids.pending, domain.id, port, vcpu, news ? 1 : 0);
      if (news) wakePollers(host, domain, port);
    },
    traceSend: (domain, port) => {
      if (trace.on) trace.record(ids.send, domain, port);
    },
    traceVirq: (domain, vcpu, virq) => {
      if (trace.on) trace.record(ids.virq, domain, vcpu, virq);
    },
    traceConnect: (domain, port, remote, remotePort) => {
      if (trace.on) trace.record(ids.connect, domain, port, remote, remotePort);
    },
    traceClose: (domain, port) => {
      if (trace.on) trace.record(ids.close, domain, port);
    },
  };
};
