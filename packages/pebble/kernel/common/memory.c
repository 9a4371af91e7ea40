/*
 * See memory.h.
 *
 * Page tables are ours but read-only to us: while a frame is used as a page table the
 * hypervisor allows no writable mapping of it. Each change is asked for and
 * checked. Two calls ask: update_va_mapping changes the level-1 entry of one of
 * our addresses, mmu_update stores at a machine address [XEN xen.h].
 */
#include "memory.h"
#include "hypercall.h"
#include "panic.h"
#include "string.h"

/*
 * Pages whose addresses we want but not their frames: shared_info comes from
 * the hypervisor and is mapped over this one. The frame beneath is forgone.
 */
static uint8_t shared_info_page[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE), section(".bss.page")));

volatile struct shared_info *const shared_info = (volatile struct shared_info *)shared_info_page;
const struct start_info *start_info;

static const mfn_t *pfn_to_mfn;
static const volatile word_t *const mfn_to_pfn = (const word_t *)MACH2PHYS_VIRT_START;

static word_t next_free, end_free; /* virtual addresses: the free pages are one run */
static word_t added_tables;

static pfn_t pfn_of_address(word_t address)
{
    return (address - VIRT_BASE) >> PAGE_SHIFT;
}

mfn_t mfn_of_page(const void *page)
{
    return pfn_to_mfn[pfn_of_address((word_t)page)];
}

void *page_of_mfn(mfn_t mfn)
{
    return (void *)(VIRT_BASE + (mfn_to_pfn[mfn] << PAGE_SHIFT));
}

static pte_t make_pte(mfn_t mfn, pte_t flags)
{
    return (pte_t)mfn << PAGE_SHIFT | flags;
}

void map_kernel_page(void *address, mfn_t mfn)
{
    pte_t entry = make_pte(mfn, PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY);
    long error = hv_update_va_mapping((word_t)address, entry, UVMF_INVLPG);
    if (error)
        panic("cannot map frame 0x%lx at 0x%lx: error %d", mfn, (word_t)address, (int)error);
}

/* Withdraws our right to write to a page that is about to become a page table. */
static void make_read_only(void *page)
{
    pte_t entry = make_pte(mfn_of_page(page), PTE_PRESENT | PTE_ACCESSED);
    long error = hv_update_va_mapping((word_t)page, entry, UVMF_INVLPG);
    if (error)
        panic("cannot make page 0x%lx read-only: error %d", (word_t)page, (int)error);
}

static void write_entry(const volatile pte_t *place, pte_t entry)
{
    uint64_t table = (uint64_t)mfn_of_page((const void *)((word_t)place & ~(word_t)(PAGE_SIZE - 1)));
    struct mmu_update update = {
        .ptr = (table << PAGE_SHIFT | ((word_t)place & (PAGE_SIZE - 1))) | MMU_NORMAL_PT_UPDATE,
        .val = entry,
    };
    long error = hv_mmu_update(&update, 1);
    if (error)
        panic("page-table update of 0x%llx to 0x%llx refused: error %d", update.ptr, update.val,
              (int)error);
}

/*
 * The level-1 entry for an address, found by walking as the processor does. All
 * tables are pages of ours, so the M2P leads from an entry back to a pointer.
 * Missing tables are added if `add`; otherwise NULL is returned.
 */
static const volatile pte_t *find_entry(word_t address, bool add)
{
    const volatile pte_t *table = (const volatile pte_t *)start_info->pt_base;
    for (int level = PT_LEVELS;; level--) {
        int shift = PAGE_SHIFT + PT_INDEX_BITS * (level - 1);
        const volatile pte_t *entry = &table[address >> shift & ((1u << PT_INDEX_BITS) - 1)];
        if (level == 1)
            return entry;
        if (!(*entry & PTE_PRESENT)) {
            if (!add)
                return NULL;
            void *fresh = page_alloc(); /* zeroed: no entry present */
            make_read_only(fresh);
            /* The hypervisor reads `fresh` and from now on counts it as a table. */
            write_entry(entry, make_pte(mfn_of_page(fresh), pte_link_flags(level)));
            added_tables++;
        }
        table = page_of_mfn(machine_to_mfn(*entry & PTE_FRAME_MASK));
    }
}

void map_user_page(word_t address, mfn_t mfn, bool writable)
{
    word_t tables_before = added_tables;
    const volatile pte_t *entry = find_entry(address, true);
    write_entry(entry, make_pte(mfn, PTE_PRESENT | PTE_USER | PTE_ACCESSED |
                                         (writable ? PTE_WRITE | PTE_DIRTY : 0)));
    /*
     * From absent to present needs no flush, except that processors keep a copy of
     * PAE's four top entries from the last time the base was loaded.
     */
    if (added_tables != tables_before) {
        struct mmuext_op flush = { .cmd = MMUEXT_TLB_FLUSH_LOCAL };
        hv_mmuext_op(&flush, 1);
    }
}

#if HAS_USER_ROOT
void make_user_root(word_t address)
{
    const volatile pte_t *top = (const volatile pte_t *)start_info->pt_base;
    unsigned index = address >> (PAGE_SHIFT + PT_INDEX_BITS * (PT_LEVELS - 1)) & ((1u << PT_INDEX_BITS) - 1);
    pte_t *root = page_alloc();
    root[index] = top[index];
    make_read_only(root);
    struct mmuext_op base = { .cmd = MMUEXT_NEW_USER_BASEPTR, .arg1 = mfn_of_page(root) };
    if (hv_mmuext_op(&base, 1))
        panic("the root for user mode is refused");
}
#else
void make_user_root(word_t address)
{
    (void)address;
}
#endif

void memory_init(const struct start_info *start)
{
    start_info = start;
    pfn_to_mfn = (const mfn_t *)start->mfn_list;
    map_kernel_page(shared_info_page, machine_to_mfn(start->shared_info));
}

/*
 * The bootstrap region ends with the page tables, one page of stack, and at least
 * 512 KiB of padding [XEN xen.h]. We have left that stack, so all that is
 * mapped behind the tables is free.
 */
void memory_find_free(void)
{
    pfn_t first = pfn_of_address(start_info->pt_base) + start_info->nr_pt_frames;
    pfn_t pfn = first;
    for (; pfn < start_info->nr_pages; pfn++) {
        const volatile pte_t *entry = find_entry(VIRT_BASE + (pfn << PAGE_SHIFT), false);
        if (!entry || !(*entry & PTE_PRESENT))
            break;
    }
    next_free = VIRT_BASE + (first << PAGE_SHIFT);
    end_free = VIRT_BASE + (pfn << PAGE_SHIFT);

    /* The two translations must undo each other, or nothing below can work. */
    if (mfn_to_pfn[pfn_to_mfn[first]] != first)
        panic("M2P and P2M disagree about page 0x%lx", first);
}

void *page_alloc(void)
{
    if (next_free == end_free)
        panic("out of memory");
    void *page = (void *)next_free;
    next_free += PAGE_SIZE;
    return memset(page, 0, PAGE_SIZE);
}

struct memory_counts memory_count(void)
{
    return (struct memory_counts){
        .owned = start_info->nr_pages,
        .mapped = pfn_of_address(end_free),
        .free = (end_free - next_free) >> PAGE_SHIFT,
        .tables = added_tables,
    };
}
