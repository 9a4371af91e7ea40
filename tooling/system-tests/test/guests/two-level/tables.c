/* Two levels of page tables, 1024 entries of four bytes each; the machine-to-physical table at the top. */
#include "kernel.h"

#define ALIGNED __attribute__((aligned(4096)))
static volatile u32 low_table[1024] ALIGNED, new_root[1024] ALIGNED, page[1024] ALIGNED, other[1024] ALIGNED;

struct update { u64 at, value; };
struct operation { u32 command, arg1, arg2; };

static u32 number_of(const volatile void *address) { return ((u32)address - BASE) / PAGE; }

u32 frame_of(const volatile void *address) { return ((const u32 *)start->mfn_list)[number_of(address)]; }

int map(u32 address, u32 entry)
{
    return call4(UPDATE_VA_MAPPING, address, entry, 2 /* forget the address */, 0);
}

static int update(u32 at, u32 value)
{
    struct update request = { at, value };
    return call4(MMU_UPDATE, &request, 1, 0, DOMID_SELF);
}

int table_op(u32 command, u32 arg1, u32 arg2)
{
    struct operation operation = { command, arg1, arg2 };
    return call4(MMUEXT_OP, &operation, 1, 0, DOMID_SELF);
}

static u32 entry(const volatile void *address, u32 flags) { return frame_of(address) * PAGE | flags; }
static int protect(const volatile void *address, u32 flags) { return map((u32)address, entry(address, flags)); }

static volatile u32 *root(void) { return (volatile u32 *)start->pt_base; }
static u32 root_entry_at(u32 address) { return frame_of(root()) * PAGE + (address >> 22) * 4; }
static u32 *table_behind(u32 entry) { return (u32 *)(BASE + M2P[entry / PAGE] * PAGE); }

static void machine_to_physical(void)
{
    struct { u32 start, end, max_mfn; } mapping;
    CHECK_IS(call2(MEMORY_OP, 12, &mapping), 0);
    CHECK_IS(mapping.start, 0xfc000000);
    CHECK(mapping.end <= 0xfc400000 && mapping.end > mapping.start);
    u32 platform = 0;
    CHECK_IS(call2(XEN_VERSION, 5, &platform), 0);
    CHECK_IS(platform, 0xfc000000);
    for (u32 pfn = 0; pfn < start->nr_pages; pfn++)
        CHECK_IS(M2P[((u32 *)start->mfn_list)[pfn]], pfn);
    CHECK_IS(probe_write((u32)M2P, 1), 1);
    CHECK(fault.vector == 14 || fault.vector == 13);
    CHECK_IS(probe_read(0xfc800000), 1);
    CHECK_IS(probe_write(0xffbff000, 1), 1);
    done("machine-to-physical table");
}

static void own_tables(void)
{
    /* The tables that the builder has made are where start_info says, and cannot be written. */
    u32 upper = root()[(u32)page >> 22];
    CHECK((upper & PRESENT) && !(upper & LARGE));
    u32 lower = table_behind(upper)[((u32)page >> 12) & 1023];
    CHECK_IS(lower / PAGE, frame_of(page));
    CHECK_IS(probe_write((u32)&root()[0], 0), 1);
    CHECK_IS(fault.vector, 14);
    CHECK_IS(fault.error, 3);
    CHECK_IS(fault.address, &root()[0]);

    /* A table of one's own: it is read-only before it becomes one. */
    CHECK_IS(update(root_entry_at(AREA), entry(low_table, 7)), -EINVAL);
    CHECK_IS(protect(low_table, PRESENT), 0);
    CHECK_IS(table_op(PIN_L1, frame_of(low_table), 0), 0);
    CHECK_IS(table_op(PIN_L1, frame_of(low_table), 0), -EINVAL);
    CHECK_IS(protect(low_table, PRESENT | WRITABLE), -EBUSY);
    CHECK_IS(update(root_entry_at(AREA), entry(low_table, PRESENT | WRITABLE | USER)), 0);

    page[5] = 0x1111;
    CHECK_IS(probe_read(AREA), 1);
    CHECK_IS(fault.error, 0);
    CHECK_IS(map(AREA, entry(page, PRESENT | WRITABLE)), 0);
    CHECK_IS(*(volatile u32 *)(AREA + 20), 0x1111);
    *(volatile u32 *)(AREA + 20) = 0x2222;
    CHECK_IS(page[5], 0x2222);
    CHECK(low_table[0] & 0x60); /* accessed, dirty */

    /* As a batch, whose count is told; the last one is of a frame that is nobody's. */
    u32 at = frame_of(low_table) * PAGE, count = 9;
    struct update batch[4] = {
        { at + 4, entry(page, PRESENT) },
        { at + 8, entry(other, PRESENT | WRITABLE) },
        { at | 2, entry(page, PRESENT) }, /* keeps accessed and dirty */
        { at + 12, 0xfffff007 },
    };
    CHECK_IS(call4(MMU_UPDATE, batch, 4, &count, DOMID_SELF), -EPERM);
    CHECK_IS(count, 3);
    CHECK_IS(low_table[0] & 0x63, 0x61);
    CHECK_IS(probe_write(AREA + 4096, 1), 1);
    CHECK_IS(probe_write(AREA + 8192, 0x3333), 0);
    CHECK_IS(other[0], 0x3333);

    /* Frames without a number of theirs, and machine-to-physical entries. */
    struct update number = { (u64)frame_of(other) * PAGE | 1, 7777 };
    CHECK_IS(call4(MMU_UPDATE, &number, 1, 0, DOMID_SELF), 0);
    CHECK_IS(M2P[frame_of(other)], 7777);
    number.value = number_of(other);
    CHECK_IS(call4(MMU_UPDATE, &number, 1, 0, DOMID_SELF), 0);
    done("tables of one's own");
}

static void refusals(void)
{
    /* 4 MiB at once, tables that can be written, the hypervisor's entries. */
    CHECK_IS(update(root_entry_at(AREA + 0x400000), entry(page, 7) | LARGE), -EINVAL);
    CHECK_IS(update(root_entry_at(AREA + 0x400000), LARGE | PRESENT), -EINVAL);
    CHECK_IS(map(AREA + 12288, entry(low_table, PRESENT | WRITABLE)), -EBUSY);
    CHECK_IS(map(AREA + 12288, entry(root(), PRESENT | WRITABLE)), -EBUSY);
    CHECK(update(root_entry_at(0xfc000000), entry(low_table, 7)) != 0);
    CHECK(update(root_entry_at(0xfc000000), 0) != 0);
    CHECK_IS(map(0xfc000000, entry(page, PRESENT)), -EINVAL);
    CHECK_IS(map(0xd1000000, entry(page, PRESENT)), -EINVAL);
    CHECK_IS(table_op(PIN_L2, frame_of(low_table), 0), -EINVAL);
    CHECK_IS(table_op(PIN_L3, frame_of(page), 0), 0); /* there is no such level, which does no harm */
    CHECK_IS(table_op(PIN_L4, frame_of(page), 0), 0);
    CHECK_IS(table_op(NEW_BASEPTR, frame_of(low_table), 0), -EINVAL);
    CHECK_IS(probe_read(0xd0800000), 1);
    done("refusals");
}

static void written_by_the_kernel(void)
{
    CHECK_IS(probe_write((u32)&low_table[3], entry(page, PRESENT)), 1);
    CHECK_IS(call2(VM_ASSIST, 0, 2), 0);
    CHECK_IS(probe_write((u32)&low_table[3], entry(page, PRESENT)), 0);
    CHECK_IS(*(volatile u32 *)(AREA + 12288 + 20), page[5]);
    CHECK_IS(probe_write((u32)&low_table[3], entry(root(), PRESENT | WRITABLE)), 1);
    CHECK_IS(low_table[3] & WRITABLE, 0);
    CHECK_IS(probe_write((u32)&low_table[3], 0), 0);
    CHECK_IS(probe_read(AREA + 12288), 1);
    CHECK_IS(call2(VM_ASSIST, 1, 2), 0);
    done("writable page tables");
}

static void another_root(void)
{
    u32 frame = frame_of(new_root);
    for (u32 index = 0; index < 1008; index++)
        new_root[index] = root()[index];
    new_root[3] = entry(page, PRESENT | WRITABLE); /* a page that can be written is no table */
    CHECK_IS(protect(new_root, PRESENT), 0);
    CHECK(table_op(PIN_L2, frame, 0) < 0);
    CHECK_IS(protect(new_root, PRESENT | WRITABLE), 0);
    new_root[3] = 0;
    new_root[4] = frame * PAGE | PRESENT; /* a linear mapping of itself, for reading */
    CHECK_IS(protect(new_root, PRESENT), 0);
    CHECK_IS(table_op(PIN_L2, frame, 0), 0);
    CHECK_IS(table_op(NEW_BASEPTR, frame, 0), 0);
    CHECK_IS(*(volatile u32 *)(4u << 22 | 4u << 12 | 16), frame * PAGE | PRESENT | (new_root[4] & 0x60));
    CHECK_IS(*(volatile u32 *)(4u << 22 | (AREA >> 22) << 12), low_table[0]);
    CHECK_IS(table_op(NEW_BASEPTR, frame_of(root()), 0), 0);
    CHECK_IS(probe_read(4u << 22), 1);
    CHECK_IS(table_op(UNPIN, frame, 0), 0);
    CHECK_IS(table_op(UNPIN, frame, 0), -EINVAL);
    CHECK_IS(protect(new_root, PRESENT | WRITABLE), 0);
    done("another root");
}

static void several_at_once(void)
{
    struct { u32 number, result, args[6]; } calls[3] = {
        { UPDATE_VA_MAPPING, 9, { AREA + 16384, entry(page, PRESENT), 2 } },
        { UPDATE_VA_MAPPING, 9, { AREA + 20480, entry(root(), 7), 2 } },
        { XEN_VERSION, 9, { 0, 0 } },
    };
    CHECK_IS(call2(MULTICALL, calls, 3), 0);
    CHECK_IS(calls[0].result, 0);
    CHECK_IS(calls[1].result, -EBUSY);
    CHECK_IS(calls[2].result, call2(XEN_VERSION, 0, 0));
    CHECK_IS(*(volatile u32 *)(AREA + 16384 + 20), page[5]);

    /* The balloon: a page is given back and another taken in its place. */
    u32 old = frame_of(other), fresh = number_of(other);
    struct { u32 *list, count, order, flags; u16 domain; } reservation = { &old, 1, 0, 0, DOMID_SELF };
    CHECK_IS(map(AREA + 8192, 0), 0);
    CHECK_IS(map((u32)other, 0), 0);
    CHECK_IS(call2(MEMORY_OP, 1, &reservation), 1);
    reservation.list = &fresh;
    CHECK_IS(call2(MEMORY_OP, 6, &reservation), 1);
    CHECK_IS(M2P[fresh], number_of(other));
    ((u32 *)start->mfn_list)[number_of(other)] = fresh;
    CHECK_IS(protect(other, PRESENT | WRITABLE), 0);
    CHECK_IS(other[0], 0);
    done("several calls at once, and the balloon");
}

void tables(void)
{
    machine_to_physical();
    own_tables();
    refusals();
    written_by_the_kernel();
    another_root();
    several_at_once();
}
