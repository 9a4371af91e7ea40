/*
 * Addresses and selectors of a 64-bit guest [XEN arch-x86/xen-x86_64.h].
 * Read by C, by the assembler and by the linker script: #define only.
 */
#ifndef PEBBLE_ARCH_LAYOUT_H
#define PEBBLE_ARCH_LAYOUT_H

#define PAGE_SHIFT 12
#define PAGE_SIZE 4096

/* The kernel is linked here; pseudo-physical address 0 is mapped here. */
#define VIRT_BASE 0xffffffff80000000

/* From here up to HYPERVISOR_VIRT_END the address space belongs to the hypervisor. */
#define HYPERVISOR_VIRT_START 0xffff800000000000

/* Machine-to-physical table, one word per machine frame, readable by all guests. */
#define MACH2PHYS_VIRT_START 0xffff800000000000

/*
 * Flat segments that Xen keeps in every GDT. Kernel and process both run in ring 3
 * with the same ones: page tables alone keep them apart, one root for each.
 */
#define FLAT_KERNEL_CS 0xe033
#define FLAT_KERNEL_SS 0xe02b
#define FLAT_USER_CS 0xe033
#define FLAT_USER_DS 0xe02b

/* How messages call the place where this kernel runs. */
#define KERNEL_PLACE "kernel mode"
#define KERNEL_RING "3"

/* A word in the assembler's language. */
#define ASM_WORD .quad

/* In the flags of an iret frame: return as SYSRET does, without rcx and r11. */
#define VGCF_in_syscall 0x100

#include "vectors.h"

#endif
