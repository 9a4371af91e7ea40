/*
 * Memory: the three ways to name a page, page tables, and free pages.
 *
 *   virtual address   what instructions use
 *   pfn               the domain's own, gapless count of its pages
 *   mfn               the real frame; what page tables and devices use
 *
 * The guest holds pfn -> mfn (mfn_list), the hypervisor mfn -> pfn (M2P).
 */
#ifndef PEBBLE_MEMORY_H
#define PEBBLE_MEMORY_H

#include "arch.h"
#include "xen/core.h"

/* The page every part of the kernel reads; mapped by memory_init. */
extern volatile struct shared_info *const shared_info;
extern const struct start_info *start_info;

static inline volatile struct vcpu_info *this_vcpu(void)
{
    return &shared_info->vcpu_info[0];
}

/* First thing at the start of day: maps shared_info. */
void memory_init(const struct start_info *start);

/* Second, when panics can be seen: finds the free pages. */
void memory_find_free(void);

/* The kernel's own mapping is linear: pfn 0 at VIRT_BASE. */
mfn_t mfn_of_page(const void *page);
void *page_of_mfn(mfn_t mfn);

/* A zeroed page; panics when there is none. Pages are not given back. */
void *page_alloc(void);

struct memory_counts {
    word_t owned;  /* pages of the domain                                  */
    word_t mapped; /* those the domain builder mapped, which is all we use */
    word_t free;
    word_t tables; /* page tables we have added                            */
};
struct memory_counts memory_count(void);

/* Replaces the kernel's mapping of the page at `address` by another machine frame. */
void map_kernel_page(void *address, mfn_t mfn);

/* Maps a frame for the process; page tables are made as needed. */
void map_user_page(word_t address, mfn_t mfn, bool writable);

/*
 * After the process is mapped around `address`: makes the page-table root that is in
 * force while it runs, where the width wants one. It shares the tables below with the
 * kernel's root, which maps the process too.
 */
void make_user_root(word_t address);

#endif
