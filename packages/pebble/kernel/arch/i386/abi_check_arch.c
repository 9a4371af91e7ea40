/* Layouts of the 32-bit widths; those that are alike in every width are in common/abi_check.c. */
#include "abi_check.h"
#include "arch.h"
#include "xen/core.h"
#include "xen/grant.h"
#include "xen/rings.h"
#include "xen/sched.h"

AT(vcpu_info, evtchn_pending_sel, 4);
AT(vcpu_info, arch.cr2, 8);
SIZE(arch_vcpu_info, 24);
SIZE(shared_info, 2344);
AT(shared_info, evtchn_mask, 2176);
AT(shared_info, wc_version, 2304);
AT(shared_info, wc_sec, 2308);
AT(shared_info, wc_nsec, 2312);
AT(shared_info, arch, 2316);
SIZE(arch_shared_info, 28);
AT(arch_shared_info, pfn_to_mfn_frame_list_list, 4);
SIZE(start_info, 1112);
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
AT(trap_info, address, 4);
SIZE(mmuext_op, 12);
AT(mmuext_op, arg1, 4);
SIZE(sched_poll, 16);
AT(sched_poll, nr_ports, 4);
AT(sched_poll, timeout, 8);
SIZE(vcpu_runstate_info, 44);
AT(vcpu_runstate_info, time, 12);
SIZE(gnttab_setup_table, 16);
AT(gnttab_setup_table, frame_list, 12);
SIZE(blkif_request, 108);
AT(blkif_request, id, 4);
AT(blkif_request, sector_number, 12);
AT(blkif_request, seg, 20);
SIZE(blkif_response, 12);
SIZE(blkif_ring, 64 + 32 * 108);

/* What entry.S pushes; it has no names for these. */
SIZE(trap_frame, 17 * 4);
AT(trap_frame, vector, 40);
AT(trap_frame, eip, 48);
AT(trap_frame, ss, 64);
SIZE(switch_frame, 5 * 4);
