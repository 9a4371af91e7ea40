/* See traps.h. */
#include "traps.h"
#include "events.h"
#include "hypercall.h"
#include "memory.h"
#include "panic.h"
#include "process.h"
#include "thread.h"

static const char *const exception_name[ARRAY_LENGTH(exception_entry)] = {
    "divide error",        "debug",
    "non-maskable interrupt", "breakpoint",
    "overflow",            "bound range",
    "invalid opcode",      "no coprocessor",
    "double fault",        "coprocessor overrun",
    "invalid TSS",         "segment not present",
    "stack fault",         "general protection fault",
    "page fault",          "reserved exception",
    "floating-point error", "alignment check",
    "machine check",       "SIMD error",
};

#define VECTOR_BREAKPOINT 3
#define VECTOR_OVERFLOW 4

/*
 * The virtual IDT. Exceptions mask events, so that a page-fault handler can read its
 * address before anything else happens. System calls do not: they are long, and
 * without masking the gate can lead from ring 3 to ring 1 directly.
 */
void traps_init(void)
{
    static struct trap_info table[ARRAY_LENGTH(exception_entry) + 2]; /* last: address 0 */
    unsigned vector = 0;
    for (; vector < ARRAY_LENGTH(exception_entry); vector++) {
        bool software = vector == VECTOR_BREAKPOINT || vector == VECTOR_OVERFLOW;
        table[vector] = (struct trap_info){
            .vector = (uint8_t)vector,
            .flags = TI_DPL(software ? 3 : 0) | TI_MASK_EVENTS,
            .cs = FLAT_KERNEL_CS,
            .address = exception_entry[vector],
        };
    }
    table[vector] = (struct trap_info){
        .vector = VECTOR_SYSCALL,
        .flags = TI_DPL(3),
        .cs = FLAT_KERNEL_CS,
        .address = (word_t)syscall_entry,
    };
    if (hv_set_trap_table(table))
        panic("set_trap_table refused");
}

static void exception(struct trap_frame *frame)
{
    struct fault fault = {
        .name = exception_name[frame->vector],
        .vector = frame->vector,
        .error = frame->error,
        /* The hypervisor has read %cr2 for us. */
        .address = frame->vector == VECTOR_PAGE_FAULT ? this_vcpu()->arch.cr2 : 0,
    };
    if (frame_from_user(frame)) {
        process_fault(frame, &fault);
        return;
    }
    if (fault.vector == VECTOR_PAGE_FAULT)
        panic_with_frame(frame, "page fault at 0x%08lx, error %lx, in " KERNEL_PLACE, fault.address,
                         fault.error);
    panic_with_frame(frame, "%s, error %lx, in " KERNEL_PLACE, fault.name, fault.error);
}

void trap_dispatch(struct trap_frame *frame)
{
    switch (frame->vector) {
    case VECTOR_EVENT:
        events_dispatch();
        /* The event may be what the shell waits for; the process can continue later. */
        if (frame_from_user(frame))
            thread_to_shell();
        return;
    case VECTOR_FAILSAFE:
        panic_with_frame(frame, "failsafe callback: a bad selector was to be restored");
    default:
        exception(frame);
    }
}
