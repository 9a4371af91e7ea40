import type { GuestMemory } from "../guest-memory.ts";
import type { Vcpu } from "../vcpu.ts";

/**
 * The VCPUs of a domain whose bits are set in a bitmap in its memory. Bits beyond the domain's VCPUs do not count.
 * @returns null when the bitmap cannot be read.
 */
export const readVcpuMask = (guest: GuestMemory, address: number, vcpus: readonly Vcpu[]): Vcpu[] | null => {
  const bits = guest.read(address, Math.ceil(vcpus.length / 32) * 4);
  if (bits === null) return null;
  return vcpus.filter(
    (_vcpu, index) => (bits.getUint32((index >>> 5) * 4, true) & (1 << (index & 31))) !== 0,
  );
};
