/**
 * Hypercall numbers: EAX of `int $0x82` (x86_32), RAX of SYSCALL (x86_64), index into the hypercall page (32 bytes each).
 * [XEN xen.h]
 */

export const __HYPERVISOR_set_trap_table = 0;
export const __HYPERVISOR_mmu_update = 1;
export const __HYPERVISOR_set_gdt = 2;
export const __HYPERVISOR_stack_switch = 3;
export const __HYPERVISOR_set_callbacks = 4;
export const __HYPERVISOR_fpu_taskswitch = 5;
export const __HYPERVISOR_sched_op_compat = 6;
export const __HYPERVISOR_platform_op = 7;
export const __HYPERVISOR_set_debugreg = 8;
export const __HYPERVISOR_get_debugreg = 9;
export const __HYPERVISOR_update_descriptor = 10;
export const __HYPERVISOR_memory_op = 12;
export const __HYPERVISOR_multicall = 13;
export const __HYPERVISOR_update_va_mapping = 14;
export const __HYPERVISOR_set_timer_op = 15;
export const __HYPERVISOR_event_channel_op_compat = 16;
export const __HYPERVISOR_xen_version = 17;
export const __HYPERVISOR_console_io = 18;
export const __HYPERVISOR_physdev_op_compat = 19;
export const __HYPERVISOR_grant_table_op = 20;
export const __HYPERVISOR_vm_assist = 21;
export const __HYPERVISOR_update_va_mapping_otherdomain = 22;
export const __HYPERVISOR_iret = 23;
export const __HYPERVISOR_vcpu_op = 24;
export const __HYPERVISOR_set_segment_base = 25;
export const __HYPERVISOR_mmuext_op = 26;
export const __HYPERVISOR_xsm_op = 27;
export const __HYPERVISOR_nmi_op = 28;
export const __HYPERVISOR_sched_op = 29;
export const __HYPERVISOR_callback_op = 30;
export const __HYPERVISOR_xenoprof_op = 31;
export const __HYPERVISOR_event_channel_op = 32;
export const __HYPERVISOR_physdev_op = 33;
export const __HYPERVISOR_hvm_op = 34;
export const __HYPERVISOR_sysctl = 35;
export const __HYPERVISOR_domctl = 36;
export const __HYPERVISOR_kexec_op = 37;
export const __HYPERVISOR_tmem_op = 38;
export const __HYPERVISOR_argo_op = 39;
export const __HYPERVISOR_xenpmu_op = 40;
export const __HYPERVISOR_dm_op = 41;
export const __HYPERVISOR_hypfs_op = 42;
export const __HYPERVISOR_arch_0 = 48;
/** On x86: machine-check operations. */
export const __HYPERVISOR_mca: number = __HYPERVISOR_arch_0;
export const __HYPERVISOR_arch_1 = 49;
export const __HYPERVISOR_arch_2 = 50;
export const __HYPERVISOR_arch_3 = 51;
export const __HYPERVISOR_arch_4 = 52;
export const __HYPERVISOR_arch_5 = 53;
export const __HYPERVISOR_arch_6 = 54;
export const __HYPERVISOR_arch_7 = 55;

/** Vector of the hypercall gate of x86_32. */
export const HYPERCALL_VECTOR = 0x82;

/** Bytes of one stub in the hypercall page. */
export const HYPERCALL_STUB_BYTES = 32;

/** Number of stubs in the hypercall page, and one more than the highest number a call can have. */
export const NR_HYPERCALLS = 64;

const NAMES: readonly string[] = [
  "set_trap_table",
  "mmu_update",
  "set_gdt",
  "stack_switch",
  "set_callbacks",
  "fpu_taskswitch",
  "sched_op_compat",
  "platform_op",
  "set_debugreg",
  "get_debugreg",
  "update_descriptor",
  "",
  "memory_op",
  "multicall",
  "update_va_mapping",
  "set_timer_op",
  "event_channel_op_compat",
  "xen_version",
  "console_io",
  "physdev_op_compat",
  "grant_table_op",
  "vm_assist",
  "update_va_mapping_otherdomain",
  "iret",
  "vcpu_op",
  "set_segment_base",
  "mmuext_op",
  "xsm_op",
  "nmi_op",
  "sched_op",
  "callback_op",
  "xenoprof_op",
  "event_channel_op",
  "physdev_op",
  "hvm_op",
  "sysctl",
  "domctl",
  "kexec_op",
  "tmem_op",
  "argo_op",
  "xenpmu_op",
  "dm_op",
  "hypfs_op",
  "",
  "",
  "",
  "",
  "",
  "mca",
  "",
  "alarm_op",
];

/** Name of a hypercall without its prefix, for traces and messages; `hypercall N` when it has none. */
export const hypercallName = (number: number): string => NAMES[number] || `hypercall ${number}`;
