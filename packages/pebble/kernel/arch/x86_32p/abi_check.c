/*
 * The layouts of include/xen, proved at compile time for this width against
 * the numbers of Xen's public headers. No code.
 */
#include "arch.h"
#include "../user/abi.h"
#include "xen/core.h"
#include "xen/event.h"
#include "xen/grant.h"
#include "xen/rings.h"
#include "xen/sched.h"

#define SIZE(type, bytes) _Static_assert(sizeof(struct type) == (bytes), "size of " #type)
#define AT(type, field, offset) \
    _Static_assert(offsetof(struct type, field) == (offset), "offset of " #type "." #field)

SIZE(vcpu_time_info, 32);
AT(vcpu_time_info, version, 0);
AT(vcpu_time_info, tsc_timestamp, 8);
AT(vcpu_time_info, system_time, 16);
AT(vcpu_time_info, tsc_to_system_mul, 24);
AT(vcpu_time_info, tsc_shift, 28);
AT(vcpu_time_info, flags, 29);

SIZE(vcpu_info, 64);
AT(vcpu_info, evtchn_upcall_pending, 0);
AT(vcpu_info, evtchn_upcall_mask, 1);
AT(vcpu_info, evtchn_pending_sel, 4);
AT(vcpu_info, arch.cr2, 8);
AT(vcpu_info, time, 32);
SIZE(arch_vcpu_info, 24);

SIZE(shared_info, 2344);
AT(shared_info, evtchn_pending, 2048);
AT(shared_info, evtchn_mask, 2176);
AT(shared_info, wc_version, 2304);
AT(shared_info, wc_sec, 2308);
AT(shared_info, wc_nsec, 2312);
AT(shared_info, arch, 2316);
SIZE(arch_shared_info, 28);
AT(arch_shared_info, pfn_to_mfn_frame_list_list, 4);

SIZE(start_info, 1112);
AT(start_info, nr_pages, 32);
AT(start_info, shared_info, 36);
AT(start_info, flags, 40);
AT(start_info, store_mfn, 44);
AT(start_info, store_evtchn, 48);
AT(start_info, console_mfn, 52);
AT(start_info, console_evtchn, 56);
AT(start_info, pt_base, 60);
AT(start_info, nr_pt_frames, 64);
AT(start_info, mfn_list, 68);
AT(start_info, mod_start, 72);
AT(start_info, mod_len, 76);
AT(start_info, cmd_line, 80);
AT(start_info, first_p2m_pfn, 1104);
AT(start_info, nr_p2m_frames, 1108);

SIZE(trap_info, 8);
AT(trap_info, flags, 1);
AT(trap_info, cs, 2);
AT(trap_info, address, 4);
SIZE(mmu_update, 16);
AT(mmu_update, val, 8);
SIZE(mmuext_op, 12);
AT(mmuext_op, arg1, 4);

SIZE(evtchn_bind_virq, 12);
AT(evtchn_bind_virq, port, 8);
SIZE(evtchn_alloc_unbound, 8);
AT(evtchn_alloc_unbound, remote_dom, 2);
AT(evtchn_alloc_unbound, port, 4);
SIZE(sched_poll, 16);
AT(sched_poll, nr_ports, 4);
AT(sched_poll, timeout, 8);
SIZE(vcpu_runstate_info, 44);
AT(vcpu_runstate_info, time, 12);

SIZE(grant_entry_v1, 8);
AT(grant_entry_v1, domid, 2);
AT(grant_entry_v1, frame, 4);
SIZE(gnttab_setup_table, 16);
AT(gnttab_setup_table, nr_frames, 4);
AT(gnttab_setup_table, status, 8);
AT(gnttab_setup_table, frame_list, 12);

SIZE(xencons_interface, 3088);
AT(xencons_interface, out, 1024);
AT(xencons_interface, in_cons, 3072);
AT(xencons_interface, in_prod, 3076);
AT(xencons_interface, out_cons, 3080);
AT(xencons_interface, out_prod, 3084);
AT(xenstore_domain_interface, rsp, 1024);
AT(xenstore_domain_interface, req_cons, 2048);
AT(xenstore_domain_interface, req_prod, 2052);
AT(xenstore_domain_interface, rsp_cons, 2056);
AT(xenstore_domain_interface, rsp_prod, 2060);
SIZE(xsd_sockmsg, 16);

SIZE(ring_header, 64);
SIZE(blkif_request, 108);
AT(blkif_request, nr_segments, 1);
AT(blkif_request, handle, 2);
AT(blkif_request, id, 4);
AT(blkif_request, sector_number, 12);
AT(blkif_request, seg, 20);
SIZE(blkif_segment, 8);
AT(blkif_segment, first_sect, 4);
AT(blkif_segment, last_sect, 5);
SIZE(blkif_response, 12);
AT(blkif_response, operation, 8);
AT(blkif_response, status, 10);
AT(blkif_ring, entry, 64);
SIZE(blkif_ring, 64 + 32 * 108);

/* What entry.S pushes; it has no names for these. */
SIZE(trap_frame, 17 * 4);
AT(trap_frame, vector, 40);
AT(trap_frame, eip, 48);
AT(trap_frame, ss, 64);
SIZE(switch_frame, 5 * 4);

_Static_assert(USER_DATA == USER_TEXT + PAGE_SIZE, "one page of code, then one of data");
_Static_assert(USER_STACK_TOP == USER_STACK + PAGE_SIZE, "one page of stack");
_Static_assert(USER_STACK > USER_DATA + PAGE_SIZE, "a hole below the stack");
