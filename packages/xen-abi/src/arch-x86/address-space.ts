import type { GuestWidth } from "../width.ts";

/** Where the hypervisor lies in a guest's address space. All are linear addresses (sign-extended on x86_64). */
export interface HypervisorRange {
  /** First address that belongs to the hypervisor: HYPERVISOR_VIRT_START. */
  readonly virtStart: number;
  /** First address behind it: 2^32 on x86_32. */
  readonly virtEnd: number;
  /** The read-only machine-to-physical table: MACH2PHYS_VIRT_START and _END. */
  readonly machToPhysStart: number;
  readonly machToPhysEnd: number;
  /** Bytes of an entry of the table. */
  readonly machToPhysEntryBytes: 4 | 8;
}

/** Ranges per width. [XEN arch-x86/xen-x86_32.h] [XEN arch-x86/xen-x86_64.h] */
export const HYPERVISOR_RANGE: Readonly<Record<GuestWidth, HypervisorRange>> = {
  x86_32: {
    virtStart: 0xfc00_0000,
    virtEnd: 0x1_0000_0000,
    machToPhysStart: 0xfc00_0000,
    machToPhysEnd: 0xfc40_0000,
    machToPhysEntryBytes: 4,
  },
  x86_32p: {
    virtStart: 0xf580_0000,
    virtEnd: 0x1_0000_0000,
    machToPhysStart: 0xf580_0000,
    machToPhysEnd: 0xf680_0000,
    machToPhysEntryBytes: 4,
  },
  x86_64: {
    virtStart: -0x8000_0000_0000,
    virtEnd: -0x7800_0000_0000,
    machToPhysStart: -0x8000_0000_0000,
    machToPhysEnd: -0x7fc0_0000_0000,
    machToPhysEntryBytes: 8,
  },
};

/** Entry of the M2P table for a frame that is in nobody's pseudo-physical memory, as an unsigned word of the guest's width. */
export const INVALID_M2P_ENTRY_32 = 0xffff_ffff;

/**
 * CR3 of a 32-bit guest as the ABI has it ("extended CR3"): the frame number rotated left by 12. For frames below 2^20 it
 * is the plain machine address.
 */
export const xenPfnToCr3 = (pfn: number): number => ((pfn << 12) | (pfn >>> 20)) >>> 0;

/** Frame number in an extended CR3. */
export const xenCr3ToPfn = (cr3: number): number => ((cr3 >>> 12) | (cr3 << 20)) >>> 0;
