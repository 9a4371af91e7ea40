import type { GuestWidth } from "@xenolith/xen-abi";
import { FLAT_SELECTORS, TRAP_INFO, writeTrapInfo } from "@xenolith/xen-abi/arch-x86";

/** One handler of a guest's trap table. */
export interface Trap {
  readonly vector: number;
  readonly address: number;
  readonly privilegeLevel?: number;
  readonly masksEvents?: boolean;
}

/** Bytes of a trap table as set_trap_table reads it, with the entry that ends it. */
export const trapTable = (traps: readonly Trap[], width: GuestWidth = "x86_32p"): Uint8Array => {
  const size = TRAP_INFO.size(width);
  const bytes = new Uint8Array(size * (traps.length + 1));
  const view = new DataView(bytes.buffer);
  for (const [index, { vector, address, privilegeLevel = 0, masksEvents = false }] of traps.entries()) {
    writeTrapInfo(view, index * size, width, {
      vector,
      flags: privilegeLevel | (masksEvents ? 4 : 0),
      cs: FLAT_SELECTORS[width].kernelCs,
      address,
    });
  }
  return bytes;
};
