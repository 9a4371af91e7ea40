/* See grant.h. Table of version 1 [XEN grant_table.h]. */
#include "grant.h"
#include "hypercall.h"
#include "memory.h"
#include "panic.h"
#include "xen/grant.h"

#define TABLE_ENTRIES (PAGE_SIZE / sizeof(struct grant_entry_v1))

/* The table belongs to the hypervisor; it is mapped over this page. */
static uint8_t table_page[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE), section(".bss.page")));
static volatile struct grant_entry_v1 *const table = (volatile struct grant_entry_v1 *)table_page;

/* References are given out once and kept: drivers grant a fixed set of pages. */
static uint32_t next_reference = GNTTAB_NR_RESERVED_ENTRIES;

bool grant_init(void)
{
    mfn_t frame = 0;
    struct gnttab_setup_table setup = { .dom = DOMID_SELF, .nr_frames = 1, .frame_list = &frame };
    if (hv_grant_table_op(GNTTABOP_setup_table, &setup, 1) || setup.status)
        return false;
    map_kernel_page(table_page, frame);
    return true;
}

uint32_t grant_page(uint16_t domain, const void *page)
{
    if (next_reference == TABLE_ENTRIES)
        panic("grant table full");
    uint32_t reference = next_reference++;
    table[reference].frame = (uint32_t)mfn_of_page(page);
    table[reference].domid = domain;
    /* The flags make the entry valid: they come last. */
    write_barrier();
    table[reference].flags = GTF_permit_access;
    return reference;
}

uint32_t grant_count(void)
{
    return next_reference - GNTTAB_NR_RESERVED_ENTRIES;
}
