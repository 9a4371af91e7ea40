/*
 * Addresses and selectors of a 32-bit PAE guest [XEN arch-x86/xen-x86_32.h].
 * Read by C, by the assembler and by the linker script: #define only.
 */
#ifndef PEBBLE_ARCH_LAYOUT_H
#define PEBBLE_ARCH_LAYOUT_H

#define PAGE_SHIFT 12
#define PAGE_SIZE 4096

/* The kernel is linked here; pseudo-physical address 0 is mapped here. */
#define VIRT_BASE 0xC0000000

/* From here up the address space belongs to the hypervisor. */
#define HYPERVISOR_VIRT_START 0xF5800000

/* Machine-to-physical table, one word per machine frame, readable by all guests. */
#define MACH2PHYS_VIRT_START 0xF5800000

/*
 * Flat segments that Xen keeps in every GDT. Ring 1 is this kernel, ring 3 the
 * process. Paging tells only ring 3 from the rest ("user" or "supervisor").
 */
#define FLAT_KERNEL_CS 0xe019
#define FLAT_KERNEL_SS 0xe021
#define FLAT_USER_CS 0xe02b
#define FLAT_USER_DS 0xe033

#define EFLAGS_IF 0x200
#define EFLAGS_FIXED 0x002 /* bit 1 is always one */

/* Vectors above 255 are ours: they name the frames that no vector stands for. */
#define VECTOR_PAGE_FAULT 14
#define VECTOR_SYSCALL 0x80
#define VECTOR_EVENT 256
#define VECTOR_FAILSAFE 257

#endif
