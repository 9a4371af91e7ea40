import * as arch from "@xenolith/xen-abi/arch-x86";
import * as callback from "@xenolith/xen-abi/callback";
import * as event from "@xenolith/xen-abi/event-channel";
import * as grant from "@xenolith/xen-abi/grant-table";
import * as blkif from "@xenolith/xen-abi/io/blkif";
import * as wire from "@xenolith/xen-abi/io/xs-wire";
import * as memory from "@xenolith/xen-abi/memory";
import * as nmi from "@xenolith/xen-abi/nmi";
import * as physdev from "@xenolith/xen-abi/physdev";
import * as sched from "@xenolith/xen-abi/sched";
import * as shared from "@xenolith/xen-abi/shared-info";
import * as start from "@xenolith/xen-abi/start-info";
import type { Struct } from "@xenolith/xen-abi/struct";
import * as vcpu from "@xenolith/xen-abi/vcpu";
import * as version from "@xenolith/xen-abi/version";
import * as xen from "@xenolith/xen-abi/xen";

/** Every structure codec, seen alike. */
// biome-ignore lint/suspicious/noExplicitAny: the tests handle structures of all types alike
export type AnyStruct = Struct<any>;

/** Structures by the name they have in Xen's headers, in all widths. */
export const STRUCTURES: Readonly<Record<string, AnyStruct>> = {
  mmuext_op: xen.MMUEXT_OP,
  multicall_entry: xen.MULTICALL_ENTRY,
  start_info: start.START_INFO,
  vcpu_time_info: shared.VCPU_TIME_INFO,
  vcpu_info: shared.VCPU_INFO,
  trap_info: arch.TRAP_INFO,
  evtchn_alloc_unbound: event.EVTCHN_ALLOC_UNBOUND,
  evtchn_bind_interdomain: event.EVTCHN_BIND_INTERDOMAIN,
  evtchn_bind_virq: event.EVTCHN_BIND_VIRQ,
  evtchn_bind_pirq: event.EVTCHN_BIND_PIRQ,
  evtchn_bind_ipi: event.EVTCHN_BIND_IPI,
  evtchn_send: event.EVTCHN_PORT,
  evtchn_status: event.EVTCHN_STATUS,
  evtchn_bind_vcpu: event.EVTCHN_BIND_VCPU,
  evtchn_reset: event.EVTCHN_RESET,
  evtchn_init_control: event.EVTCHN_INIT_CONTROL,
  evtchn_expand_array: event.EVTCHN_EXPAND_ARRAY,
  evtchn_set_priority: event.EVTCHN_SET_PRIORITY,
  grant_entry_v1: grant.GRANT_ENTRY_V1,
  grant_entry_v2: grant.GRANT_ENTRY_V2,
  gnttab_map_grant_ref: grant.GNTTAB_MAP_GRANT_REF,
  gnttab_unmap_grant_ref: grant.GNTTAB_UNMAP_GRANT_REF,
  gnttab_setup_table: grant.GNTTAB_SETUP_TABLE,
  gnttab_dump_table: grant.GNTTAB_DUMP_TABLE,
  gnttab_transfer: grant.GNTTAB_TRANSFER,
  gnttab_copy: grant.GNTTAB_COPY,
  gnttab_query_size: grant.GNTTAB_QUERY_SIZE,
  gnttab_unmap_and_replace: grant.GNTTAB_UNMAP_AND_REPLACE,
  gnttab_set_version: grant.GNTTAB_SET_VERSION,
  gnttab_get_status_frames: grant.GNTTAB_GET_STATUS_FRAMES,
  gnttab_get_version: grant.GNTTAB_GET_VERSION,
  gnttab_swap_grant_ref: grant.GNTTAB_SWAP_GRANT_REF,
  gnttab_cache_flush: grant.GNTTAB_CACHE_FLUSH,
  xen_memory_reservation: memory.XEN_MEMORY_RESERVATION,
  xen_memory_exchange: memory.XEN_MEMORY_EXCHANGE,
  xen_memory_domain: memory.XEN_MEMORY_DOMAIN,
  xen_machphys_mfn_list: memory.XEN_MACHPHYS_MFN_LIST,
  xen_machphys_mapping: memory.XEN_MACHPHYS_MAPPING,
  xen_add_to_physmap: memory.XEN_ADD_TO_PHYSMAP,
  xen_remove_from_physmap: memory.XEN_REMOVE_FROM_PHYSMAP,
  xen_memory_map: memory.XEN_MEMORY_MAP,
  xen_foreign_memory_map: memory.XEN_FOREIGN_MEMORY_MAP,
  xen_pod_target: memory.XEN_POD_TARGET,
  xen_add_to_physmap_batch: memory.XEN_ADD_TO_PHYSMAP_BATCH,
  xen_mem_acquire_resource: memory.XEN_MEM_ACQUIRE_RESOURCE,
  xen_vnuma_topology_info: memory.XEN_VNUMA_TOPOLOGY_INFO,
  sched_shutdown: sched.SCHED_SHUTDOWN,
  sched_poll: sched.SCHED_POLL,
  sched_remote_shutdown: sched.SCHED_REMOTE_SHUTDOWN,
  sched_watchdog: sched.SCHED_WATCHDOG,
  sched_pin_override: sched.SCHED_PIN_OVERRIDE,
  vcpu_runstate_info: vcpu.VCPU_RUNSTATE_INFO,
  vcpu_set_periodic_timer: vcpu.VCPU_SET_PERIODIC_TIMER,
  vcpu_set_singleshot_timer: vcpu.VCPU_SET_SINGLESHOT_TIMER,
  vcpu_register_vcpu_info: vcpu.VCPU_REGISTER_VCPU_INFO,
  vcpu_get_physid: vcpu.VCPU_GET_PHYSID,
  xen_compile_info: version.XEN_COMPILE_INFO,
  xen_platform_parameters: version.XEN_PLATFORM_PARAMETERS,
  xen_feature_info: version.XEN_FEATURE_INFO,
  callback_unregister: callback.CALLBACK_UNREGISTER,
  xennmi_callback: nmi.XENNMI_CALLBACK,
  physdev_set_iopl: physdev.PHYSDEV_SET_IOPL,
  physdev_set_iobitmap: physdev.PHYSDEV_SET_IOBITMAP,
  physdev_eoi: physdev.PHYSDEV_EOI,
  physdev_pirq_eoi_gmfn: physdev.PHYSDEV_PIRQ_EOI_GMFN,
  physdev_irq_status_query: physdev.PHYSDEV_IRQ_STATUS_QUERY,
  physdev_map_pirq: physdev.PHYSDEV_MAP_PIRQ,
  physdev_unmap_pirq: physdev.PHYSDEV_UNMAP_PIRQ,
  physdev_get_free_pirq: physdev.PHYSDEV_GET_FREE_PIRQ,
  xsd_sockmsg: wire.XSD_SOCKMSG,
  blkif_request_segment: blkif.BLKIF_REQUEST_SEGMENT,
  blkif_request: blkif.BLKIF_REQUEST,
  blkif_request_discard: blkif.BLKIF_REQUEST_DISCARD,
  blkif_request_indirect: blkif.BLKIF_REQUEST_INDIRECT,
  blkif_response: blkif.BLKIF_RESPONSE,
};

/** Structures that differ by more than field widths, 32-bit form. */
export const STRUCTURES_32: Readonly<Record<string, AnyStruct>> = {
  cpu_user_regs: arch.CPU_USER_REGS_32,
  vcpu_guest_context: arch.VCPU_GUEST_CONTEXT_32,
  callback_register: callback.CALLBACK_REGISTER_32,
};

/** Structures that differ by more than field widths, 64-bit form. */
export const STRUCTURES_64: Readonly<Record<string, AnyStruct>> = {
  arch_shared_info: shared.ARCH_SHARED_INFO,
  cpu_user_regs: arch.CPU_USER_REGS_64,
  vcpu_guest_context: arch.VCPU_GUEST_CONTEXT_64,
  callback_register: callback.CALLBACK_REGISTER_64,
};
