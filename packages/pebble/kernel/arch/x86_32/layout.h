/*
 * Addresses and selectors of a 32-bit guest without PAE [XEN arch-x86/xen-x86_32.h].
 * Read by C, by the assembler and by the linker script: #define only.
 */
#ifndef PEBBLE_ARCH_LAYOUT_H
#define PEBBLE_ARCH_LAYOUT_H

#define PAGE_SHIFT 12
#define PAGE_SIZE 4096

/* The kernel is linked here; pseudo-physical address 0 is mapped here. */
#define VIRT_BASE 0xC0000000

/* From here up the address space belongs to the hypervisor. */
#define HYPERVISOR_VIRT_START 0xFC000000

/* Machine-to-physical table, one word per machine frame, readable by all guests. */
#define MACH2PHYS_VIRT_START 0xFC000000

/* Whether the notes say that page tables are PAE's. */
#define NOTE_PAE_MODE "no"

#include "segments.h"

#endif
