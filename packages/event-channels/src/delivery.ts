import type { VcpuIndex } from "@xenolith/xen-abi";

/**
 * How the state of ports is kept in memory shared with the domain: the ABI between event channels and guest. The two-level
 * bitmaps are one; FIFO queues are another. One object per domain.
 */
export interface EventDelivery {
  /** Ports the ABI has room for; port numbers are below it. */
  readonly portLimit: number;
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
  /** Takes all pending, unmasked ports announced to a VCPU, in ascending order, clearing their pending bits. */
  take(vcpu: VcpuIndex): number[];
}
