import type { DomId, Port } from "@xenolith/xen-abi";

/**
 * Event channels as a domain sees them. Operations give the port or 0 on success, and a negative errno otherwise.
 * [XEN event_channel.h]
 */
export interface EventPorts {
  /** Allocates a port that `remote` may bind to. */
  allocateUnbound(remote: DomId): number;
  /** Binds a local port to an unbound port of another domain. */
  bindInterdomain(remote: DomId, remotePort: Port): number;
  /** Binds a virtual interrupt of VCPU 0. */
  bindVirq(virq: number): number;
  /** Closes a port; its listener is dropped. */
  close(port: Port): number;
  /** Sends an event to the other end. */
  notify(port: Port): number;
  /**
   * Sets what runs when the port's event comes: once per dispatch, however often the event was sent. The pending bit is
   * cleared before. null removes the listener. Runs to completion and must not throw.
   */
  listen(port: Port, listener: (() => void) | null): void;
}
