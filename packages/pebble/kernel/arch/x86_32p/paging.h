/* Page tables: three levels, 4 + 512 + 512 entries of eight bytes. */
#ifndef PEBBLE_ARCH_PAGING_H
#define PEBBLE_ARCH_PAGING_H

#include "layout.h"
#include "types.h"

#define ARCH_NAME "x86_32p"

typedef uint64_t pte_t;

#define PT_LEVELS 3
#define PT_INDEX_BITS 9

#define PTE_PRESENT 0x01ull
#define PTE_WRITE 0x02ull
#define PTE_USER 0x04ull
#define PTE_ACCESSED 0x20ull
#define PTE_DIRTY 0x40ull
#define PTE_FRAME_MASK 0x000ffffffffff000ull

/*
 * Flags for an entry at `level` that points to a lower table. Rights are given
 * at level 1; above, everything is allowed. In PAE the four top entries have no
 * rights bits at all: those are reserved and must be zero.
 */
static inline pte_t pte_link_flags(int level)
{
    if (level == PT_LEVELS)
        return PTE_PRESENT;
    return PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED;
}

static inline mfn_t machine_to_mfn(uint64_t machine_address)
{
    return (mfn_t)(machine_address >> PAGE_SHIFT);
}

/* The process is kept from the kernel's pages by their entries: one root is enough. */
#define HAS_USER_ROOT 0

#endif
