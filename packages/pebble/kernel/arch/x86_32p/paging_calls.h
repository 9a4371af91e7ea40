/* The hypercall whose arguments depend on the size of an entry. */
#ifndef PEBBLE_ARCH_PAGING_CALLS_H
#define PEBBLE_ARCH_PAGING_CALLS_H

/* A 64-bit argument takes two registers, low half first. */
static inline long hv_update_va_mapping(word_t address, pte_t entry, word_t flags)
{
    return hypercall4(HYPERVISOR_update_va_mapping, address, (word_t)entry, (word_t)(entry >> 32),
                      flags);
}

#endif
