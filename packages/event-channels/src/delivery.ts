import type { VcpuIndex } from "@xenolith/xen-abi";

/**
 * How the state of ports is kept in memory shared with the domain: the ABI between event channels and guest. The two-level
 * bitmaps are one; FIFO queues are another, which a domain may change to. One object per domain.
 */
export interface EventDelivery {
  readonly abi: "two-level" | "fifo";
  /** Ports the ABI has room for; port numbers are below it. */
  readonly portLimit: number;
  /** A port has just been bound. */
  opened(port: number): void;
  /** Whether a free port cannot be bound yet, because the guest still has it in a queue. */
  isBusy(port: number): boolean;
  /**
   * Makes a port pending, and tells the VCPU when that is news and the port is not masked.
   * @returns whether it was not pending before.
   */
  setPending(port: number, vcpu: VcpuIndex): boolean;
  clearPending(port: number): void;
  isPending(port: number): boolean;
  isMasked(port: number): boolean;
  /** Clears the mask bit, and tells the VCPU when the port is pending. */
  unmask(port: number, vcpu: VcpuIndex): void;
  /** Gives a port a priority. @returns 0 or a negative errno. */
  setPriority(port: number, priority: number): number;
  /** Takes all pending, unmasked ports announced to a VCPU, in the order of the ABI, clearing their pending bits. */
  take(vcpu: VcpuIndex): number[];
  /** Lets go of guest memory. */
  close(): void;
}
