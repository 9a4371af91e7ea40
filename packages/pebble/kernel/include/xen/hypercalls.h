/*
 * Hypercall numbers [XEN xen.h], only those used. Also read by the assembler,
 * so nothing but #define here.
 */
#ifndef PEBBLE_XEN_HYPERCALLS_H
#define PEBBLE_XEN_HYPERCALLS_H

#define HYPERVISOR_set_trap_table 0
#define HYPERVISOR_mmu_update 1
#define HYPERVISOR_stack_switch 3
#define HYPERVISOR_set_callbacks 4
#define HYPERVISOR_update_va_mapping 14
#define HYPERVISOR_set_timer_op 15
#define HYPERVISOR_xen_version 17
#define HYPERVISOR_console_io 18
#define HYPERVISOR_grant_table_op 20
#define HYPERVISOR_iret 23
#define HYPERVISOR_vcpu_op 24
#define HYPERVISOR_mmuext_op 26
#define HYPERVISOR_sched_op 29
#define HYPERVISOR_event_channel_op 32

/* Each number has a stub of this many bytes in the hypercall page. */
#define HYPERCALL_STUB_SIZE 32

#endif
