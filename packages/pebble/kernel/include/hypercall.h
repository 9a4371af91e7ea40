/*
 * Hypercalls by name. How a call is made, and those whose arguments depend on the
 * width, are in arch_calls.h.
 */
#ifndef PEBBLE_HYPERCALL_H
#define PEBBLE_HYPERCALL_H

#include "arch_calls.h"

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
