import { type DomId, ENOSPC, type GuestWidth, type VcpuIndex } from "@xenolith/xen-abi";
import { NR_VIRQS } from "@xenolith/xen-abi/xen";
import type { EventDelivery } from "./delivery.ts";

/** Port numbers become valid in steps of this many, as they are allocated for the first time. */
const PORTS_PER_BUCKET = 128;

/** What a bound port is. Free ports have no record. */
export type ChannelKind = "reserved" | "unbound" | "interdomain" | "virq" | "ipi";

/** One port in use. Which fields mean something depends on `kind`. */
export interface Channel {
  kind: ChannelKind;
  /** VCPU that events go to. */
  vcpu: VcpuIndex;
  /** Unbound: who may bind to it. */
  allowed: DomId;
  /** Interdomain: the other end. */
  remote: EventDomain | null;
  remotePort: number;
  virq: number;
}

/** The ports of one domain, and what its VCPUs wait for. */
export interface EventDomain {
  readonly id: DomId;
  readonly width: GuestWidth;
  readonly privileged: boolean;
  readonly vcpuCount: number;
  /** The ABI in use. */
  delivery: EventDelivery;
  /** Highest port that may be allocated, if the ABI has room for it. */
  readonly maximumPort: number;
  /** VIRQs that each VCPU has for itself, besides those of every domain. */
  readonly vcpuVirqs: readonly number[];
  /** Port that a reset that was interrupted goes on with; 0 when none is under way. */
  nextReset: number;
  /** No port below this one is free. */
  firstFree: number;
  /** Ports below this number exist, used or free; others were never allocated. */
  validPorts: number;
  /** Ports in use, by number. */
  readonly channels: (Channel | undefined)[];
  /** Ports that VIRQs are bound to, by {@link virqKey}. */
  readonly virqPorts: Map<number, number>;
  /** Ports that polling VCPUs wait for: one port, or null for any. No map while none polls. */
  polling: Map<VcpuIndex, number | null> | null;
}

/** What an {@link EventDomain} is made from. */
export interface EventDomainParts {
  readonly id: DomId;
  readonly width: GuestWidth;
  readonly privileged: boolean;
  readonly vcpuCount: number;
  readonly delivery: EventDelivery;
  readonly maximumPort: number;
  readonly vcpuVirqs: readonly number[];
}

/** A channel that has just been allocated; the caller sets what is special about its kind. */
export const createChannel = (kind: ChannelKind, vcpu: VcpuIndex): Channel => ({
  kind,
  vcpu,
  allowed: 0 as DomId,
  remote: null,
  remotePort: 0,
  virq: 0,
});

/**
 * The channels of a new domain: port 0 is taken for good. There is room for the ports of console, store and timer, which most
 * domains leave it at: an array that grows by one takes room for many.
 */
const firstChannels = (): (Channel | undefined)[] => [
  createChannel("reserved", 0 as VcpuIndex),
  undefined,
  undefined,
  undefined,
];

/** Makes the state of a domain. */
export const createEventDomain = (parts: EventDomainParts): EventDomain => ({
  // Field by field: objects that are made by spreading another have a layout of their own each.
  id: parts.id,
  width: parts.width,
  privileged: parts.privileged,
  vcpuCount: parts.vcpuCount,
  delivery: parts.delivery,
  maximumPort: parts.maximumPort,
  vcpuVirqs: parts.vcpuVirqs,
  nextReset: 0,
  firstFree: 1,
  validPorts: Math.min(PORTS_PER_BUCKET, parts.delivery.portLimit),
  channels: firstChannels(),
  virqPorts: new Map(),
  polling: null,
});

/** Key of a VIRQ of one VCPU in {@link EventDomain.virqPorts}. */
export const virqKey = (vcpu: VcpuIndex, virq: number): number => vcpu * NR_VIRQS + virq;

/** Whether the number is a port of the domain, used or free. Any number may be asked for. */
export const isPort = (domain: EventDomain, port: number): boolean => port >= 0 && port < domain.validPorts;

/** Whether the number is a port that is bound to something. Any number may be asked for. */
export const isUsable = (domain: EventDomain, port: number): boolean => {
  const channel = isPort(domain, port) ? domain.channels[port] : undefined;
  return channel !== undefined && channel.kind !== "reserved";
};

/** Whether the number is a VCPU of the domain. */
export const isVcpu = (domain: EventDomain, vcpu: number): vcpu is VcpuIndex =>
  Number.isInteger(vcpu) && vcpu >= 0 && vcpu < domain.vcpuCount;

/** Lowest free port, or -ENOSPC. The port is taken by {@link openPort}. */
export const findFreePort = (domain: EventDomain): number => {
  const { channels, delivery } = domain;
  while (channels[domain.firstFree] !== undefined) domain.firstFree++;
  let port = domain.firstFree;
  while (port < domain.validPorts && (channels[port] !== undefined || delivery.isBusy(port))) port++;
  if (port > domain.maximumPort || port >= delivery.portLimit) return -ENOSPC;
  if (port >= domain.validPorts) domain.validPorts += PORTS_PER_BUCKET;
  return port;
};

/** Puts a channel into a port that was free. */
export const openPort = (domain: EventDomain, port: number, channel: Channel): void => {
  domain.channels[port] = channel;
  domain.delivery.opened(port);
};

/** Frees a port. */
export const freePort = (domain: EventDomain, port: number): void => {
  domain.delivery.clearPending(port);
  domain.channels[port] = undefined;
  domain.firstFree = Math.min(domain.firstFree, port);
};
