import type { GuestWidth } from "../width.ts";

/** Flat selectors in the hypervisor's part of the GDT, x86_32. [XEN arch-x86/xen-x86_32.h] */
export const FLAT_RING1_CS = 0xe019;
export const FLAT_RING1_DS = 0xe021;
export const FLAT_RING1_SS = 0xe021;
export const FLAT_RING3_CS = 0xe02b;
export const FLAT_RING3_DS = 0xe033;
export const FLAT_RING3_SS = 0xe033;

/** Flat selectors in the hypervisor's part of the GDT, x86_64. [XEN arch-x86/xen-x86_64.h] */
export const FLAT_RING3_CS32 = 0xe023;
export const FLAT_RING3_CS64 = 0xe033;
export const FLAT_RING3_DS32 = 0xe02b;
export const FLAT_RING3_DS64 = 0x0000;
export const FLAT_RING3_SS32 = 0xe02b;
export const FLAT_RING3_SS64 = 0xe02b;

/** Selectors a kernel starts with and that are put in place of ones that are not allowed. */
export interface FlatSelectors {
  readonly kernelCs: number;
  readonly kernelDs: number;
  readonly kernelSs: number;
  readonly userCs: number;
  readonly userDs: number;
  readonly userSs: number;
}

const RING1: FlatSelectors = {
  kernelCs: FLAT_RING1_CS,
  kernelDs: FLAT_RING1_DS,
  kernelSs: FLAT_RING1_SS,
  userCs: FLAT_RING3_CS,
  userDs: FLAT_RING3_DS,
  userSs: FLAT_RING3_SS,
};

/** FLAT_KERNEL_* and FLAT_USER_* per width. */
export const FLAT_SELECTORS: Readonly<Record<GuestWidth, FlatSelectors>> = {
  x86_32: RING1,
  x86_32p: RING1,
  x86_64: {
    kernelCs: FLAT_RING3_CS64,
    kernelDs: FLAT_RING3_DS64,
    kernelSs: FLAT_RING3_SS64,
    userCs: FLAT_RING3_CS64,
    userDs: FLAT_RING3_DS64,
    userSs: FLAT_RING3_SS64,
  },
};

/** Frames of the GDT that are a guest's own; the hypervisor's descriptors begin behind them. [XEN arch-x86/xen.h] */
export const FIRST_RESERVED_GDT_PAGE = 14;
/** First byte of the GDT that is the hypervisor's: 0xE000. */
export const FIRST_RESERVED_GDT_BYTE = 0xe000;
/** First entry of the GDT that is the hypervisor's: 7168. */
export const FIRST_RESERVED_GDT_ENTRY = 0x1c00;

/** Which base set_segment_base sets (x86_64). [XEN arch-x86/xen-x86_64.h] */
export const SEGBASE_FS = 0;
export const SEGBASE_GS_USER = 1;
export const SEGBASE_GS_KERNEL = 2;
export const SEGBASE_GS_USER_SEL = 3;
