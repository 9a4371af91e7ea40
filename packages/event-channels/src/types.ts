import type { TraceSink } from "@xenolith/trace";
import type { DomId, GuestWidth, Port, VcpuIndex } from "@xenolith/xen-abi";

/** 32-bit words of memory shared with a guest, by byte offset. Reads and writes are single and unsigned. */
export interface SharedWords {
  readUint32(at: number): number;
  writeUint32(at: number, value: number): void;
}

/** A page of a guest's, shared with it. */
export interface HeldPage {
  readonly words: SharedWords;
  release(): void;
}

/** IN fields of EVTCHNOP_init_control. */
export interface InitControlRequest {
  readonly vcpu: number;
  /** Frame and offset of the control block. */
  readonly controlGfn: number;
  readonly offset: number;
}

/** What event channels need from the hypervisor they are part of. Nothing in it may throw. */
export interface EventHost {
  /** The domain's shared_info page, offset 0 being its first byte. Asked for once, when the domain is added. */
  sharedInfo(domain: DomId): SharedWords;
  /** The vcpu_info of a VCPU, wherever it lies now; null while it has none. Asked for on every event. */
  vcpuInfo(domain: DomId, vcpu: VcpuIndex): SharedWords | null;
  /**
   * evtchn_upcall_pending of this VCPU went from 0 to 1: a blocked VCPU has to wake, a running one to look for events
   * before it goes on in guest code. Whether upcalls are masked is for the hypervisor to look at.
   */
  upcallPending(domain: DomId, vcpu: VcpuIndex): void;
  /** A VCPU that waits in SCHEDOP_poll has to go on. Its poll has been ended. */
  wakePolling(domain: DomId, vcpu: VcpuIndex): void;
  /**
   * Takes a frame of a domain, which may be any number, to be read and written until it is let go of; null when it is not
   * the domain's or cannot be written.
   */
  holdPage(domain: DomId, frame: number): HeldPage | null;
  /** Whether the toolstack holds the domain paused: EVTCHNOP_reset of another domain needs that. */
  isPaused(domain: DomId): boolean;
}

/** Choices of a set of event channels. */
export interface EventChannelOptions {
  readonly trace?: TraceSink;
}

/** A domain as event channels know it. */
export interface EventDomainOptions {
  readonly width: GuestWidth;
  /** VCPUs it has: numbers 0 up to, not including, this. */
  readonly vcpuCount: number;
  /** May act on other domains' channels where the ABI lets a privileged domain do so. */
  readonly privileged: boolean;
  /** Highest port it may use; what its width allows when absent. */
  readonly maximumPort?: number;
  /** VIRQs that each of its VCPUs has for itself, besides those of every domain. */
  readonly vcpuVirqs?: readonly number[];
}

/** What EVTCHNOP_status tells of a port. */
export interface PortStatus {
  /** `EVTCHNSTAT_*`. */
  readonly status: number;
  readonly vcpu: VcpuIndex;
  /** Remote domain of an unbound or interdomain port, number of a VIRQ; else 0. */
  readonly source: number;
  /** Remote port of an interdomain port, else 0. */
  readonly remotePort: Port;
}

/**
 * Event channels of all domains. Operations are called on behalf of a domain (`caller`) with arguments that may come from
 * a guest unchecked, and give the port, or 0, or a negative errno: the one that Xen gives. Nothing throws but for a caller
 * that was never added, which is a mistake of the hypervisor's. [XEN event_channel.h]
 */
export interface EventChannels {
  /** Makes a domain known. @throws HostError when it already is. */
  addDomain(domain: DomId, options: EventDomainOptions): void;
  /** Closes all ports of a dying domain, so that other ends become unbound, and forgets it. */
  removeDomain(domain: DomId): void;

  /** Allocates a port of `domain` that `remote` may bind to. @returns the port; -ESRCH, -EPERM, -ENOSPC. */
  allocUnbound(caller: DomId, domain: DomId, remote: DomId): number;
  /**
   * Binds a new port to an unbound port of another domain that is meant for the caller. The new port starts pending.
   * @returns the local port; -ESRCH, -EINVAL (not unbound, or not for the caller), -ENOSPC.
   */
  bindInterdomain(caller: DomId, remote: DomId, remotePort: number): number;
  /** Binds a port to a virtual interrupt. @returns the port; -EINVAL, -ENOENT (VCPU), -EEXIST (already bound), -ENOSPC. */
  bindVirq(caller: DomId, virq: number, vcpu: number): number;
  /** Binds a port to interrupts between the domain's own VCPUs. @returns the port; -ENOENT, -ENOSPC. */
  bindIpi(caller: DomId, vcpu: number): number;
  /** There are no physical interrupts. @returns -EINVAL for a number that cannot be one, else -EPERM. */
  bindPirq(caller: DomId, pirq: number): number;
  /** Closes a port; the other end of an interdomain channel becomes unbound. @returns 0 or -EINVAL. */
  close(caller: DomId, port: number): number;
  /** Sends an event to the other end. On an unbound port it is lost. @returns 0 or -EINVAL. */
  send(caller: DomId, port: number): number;
  /** @returns -ESRCH, -EINVAL, -EPERM (another domain's, caller not privileged). */
  status(caller: DomId, domain: DomId, port: number): PortStatus | number;
  /** Which VCPU a port's events go to from now on. @returns 0, -ENOENT (VCPU), -EINVAL (IPIs and per-VCPU VIRQs stay). */
  bindVcpu(caller: DomId, port: number, vcpu: number): number;
  /** Clears the mask bit and delivers what is pending. @returns 0 or -EINVAL. */
  unmask(caller: DomId, port: number): number;
  /**
   * Closes all ports of a domain, which then uses two-level events. `shouldStop` is asked now and then; when it says yes, the
   * answer is {@link RESET_UNFINISHED}, and a call with `resumes` goes on.
   * @returns 0, -ESRCH, -EPERM, -EINVAL (another domain that is not paused), -EBUSY (another reset is under way, or none to
   * resume), -EAGAIN (ports were bound meanwhile).
   */
  reset(caller: DomId, domain: DomId, resumes: boolean, shouldStop: () => boolean): number;
  /**
   * Registers the FIFO control block of a VCPU; the first one changes the domain's ABI to FIFO events.
   * @returns 0, -ENOENT (VCPU), -EINVAL (place, or there is one already).
   */
  initControl(caller: DomId, request: InitControlRequest): number;
  /** Adds a page to the FIFO event array. @returns 0, -EOPNOTSUPP (two-level events), -EINVAL (frame), -ENOSPC. */
  expandArray(caller: DomId, frame: number): number;
  /** @returns 0, -EINVAL (port, priority), -ENOSYS (two-level events have no priorities), -EACCES (the port is free). */
  setPriority(caller: DomId, port: number, priority: number): number;

  /** Raises a VIRQ of one VCPU, if it is bound. */
  raiseVirq(domain: DomId, vcpu: VcpuIndex, virq: number): void;
  /** Raises a VIRQ that a domain has but once, if it is bound. */
  raiseGlobalVirq(domain: DomId, virq: number): void;

  /**
   * Begins SCHEDOP_poll on behalf of a VCPU, after the caller has seen that no upcall is due.
   * @returns 1: the VCPU polls now and has to block until `wakePolling`; 0: a port is pending already; -EINVAL.
   */
  beginPoll(domain: DomId, vcpu: VcpuIndex, ports: readonly number[]): number;
  /** Ends a poll because of a timeout or another wake-up. Harmless when there is none. */
  endPoll(domain: DomId, vcpu: VcpuIndex): void;
  isPolling(domain: DomId, vcpu: VcpuIndex): boolean;

  /**
   * Does what a guest's upcall handler does first: clears upcall_pending and takes what is announced, then clears the pending
   * bit of each unmasked port found and returns the ports: in ascending order, or by priority. For kernels that are not machine code.
   */
  takePending(domain: DomId, vcpu: VcpuIndex): Port[];
}
