/** Bytes before an instruction that ask the hypervisor to emulate it: `ud2; "xen"`. [XEN arch-x86/xen.h] */
export const XEN_EMULATE_PREFIX: readonly number[] = [0x0f, 0x0b, 0x78, 0x65, 0x6e];
