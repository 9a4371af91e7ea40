/*
 * Hypercalls of a 32-bit guest [XEN arch-x86/xen-x86_32.h]:
 * number n is `call hypercall_page + 32 n`, arguments in ebx ecx edx esi edi,
 * result in eax. The argument registers are clobbered, hence "+".
 *
 * Each time the hypervisor returns to a guest it looks for pending events. So any
 * hypercall is a place where an upcall may happen.
 */
#ifndef PEBBLE_ARCH_HYPERCALL_H
#define PEBBLE_ARCH_HYPERCALL_H

#include "arch.h"
#include "xen/core.h"
#include "xen/hypercalls.h"

#define HYPERCALL_TARGET(number) [stub] "i"((number) * HYPERCALL_STUB_SIZE)

static ALWAYS_INLINE long hypercall2(const unsigned number, word_t a, word_t b)
{
    long result;
    __asm__ volatile("call hypercall_page + %c[stub]"
                     : "=a"(result), "+b"(a), "+c"(b)
                     : HYPERCALL_TARGET(number)
                     : "memory");
    return result;
}

static ALWAYS_INLINE long hypercall3(const unsigned number, word_t a, word_t b, word_t c)
{
    long result;
    __asm__ volatile("call hypercall_page + %c[stub]"
                     : "=a"(result), "+b"(a), "+c"(b), "+d"(c)
                     : HYPERCALL_TARGET(number)
                     : "memory");
    return result;
}

static ALWAYS_INLINE long hypercall4(const unsigned number, word_t a, word_t b, word_t c, word_t d)
{
    long result;
    __asm__ volatile("call hypercall_page + %c[stub]"
                     : "=a"(result), "+b"(a), "+c"(b), "+d"(c), "+S"(d)
                     : HYPERCALL_TARGET(number)
                     : "memory");
    return result;
}

/* ---- the calls whose arguments depend on the width ---- */

/* A 64-bit argument takes two registers, low half first. */
static inline long hv_update_va_mapping(word_t address, pte_t entry, word_t flags)
{
    return hypercall4(HYPERVISOR_update_va_mapping, address, (word_t)entry, (word_t)(entry >> 32),
                      flags);
}

static inline long hv_set_timer_op(uint64_t deadline)
{
    return hypercall2(HYPERVISOR_set_timer_op, (word_t)deadline, (word_t)(deadline >> 32));
}

/* 32-bit guests give a selector with each address; 64-bit ones do not. */
static inline long hv_set_callbacks(void (*event)(void), void (*failsafe)(void))
{
    return hypercall4(HYPERVISOR_set_callbacks, FLAT_KERNEL_CS, (word_t)event, FLAT_KERNEL_CS,
                      (word_t)failsafe);
}

/* ---- the others ---- */

static inline long hv_set_trap_table(const struct trap_info *table)
{
    return hypercall2(HYPERVISOR_set_trap_table, (word_t)table, 0);
}

static inline long hv_mmu_update(const struct mmu_update *updates, unsigned count)
{
    return hypercall4(HYPERVISOR_mmu_update, (word_t)updates, count, 0, DOMID_SELF);
}

static inline long hv_mmuext_op(const struct mmuext_op *operations, unsigned count)
{
    return hypercall4(HYPERVISOR_mmuext_op, (word_t)operations, count, 0, DOMID_SELF);
}

static inline long hv_stack_switch(word_t stack_pointer)
{
    return hypercall2(HYPERVISOR_stack_switch, FLAT_KERNEL_SS, stack_pointer);
}

static inline long hv_xen_version(unsigned command, void *argument)
{
    return hypercall2(HYPERVISOR_xen_version, command, (word_t)argument);
}

static inline long hv_console_io(unsigned command, unsigned count, const char *text)
{
    return hypercall3(HYPERVISOR_console_io, command, count, (word_t)text);
}

static inline long hv_grant_table_op(unsigned command, void *argument, unsigned count)
{
    return hypercall3(HYPERVISOR_grant_table_op, command, (word_t)argument, count);
}

static inline long hv_vcpu_op(unsigned command, unsigned vcpu, void *argument)
{
    return hypercall3(HYPERVISOR_vcpu_op, command, vcpu, (word_t)argument);
}

static inline long hv_sched_op(unsigned command, void *argument)
{
    return hypercall2(HYPERVISOR_sched_op, command, (word_t)argument);
}

static inline long hv_event_channel_op(unsigned command, void *argument)
{
    return hypercall2(HYPERVISOR_event_channel_op, command, (word_t)argument);
}

#endif
