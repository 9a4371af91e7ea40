/*
 * The layouts of include/xen, proved at compile time against the numbers of
 * Xen's public headers: those that are alike in every width. No code. The others are
 * in the abi_check_arch.c of each architecture.
 */
#include "abi_check.h"
#include "arch.h"
#include "../user/abi.h"
#include "xen/core.h"
#include "xen/event.h"
#include "xen/grant.h"
#include "xen/rings.h"
#include "xen/sched.h"

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
AT(vcpu_info, time, 32);

AT(shared_info, evtchn_pending, 2048);

AT(start_info, nr_pages, 32);

AT(trap_info, flags, 1);
AT(trap_info, cs, 2);
SIZE(mmu_update, 16);
AT(mmu_update, val, 8);

SIZE(evtchn_bind_virq, 12);
AT(evtchn_bind_virq, port, 8);
SIZE(evtchn_alloc_unbound, 8);
AT(evtchn_alloc_unbound, remote_dom, 2);
AT(evtchn_alloc_unbound, port, 4);

SIZE(grant_entry_v1, 8);
AT(grant_entry_v1, domid, 2);
AT(grant_entry_v1, frame, 4);
AT(gnttab_setup_table, nr_frames, 4);
AT(gnttab_setup_table, status, 8);

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
AT(blkif_request, nr_segments, 1);
AT(blkif_request, handle, 2);
SIZE(blkif_segment, 8);
AT(blkif_segment, first_sect, 4);
AT(blkif_segment, last_sect, 5);
AT(blkif_response, operation, 8);
AT(blkif_response, status, 10);
AT(blkif_ring, entry, 64);

_Static_assert(USER_DATA == USER_TEXT + PAGE_SIZE, "one page of code, then one of data");
_Static_assert(USER_STACK_TOP == USER_STACK + PAGE_SIZE, "one page of stack");
_Static_assert(USER_STACK > USER_DATA + PAGE_SIZE, "a hole below the stack");
