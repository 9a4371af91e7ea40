/* Layouts of the 64-bit width; those that are alike in every width are in common/abi_check.c. */
#include "abi_check.h"
#include "arch.h"
#include "xen/core.h"
#include "xen/grant.h"
#include "xen/rings.h"
#include "xen/sched.h"

AT(vcpu_info, evtchn_pending_sel, 8);
AT(vcpu_info, arch.cr2, 16);
SIZE(arch_vcpu_info, 16);
SIZE(shared_info, 3136);
AT(shared_info, evtchn_mask, 2560);
AT(shared_info, wc_version, 3072);
AT(shared_info, wc_sec, 3076);
AT(shared_info, wc_nsec, 3080);
AT(shared_info, arch, 3088);
SIZE(arch_shared_info, 48);
AT(arch_shared_info, pfn_to_mfn_frame_list_list, 8);
SIZE(start_info, 1168);
AT(start_info, shared_info, 40);
AT(start_info, flags, 48);
AT(start_info, store_mfn, 56);
AT(start_info, store_evtchn, 64);
AT(start_info, console_mfn, 72);
AT(start_info, console_evtchn, 80);
AT(start_info, pt_base, 88);
AT(start_info, nr_pt_frames, 96);
AT(start_info, mfn_list, 104);
AT(start_info, mod_start, 112);
AT(start_info, mod_len, 120);
AT(start_info, cmd_line, 128);
AT(start_info, first_p2m_pfn, 1152);
AT(start_info, nr_p2m_frames, 1160);
SIZE(trap_info, 16);
AT(trap_info, address, 8);
SIZE(mmuext_op, 24);
AT(mmuext_op, arg1, 8);
SIZE(sched_poll, 24);
AT(sched_poll, nr_ports, 8);
AT(sched_poll, timeout, 16);
SIZE(vcpu_runstate_info, 48);
AT(vcpu_runstate_info, time, 16);
SIZE(gnttab_setup_table, 24);
AT(gnttab_setup_table, frame_list, 16);
SIZE(blkif_request, 112);
AT(blkif_request, id, 8);
AT(blkif_request, sector_number, 16);
AT(blkif_request, seg, 24);
SIZE(blkif_response, 16);
SIZE(blkif_ring, 64 + 32 * 112);

/* What entry.S pushes; it has no names for these. */
SIZE(trap_frame, 22 * 8);
AT(trap_frame, vector, 120);
AT(trap_frame, rip, 136);
AT(trap_frame, ss, 168);
SIZE(switch_frame, 7 * 8);
