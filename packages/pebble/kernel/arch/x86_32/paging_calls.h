/* The hypercall whose arguments depend on the size of an entry. */
#ifndef PEBBLE_ARCH_PAGING_CALLS_H
#define PEBBLE_ARCH_PAGING_CALLS_H

static inline long hv_update_va_mapping(word_t address, pte_t entry, word_t flags)
{
    return hypercall3(HYPERVISOR_update_va_mapping, address, entry, flags);
}

#endif
