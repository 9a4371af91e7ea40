/**
 * Types of ELF notes with the name `Xen`, by which a kernel says how it wants to be started. Values are numbers of the
 * width of the ELF file, or strings where that is said. [XEN elfnote.h]
 */

/** Name that the notes carry. */
export const XEN_ELFNOTE_NAME = "Xen";

export const XEN_ELFNOTE_INFO = 0;
/** Virtual address of the entry point. */
export const XEN_ELFNOTE_ENTRY = 1;
/** Virtual address of the page that is to become the hypercall page. */
export const XEN_ELFNOTE_HYPERCALL_PAGE = 2;
/** Virtual address at which the kernel's address space begins. */
export const XEN_ELFNOTE_VIRT_BASE = 3;
/** Offset of the ELF file's physical addresses from pseudo-physical ones. */
export const XEN_ELFNOTE_PADDR_OFFSET = 4;
/** String `xen-3.0`. */
export const XEN_ELFNOTE_XEN_VERSION = 5;
/** String. */
export const XEN_ELFNOTE_GUEST_OS = 6;
/** String. */
export const XEN_ELFNOTE_GUEST_VERSION = 7;
/** String: `generic` or a loader's name. */
export const XEN_ELFNOTE_LOADER = 8;
/** String: `yes`, `no` or `bimodal`. */
export const XEN_ELFNOTE_PAE_MODE = 9;
/** String of features wanted (`!` before a required one), joined by `|`. */
export const XEN_ELFNOTE_FEATURES = 10;
/** String `yes` or a number: load the symbol table as BSD wants it. */
export const XEN_ELFNOTE_BSD_SYMTAB = 11;
/** Lowest address the hypervisor may use (x86_32). */
export const XEN_ELFNOTE_HV_START_LOW = 12;
/** Pairs (mask, value) of page-table entries: which bits make an L1 entry count as holding a frame. */
export const XEN_ELFNOTE_L1_MFN_VALID = 13;
/** Number: the guest copes with a cancelled suspend. */
export const XEN_ELFNOTE_SUSPEND_CANCEL = 14;
/** Virtual address where the P2M is wanted, outside the initial mapping. */
export const XEN_ELFNOTE_INIT_P2M = 15;
/** Number: the module may be left unmapped, mod_start is then a frame number. */
export const XEN_ELFNOTE_MOD_START_PFN = 16;
/** 32-bit bitmap of features that the guest can use. */
export const XEN_ELFNOTE_SUPPORTED_FEATURES = 17;
/** Physical entry point of a PVH guest. */
export const XEN_ELFNOTE_PHYS32_ENTRY = 18;
/** Highest type that a kernel image carries. */
export const XEN_ELFNOTE_MAX: number = XEN_ELFNOTE_PHYS32_ENTRY;
