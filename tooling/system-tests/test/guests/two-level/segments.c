/* Descriptor tables of one's own, and the floating-point unit. */
#include "kernel.h"

#define ALIGNED __attribute__((aligned(4096)))
static u64 gdt[512] ALIGNED, ldt[512] ALIGNED;
static u32 words[2] = { 0x11, 0x22 }, others[2] = { 0x33, 0x44 };

/* A data segment of ring 1, of 8 bytes from a base on. */
static u64 data_at(const void *base, u32 access)
{
    u64 at = (u32)base;
    return 7 | (at & 0xffffff) << 16 | (u64)access << 40 | 4ull << 52 | (at >> 24) << 56;
}

static long describe(const u64 *place, u64 descriptor)
{
    u32 at = frame_of((void *)((u32)place & ~(PAGE - 1))) * PAGE + (u32)place % PAGE;
    return call4(UPDATE_DESCRIPTOR, at, 0, descriptor, descriptor >> 32);
}

static int read_only(const void *page) { return map((u32)page, frame_of(page) * PAGE | PRESENT); }

void segments(void)
{
    u32 frame = frame_of(gdt), word = 0;
    gdt[1] = data_at(words, 0xb2);
    CHECK_IS(call2(SET_GDT, &frame, 512), -EINVAL); /* it can be written */
    CHECK_IS(read_only(gdt), 0);
    CHECK_IS(call2(SET_GDT, &frame, 7169), -EINVAL);
    CHECK_IS(call2(SET_GDT, &frame, 512), 0);
    CHECK_IS(map((u32)gdt, frame * PAGE | PRESENT | WRITABLE), -EBUSY);
    CHECK_IS(probe_fs(1 << 3 | 1, &word), 0);
    CHECK_IS(word, 0x22);
    CHECK_IS(describe(&gdt[1], data_at(others, 0xb2)), 0);
    CHECK_IS(probe_fs(1 << 3 | 1, &word), 0);
    CHECK_IS(word, 0x44);
    CHECK_IS(describe(&gdt[2], data_at(words, 0x82)), -EINVAL); /* an LDT is set by its call */
    CHECK_IS(probe_fs(2 << 3 | 1, &word), 1);
    CHECK_IS(fault.vector, 13);
    CHECK_IS(fault.error, 2 << 3);
    done("a GDT of one's own");

    ldt[0] = data_at(words, 0xb2);
    CHECK_IS(table_op(SET_LDT, (u32)ldt + 8, 1), -EINVAL);
    CHECK_IS(read_only(ldt), 0);
    CHECK_IS(table_op(SET_LDT, (u32)ldt, 512), 0);
    CHECK_IS(probe_gs(0 << 3 | 4 | 1, &word), 0);
    CHECK_IS(word, 0x22);
    CHECK_IS(describe(&ldt[1], data_at(others, 0xb2)), 0);
    CHECK_IS(probe_gs(1 << 3 | 4 | 1, &word), 0);
    CHECK_IS(word, 0x44);
    CHECK_IS(probe_gs(2 << 3 | 4 | 1, &word), 1);
    CHECK_IS(fault.error, 2 << 3 | 4);
    __asm__ volatile("movl %0, %%fs; movl %0, %%gs" : : "r"(0));
    CHECK_IS(table_op(SET_LDT, 0, 0), 0);
    CHECK_IS(probe_gs(0 << 3 | 4 | 1, &word), 1);
    CHECK_IS(map((u32)ldt, frame_of(ldt) * PAGE | PRESENT | WRITABLE), 0);
    CHECK_IS(call2(SET_GDT, 0, 0), 0);
    CHECK_IS(map((u32)gdt, frame * PAGE | PRESENT | WRITABLE), 0);
    done("an LDT");

    CHECK_IS(call2(FPU_TASKSWITCH, 1, 0), 0);
    CHECK_IS(probe_float(), 1);
    CHECK_IS(fault.vector, 7);
    CHECK_IS(probe_float(), 0);
    CHECK_IS(probe_halt(), 1);
    CHECK_IS(fault.vector, 13);
    done("floating point");
}
