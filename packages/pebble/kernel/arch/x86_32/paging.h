/* Page tables: two levels of 1024 entries of four bytes. */
#ifndef PEBBLE_ARCH_PAGING_H
#define PEBBLE_ARCH_PAGING_H

#include "layout.h"
#include "types.h"

#define ARCH_NAME "x86_32"

typedef uint32_t pte_t;

#define PT_LEVELS 2
#define PT_INDEX_BITS 10

#define PTE_PRESENT 0x01u
#define PTE_WRITE 0x02u
#define PTE_USER 0x04u
#define PTE_ACCESSED 0x20u
#define PTE_DIRTY 0x40u
#define PTE_FRAME_MASK 0xfffff000u

/* Flags for an entry at `level` that points to a lower table. Rights are given at level 1. */
static inline pte_t pte_link_flags(int level)
{
    (void)level;
    return PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED;
}

static inline mfn_t machine_to_mfn(uint64_t machine_address)
{
    return (mfn_t)(machine_address >> PAGE_SHIFT);
}

/* The process is kept from the kernel's pages by their entries: one root is enough. */
#define HAS_USER_ROOT 0

#endif
