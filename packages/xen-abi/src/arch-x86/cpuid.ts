/** Leaves by which a hypervisor announces itself, relative to their base (0x4000_0000). [XEN arch-x86/cpuid.h] */
export const XEN_CPUID_FIRST_LEAF = 0x4000_0000;
/** EBX, ECX, EDX of the first leaf: "XenVMMXenVMM". */
export const XEN_CPUID_SIGNATURE_EBX = 0x566e6558;
export const XEN_CPUID_SIGNATURE_ECX = 0x65584d4d;
export const XEN_CPUID_SIGNATURE_EDX = 0x4d4d566e;
/** Bit in ECX of leaf 3 (features): MMU_PT_UPDATE_PRESERVE_AD is known. */
export const XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD = 1;
